/**
 * Which shared libraries an ELF file names (DT_NEEDED), and its loader: 64 bits, little-endian (System V ABI, "Program Loading and Dynamic
 * Linking").
 */
import { machineOf } from '../package/elf.ts';

const SEGMENT = { load: 1, dynamic: 2, interpreter: 3 } as const;
const TAG = { end: 0, needed: 1, strings: 5 } as const;

export interface Needed {
  /** Such as `libm.so.6`, in the order of the file. */
  readonly libraries: readonly string[];
  /** Such as `/lib64/ld-linux-x86-64.so.2`; undefined for a library. */
  readonly loader: string | undefined;
}

/** @throws for a file that is no ELF file, or has no dynamic section */
export function neededBy(file: Buffer): Needed {
  machineOf(file);
  const segments = segmentsOf(file);
  const dynamic = segments.find(({ type }) => type === SEGMENT.dynamic);
  if (dynamic === undefined) throw new Error('it has no dynamic section');
  const entries: { readonly tag: number; readonly value: number }[] = [];
  for (let at = dynamic.offset; at < dynamic.offset + dynamic.size; at += 16) {
    const tag = numberAt(file, at);
    if (tag === TAG.end) break;
    entries.push({ tag, value: numberAt(file, at + 8) });
  }
  const address = entries.find(({ tag }) => tag === TAG.strings)?.value;
  const home = segments.find(
    ({ type, from, size }) => type === SEGMENT.load && address !== undefined && address >= from && address < from + size,
  );
  if (address === undefined || home === undefined) throw new Error('it has no table of strings');
  const strings = home.offset + (address - home.from);
  const interpreter = segments.find(({ type }) => type === SEGMENT.interpreter);
  return {
    libraries: entries.filter(({ tag }) => tag === TAG.needed).map(({ value }) => textAt(file, strings + value)),
    loader: interpreter === undefined ? undefined : textAt(file, interpreter.offset),
  };
}

function segmentsOf(file: Buffer) {
  const [table, bytes, count] = [numberAt(file, 32), file.readUInt16LE(54), file.readUInt16LE(56)];
  return Array.from({ length: count }, (_, index) => {
    const at = table + index * bytes;
    return {
      type: file.readUInt32LE(at),
      offset: numberAt(file, at + 8),
      from: numberAt(file, at + 16),
      size: numberAt(file, at + 32),
    };
  });
}

/** What is larger than a file of ours can be cannot be right. Tags of vendors are large as well, and are none of those that are looked for. */
function numberAt(file: Buffer, at: number): number {
  return Number(file.readBigUInt64LE(at));
}

function textAt(file: Buffer, at: number): string {
  const end = file.indexOf(0, at);
  if (end === -1) throw new Error('a string of it has no end');
  return file.toString('latin1', at, end);
}
