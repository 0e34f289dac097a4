/** What an executable or library of ELF (64 bits, little-endian) asks of the system that it is loaded on. */
export interface ElfNeeds {
  /** Names of libraries (DT_NEEDED): `libc.so.6`. */
  readonly libraries: readonly string[];
  /** Versions of their symbols, by library: `libc.so.6` → `GLIBC_2.28`, …. */
  readonly versions: ReadonlyMap<string, readonly string[]>;
}

interface Section {
  readonly type: number;
  readonly link: number;
  readonly info: number;
  readonly bytes: Buffer;
}

const SECTION_BYTES = 64;
const DYNAMIC = 6;
const VERSIONS_NEEDED = 0x6ffffffe;
const NEEDED = 1n;

/** System V ABI, "Object Files"; LSB Core, "Symbol Versioning". @throws for a file of another kind */
export function elfNeeds(file: Buffer): ElfNeeds {
  if (file.readUInt32BE(0) !== 0x7f454c46 || file.readUInt16BE(4) !== 0x0201)
    throw new Error('no ELF file of 64 bits, little-endian');
  const sections = sectionsOf(file);
  const stringsOf = ({ link }: Section) => sections[link]?.bytes ?? Buffer.alloc(0);
  const libraries = sections
    .filter(({ type }) => type === DYNAMIC)
    .flatMap((section) => neededIn(section.bytes, stringsOf(section)));
  const versions = new Map<string, readonly string[]>();
  for (const section of sections.filter(({ type }) => type === VERSIONS_NEEDED)) {
    for (const { library, names } of versionsIn(section, stringsOf(section))) versions.set(library, names);
  }
  return { libraries, versions };
}

function sectionsOf(file: Buffer): readonly Section[] {
  const at = Number(file.readBigUInt64LE(40));
  return Array.from({ length: file.readUInt16LE(60) }, (_, index) => {
    const header = file.subarray(at + index * SECTION_BYTES, at + (index + 1) * SECTION_BYTES);
    const offset = Number(header.readBigUInt64LE(24));
    return {
      type: header.readUInt32LE(4),
      link: header.readUInt32LE(40),
      info: header.readUInt32LE(44),
      bytes: file.subarray(offset, offset + Number(header.readBigUInt64LE(32))),
    };
  });
}

function neededIn(dynamic: Buffer, strings: Buffer): readonly string[] {
  const names: string[] = [];
  for (let at = 0; at + 16 <= dynamic.length; at += 16) {
    if (dynamic.readBigInt64LE(at) === NEEDED) names.push(stringAt(strings, Number(dynamic.readBigUInt64LE(at + 8))));
  }
  return names;
}

/** `info` says how many libraries; each entry says how many versions, and where the next is from here. */
function versionsIn({ bytes, info }: Section, strings: Buffer) {
  const found: { readonly library: string; readonly names: readonly string[] }[] = [];
  for (let index = 0, at = 0; index < info; index += 1) {
    const count = bytes.readUInt16LE(at + 2);
    const names: string[] = [];
    for (let number = 0, version = at + bytes.readUInt32LE(at + 8); number < count; number += 1) {
      names.push(stringAt(strings, bytes.readUInt32LE(version + 8)));
      version += bytes.readUInt32LE(version + 12);
    }
    found.push({ library: stringAt(strings, bytes.readUInt32LE(at + 4)), names });
    at += bytes.readUInt32LE(at + 12);
  }
  return found;
}

function stringAt(strings: Buffer, at: number): string {
  return strings.toString('latin1', at, strings.indexOf(0, at));
}
