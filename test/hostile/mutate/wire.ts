import type { Random } from '../../model/random.ts';
import { hugeVarint, mutateBytes } from './bytes.ts';
import { changeInside, lyingFrame } from './zstd.ts';

/** Protocol Buffers without a schema: a message is a row of fields. Groups, which proto3 has not, end a message. */
export interface Field {
  readonly tag: Uint8Array;
  /** 0 varint, 1 eight bytes, 2 bytes with their length, 5 four bytes. */
  readonly type: number;
  /** Without the length. */
  readonly value: Uint8Array;
}

/** So many copies of one field, and so many levels of one message in another. */
const MOST_COPIES = 20_000;
const MOST_DEPTH = 10_000;
/** Levels that are looked into. */
const MOST_LOOKED_INTO = 8;

/** One change to the fields of a message, or of one inside of it, or inside of a compressed part. */
export function mutateWire(random: Random, input: Uint8Array, others: readonly Uint8Array[]): Uint8Array {
  return changeMessage(random, input, others, MOST_LOOKED_INTO);
}

function changeMessage(random: Random, input: Uint8Array, others: readonly Uint8Array[], depth: number): Uint8Array {
  const fields = fieldsOf(input);
  if (fields === undefined || fields.length === 0) return mutateBytes(random, input, others);
  const at = random.integer(fields.length);
  const field = fields[at];
  if (field === undefined) return input;
  if (field.type === 2 && depth > 0 && !random.oneIn(3)) {
    const inner = changeInside(field.value, (plain) => changeMessage(random, plain, others, depth - 1));
    const value =
      inner ??
      (isText(field.value) ? changeText(random, field.value, others) : changeMessage(random, field.value, others, depth - 1));
    return write(fields.with(at, { ...field, value }));
  }
  return changeField(random, fields, at, field);
}

function changeField(random: Random, fields: Field[], at: number, field: Field): Uint8Array {
  switch (random.integer(9)) {
    case 0:
      return write(fields.toSpliced(at, 1));
    case 1: {
      const copies = 1 + random.integer(random.oneIn(4) ? MOST_COPIES : 8);
      const before = write(fields.slice(0, at));
      const one = write([field]);
      return Buffer.concat([before, repeated(one, copies), write(fields.slice(at))]);
    }
    case 2:
      return write(fields.toSpliced(random.integer(fields.length), 0, field));
    case 3: {
      // Another number, or another type under the same one.
      const tag = random.oneIn(2) ? hugeVarint(random) : Buffer.from([random.integer(256)]);
      return write(fields.with(at, { ...field, tag }));
    }
    case 4: {
      const value = field.type === 0 ? hugeVarint(random) : Buffer.alloc(field.value.length, random.pick([0, 0xff]) ?? 0);
      return write(fields.with(at, { ...field, value }));
    }
    case 5: {
      // A length that is not the one of what follows.
      const { tag, value } = field;
      return Buffer.concat([write(fields.slice(0, at)), tag, hugeVarint(random), value, write(fields.slice(at + 1))]);
    }
    case 6: {
      let value: Uint8Array = field.value;
      const levels = 1 + random.integer(random.oneIn(3) ? MOST_DEPTH : 10);
      const lengths: Uint8Array[] = [];
      let size = value.length;
      for (let level = 0; level < levels; level += 1) {
        const head = Buffer.concat([field.tag, varint(size)]);
        lengths.push(head);
        size += head.length;
      }
      value = Buffer.concat([...lengths.reverse(), value]);
      return write(fields.with(at, { ...field, value }));
    }
    case 7:
      return write(fields.with(at, { ...field, value: random.oneIn(3) ? new Uint8Array() : lyingFrame(random) }));
    default: {
      const empty: Field = { tag: field.tag, type: 2, value: new Uint8Array() };
      return Buffer.concat([write(fields), repeated(write([empty]), 1 + random.integer(MOST_COPIES))]);
    }
  }
}

function changeText(random: Random, value: Uint8Array, others: readonly Uint8Array[]): Uint8Array {
  const odd = [
    '',
    '.',
    '..',
    '../../..',
    '%2e%2e',
    'a/b',
    '\u0000',
    '\ud800',
    'pods/exec',
    '*',
    '99999999999999999999',
    '-1',
    '1e3',
    '__proto__',
  ];
  return random.oneIn(3) ? Buffer.from(random.pick(odd) ?? '') : mutateBytes(random, value, others);
}

function isText(bytes: Uint8Array): boolean {
  return bytes.length > 0 && bytes.every((byte) => byte >= 0x20 && byte < 0x7f);
}

function repeated(bytes: Uint8Array, times: number): Buffer {
  const all = Buffer.alloc(bytes.length * times);
  return bytes.length === 0 ? all : all.fill(bytes);
}

/** Undefined for what is no message. */
export function fieldsOf(input: Uint8Array): Field[] | undefined {
  const fields: Field[] = [];
  let at = 0;
  while (at < input.length) {
    const tagEnd = endOfVarint(input, at);
    if (tagEnd === undefined) return undefined;
    const tag = input.subarray(at, tagEnd);
    const type = (tag[0] ?? 0) & 7;
    let from = tagEnd;
    let to: number | undefined;
    if (type === 0) to = endOfVarint(input, from);
    else if (type === 1) to = from + 8;
    else if (type === 5) to = from + 4;
    else if (type === 2) {
      const lengthEnd = endOfVarint(input, from);
      if (lengthEnd === undefined || lengthEnd - from > 4) return undefined;
      to = lengthEnd + number(input.subarray(from, lengthEnd));
      from = lengthEnd;
    }
    if (to === undefined || to > input.length) return undefined;
    fields.push({ tag, type, value: input.subarray(from, to) });
    at = to;
  }
  return fields;
}

function write(fields: readonly Field[]): Buffer {
  return Buffer.concat(
    fields.flatMap(({ tag, type, value }) => (type === 2 ? [tag, varint(value.length), value] : [tag, value])),
  );
}

/** At most 2^53. */
export function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  for (; rest > 0x7f; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 0x80);
  return Buffer.from([...bytes, rest]);
}

function number(bytes: Uint8Array): number {
  return bytes.reduceRight((sum, byte) => sum * 128 + (byte & 0x7f), 0);
}

function endOfVarint(input: Uint8Array, from: number): number | undefined {
  for (let at = from; at < Math.min(input.length, from + 10); at += 1) if ((input[at] ?? 0) < 0x80) return at + 1;
  return undefined;
}
