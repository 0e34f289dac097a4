import { HawserError, parseJson } from '@hawser/protocol';

const QUOTE = 0x22;
const BACKSLASH = 0x5c;

/** Where a value stands in the bytes: from its first byte to the one after its last. */
export interface Span {
  readonly from: number;
  readonly to: number;
}

/** Keys that are looked for are short; what is longer is none of them. */
const MAX_KEY_BYTES = 128;

/**
 * Goes through the members of one JSON object without parsing it or recursing, so that a few fields of a large object cost
 * neither its memory nor its depth. Values are only skipped over, not checked.
 * @param object the span of the object, white space around it allowed
 * @param onMember return false to stop
 * @throws HawserError `malformed_object`
 */
export function eachMember(bytes: Uint8Array, object: Span, onMember: (key: string, value: Span) => boolean): void {
  const { to } = object;
  let at = skipSpace(bytes, object.from, to);
  if (bytes[at] !== 0x7b) throw malformed('there is no object');
  at = skipSpace(bytes, at + 1, to);
  if (bytes[at] === 0x7d) return;
  for (;;) {
    if (bytes[at] !== QUOTE) throw malformed('a key is missing');
    const keyEnd = endOfString(bytes, at, to);
    const key = keyEnd - at > MAX_KEY_BYTES ? '' : decode(bytes, { from: at + 1, to: keyEnd - 1 });
    at = skipSpace(bytes, keyEnd, to);
    if (bytes[at] !== 0x3a) throw malformed('a colon is missing');
    const from = skipSpace(bytes, at + 1, to);
    const end = endOfValue(bytes, from, to);
    if (!onMember(key, { from, to: end })) return;
    at = skipSpace(bytes, end, to);
    if (bytes[at] === 0x7d) return;
    if (bytes[at] !== 0x2c) throw malformed('a comma is missing');
    at = skipSpace(bytes, at + 1, to);
  }
}

/** The text of a JSON string, or undefined when the value is none or longer than `maxBytes`. @throws HawserError `malformed_object` */
export function stringAt(bytes: Uint8Array, { from, to }: Span, maxBytes: number): string | undefined {
  if (bytes[from] !== QUOTE || to - from - 2 > maxBytes) return undefined;
  const inside = { from: from + 1, to: to - 1 };
  if (bytes.subarray(inside.from, inside.to).indexOf(BACKSLASH) < 0) return decode(bytes, inside);
  try {
    const value: unknown = parseJson(decode(bytes, { from, to }));
    return typeof value === 'string' ? value : undefined;
  } catch (cause) {
    throw new HawserError('malformed_object', 'a string is no JSON', { cause });
  }
}

function decode(bytes: Uint8Array, { from, to }: Span): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset + from, to - from).toString('utf8');
}

/** After the closing quote. */
function endOfString(bytes: Uint8Array, from: number, limit: number): number {
  for (let at = from + 1; at < limit; at += 1) {
    const byte = bytes[at];
    if (byte === BACKSLASH) at += 1;
    else if (byte === QUOTE) return at + 1;
  }
  throw malformed('a string does not end');
}

function endOfValue(bytes: Uint8Array, from: number, limit: number): number {
  const first = bytes[from];
  if (first === QUOTE) return endOfString(bytes, from, limit);
  if (first === 0x7b || first === 0x5b) return endOfNested(bytes, from, limit);
  let at = from;
  while (at < limit && isScalar(bytes[at])) at += 1;
  if (at === from) throw malformed('a value is missing');
  return at;
}

function endOfNested(bytes: Uint8Array, from: number, limit: number): number {
  let depth = 0;
  for (let at = from; at < limit; at += 1) {
    const byte = bytes[at];
    if (byte === QUOTE) at = endOfString(bytes, at, limit) - 1;
    else if (byte === 0x7b || byte === 0x5b) depth += 1;
    else if (byte === 0x7d || byte === 0x5d) {
      depth -= 1;
      if (depth === 0) return at + 1;
    }
  }
  throw malformed('an object or array does not end');
}

/** A byte of a number, true, false or null. */
function isScalar(byte: number | undefined): boolean {
  if (byte === undefined) return false;
  return (
    (byte >= 0x61 && byte <= 0x7a) ||
    (byte >= 0x30 && byte <= 0x39) ||
    byte === 0x2b ||
    byte === 0x2d ||
    byte === 0x2e ||
    byte === 0x45
  );
}

function skipSpace(bytes: Uint8Array, from: number, limit: number): number {
  let at = from;
  while (at < limit && (bytes[at] === 0x20 || bytes[at] === 0x0a || bytes[at] === 0x0d || bytes[at] === 0x09)) at += 1;
  return at;
}

function malformed(what: string): HawserError {
  return new HawserError('malformed_object', `the JSON text is damaged: ${what}`);
}
