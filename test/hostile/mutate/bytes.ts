import type { Random } from '../../model/random.ts';

/** Runs of one byte, or repetitions of a part, up to so many bytes: above what any small buffer holds. */
const MOST_REPEATED = 64 * 1024;

/** Where lengths, counts and signs change their meaning. */
const EDGES = [0, 1, 0x7f, 0x80, 0xff, 0x100, 0x7fff, 0xffff, 0x10000, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff];

type ByteMutator = (random: Random, input: Uint8Array, others: readonly Uint8Array[]) => Uint8Array;

const MUTATORS: readonly ByteMutator[] = [
  function flipBits(random, input) {
    const bytes = Buffer.from(input);
    for (let flips = 1 + random.integer(8); flips > 0 && bytes.length > 0; flips -= 1) {
      const at = random.integer(bytes.length);
      bytes[at] = (bytes[at] ?? 0) ^ (1 << random.integer(8));
    }
    return bytes;
  },
  function setByte(random, input) {
    const bytes = Buffer.from(input);
    if (bytes.length > 0) bytes[random.integer(bytes.length)] = random.pick([0, 1, 0x7f, 0x80, 0xff, random.integer(256)]) ?? 0;
    return bytes;
  },
  function truncate(random, input) {
    return input.subarray(0, random.integer(input.length + 1));
  },
  function removePart(random, input) {
    const [from, to] = part(random, input);
    return Buffer.concat([input.subarray(0, from), input.subarray(to)]);
  },
  function repeatPart(random, input) {
    const [from, to] = part(random, input);
    const most = Math.max(1, Math.min(64, Math.floor(MOST_REPEATED / Math.max(1, to - from))));
    const copies = Array<Uint8Array>(1 + random.integer(most)).fill(input.subarray(from, to));
    return Buffer.concat([input.subarray(0, to), ...copies, input.subarray(to)]);
  },
  function insertRun(random, input) {
    const at = random.integer(input.length + 1);
    const run = Buffer.alloc(1 + random.integer(random.oneIn(8) ? MOST_REPEATED : 32), random.integer(256));
    return Buffer.concat([input.subarray(0, at), run, input.subarray(at)]);
  },
  function insertNoise(random, input) {
    const at = random.integer(input.length + 1);
    const noise = Buffer.from(Array.from({ length: 1 + random.integer(16) }, () => random.integer(256)));
    return Buffer.concat([input.subarray(0, at), noise, input.subarray(at)]);
  },
  /** The beginning of one entry of the corpus, and the end of another. */
  function splice(random, input, others) {
    const other = random.pick(others) ?? input;
    return Buffer.concat([input.subarray(0, random.integer(input.length + 1)), other.subarray(random.integer(other.length + 1))]);
  },
  function writeEdge(random, input) {
    const bytes = Buffer.from(input);
    const width = random.pick([1, 2, 4, 8]) ?? 4;
    if (bytes.length < width) return bytes;
    const at = random.integer(bytes.length - width + 1);
    const edge = BigInt(random.pick(EDGES) ?? 0);
    const number = Buffer.alloc(8);
    if (random.oneIn(2)) number.writeBigUInt64LE(edge);
    else number.writeBigUInt64BE((edge << BigInt(64 - 8 * width)) & 0xffff_ffff_ffff_ffffn);
    number.copy(bytes, at, 0, width);
    return bytes;
  },
  /** Where a length may stand as a varint (Protocol Buffers), stands another one. */
  function writeVarint(random, input) {
    if (input.length === 0) return input;
    const at = random.integer(input.length);
    return Buffer.concat([input.subarray(0, at), hugeVarint(random), input.subarray(at + 1)]);
  },
];

/** One change that knows nothing of what the bytes mean. */
export function mutateBytes(random: Random, input: Uint8Array, others: readonly Uint8Array[]): Uint8Array {
  const mutate = random.pick(MUTATORS);
  return mutate === undefined ? input : mutate(random, input, others);
}

/** A number of up to ten bytes, mostly large, at times longer than it need be or without an end. */
export function hugeVarint(random: Random): Buffer {
  const length = 1 + random.integer(11);
  const bytes = Buffer.alloc(length, random.oneIn(3) ? 0x80 : 0xff);
  if (!random.oneIn(6)) bytes[length - 1] = random.pick([0, 1, 0x7f, random.integer(128)]) ?? 0;
  return bytes;
}

function part(random: Random, input: Uint8Array): readonly [number, number] {
  const from = random.integer(input.length + 1);
  const length = random.oneIn(3)
    ? random.integer(input.length - from + 1)
    : random.integer(Math.min(16, input.length - from) + 1);
  return [from, from + length];
}
