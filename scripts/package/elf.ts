/**
 * What of the ELF format an executable is made with: 64 bits, little-endian, which are both architectures (System V ABI, "Object Files").
 */
const MAGIC = 0x464c457f;
const CLASS_64_LITTLE = 0x0102;
const HEADER_BYTES = 64;
const SEGMENT_BYTES = 56;
const SECTION_BYTES = 64;
const NO_BITS = 8;
const IS_LOADED = 0x2;
/** e_machine. */
export const MACHINES = { x64: 62, arm64: 183 } as const;

interface Section {
  readonly header: Buffer;
  readonly type: number;
  readonly isLoaded: boolean;
  readonly offset: number;
  readonly size: number;
}

/** The e_machine of an ELF file, which is looked up in MACHINES. @throws for another file */
export function machineOf(file: Buffer): number {
  if (file.length < HEADER_BYTES || file.readUInt32LE(0) !== MAGIC || file.readUInt16LE(4) !== CLASS_64_LITTLE) {
    throw new Error('it is no ELF file of 64 bits, little-endian');
  }
  return file.readUInt16LE(18);
}

/**
 * The executable without what is not loaded when it runs: debugging information and the table of local symbols, a sixth of Node. Functions
 * that it exports keep their names, so its own reports of a crash still have them.
 * @throws where a section that is loaded lies behind others, so that nothing can be cut off at one place
 */
export function stripped(file: Buffer): Buffer {
  machineOf(file);
  const sections = sectionsOf(file);
  const first = sections.findIndex(({ isLoaded, type }) => !isLoaded && type !== 0);
  const names = sections[file.readUInt16LE(62)];
  if (first === -1 || names === undefined) throw new Error('it has no sections that are not loaded');
  const kept = sections.slice(0, first);
  if (sections.slice(first).some(({ isLoaded }) => isLoaded)) throw new Error('a section that is loaded lies behind others');
  const end = Math.max(
    ...kept.map(({ type, offset, size }) => offset + (type === NO_BITS ? 0 : size)),
    ...segmentEnds(file),
    // The headers of sections come behind, wherever they were.
    HEADER_BYTES,
  );
  const namesAt = aligned(end);
  const tableAt = aligned(namesAt + names.size);
  const out = Buffer.alloc(tableAt + (kept.length + 1) * SECTION_BYTES);
  file.copy(out, 0, 0, end);
  file.copy(out, namesAt, names.offset, names.offset + names.size);
  for (const [index, { header }] of kept.entries()) header.copy(out, tableAt + index * SECTION_BYTES);
  const namesHeader = Buffer.from(names.header);
  namesHeader.writeBigUInt64LE(BigInt(namesAt), 24);
  namesHeader.copy(out, tableAt + kept.length * SECTION_BYTES);
  out.writeBigUInt64LE(BigInt(tableAt), 40);
  out.writeUInt16LE(kept.length + 1, 60);
  out.writeUInt16LE(kept.length, 62);
  return out;
}

function sectionsOf(file: Buffer): readonly Section[] {
  const at = Number(file.readBigUInt64LE(40));
  const count = file.readUInt16LE(60);
  return Array.from({ length: count }, (_, index) => {
    const header = file.subarray(at + index * SECTION_BYTES, at + (index + 1) * SECTION_BYTES);
    return {
      header,
      type: header.readUInt32LE(4),
      isLoaded: (header.readBigUInt64LE(8) & BigInt(IS_LOADED)) !== 0n,
      offset: Number(header.readBigUInt64LE(24)),
      size: Number(header.readBigUInt64LE(32)),
    };
  });
}

function segmentEnds(file: Buffer): readonly number[] {
  const at = Number(file.readBigUInt64LE(32));
  return Array.from({ length: file.readUInt16LE(56) }, (_, index) => {
    const segment = at + index * SEGMENT_BYTES;
    return Number(file.readBigUInt64LE(segment + 8)) + Number(file.readBigUInt64LE(segment + 32));
  });
}

function aligned(offset: number): number {
  return Math.ceil(offset / 8) * 8;
}
