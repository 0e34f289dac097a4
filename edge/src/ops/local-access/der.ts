/** Just enough of DER (ITU-T X.690) to write a certificate: each function gives one element with its tag and length. */

export function sequence(...elements: readonly Buffer[]): Buffer {
  return element(0x30, Buffer.concat(elements));
}

export function set(...elements: readonly Buffer[]): Buffer {
  return element(0x31, Buffer.concat(elements));
}

/** A whole number that is not negative, from its bytes, the highest first. */
export function integer(bytes: Uint8Array): Buffer {
  const first = bytes.findIndex((byte) => byte !== 0);
  const significant = first < 0 ? Buffer.of(0) : Buffer.from(bytes.subarray(first));
  // With the highest bit set it would be read as negative.
  return element(0x02, (significant[0] ?? 0) >= 0x80 ? Buffer.concat([Buffer.of(0), significant]) : significant);
}

export function boolean(value: boolean): Buffer {
  return element(0x01, Buffer.of(value ? 0xff : 0));
}

export function octetString(content: Buffer): Buffer {
  return element(0x04, content);
}

/** @param unused bits at the end of the last byte that do not count */
export function bitString(content: Buffer, unused = 0): Buffer {
  return element(0x03, Buffer.concat([Buffer.of(unused), content]));
}

export function utf8String(text: string): Buffer {
  return element(0x0c, Buffer.from(text));
}

/** `YYMMDDHHMMSSZ`: years 1950 to 2049. */
export function utcTime(text: string): Buffer {
  return element(0x17, Buffer.from(text));
}

/** `YYYYMMDDHHMMSSZ`. */
export function generalizedTime(text: string): Buffer {
  return element(0x18, Buffer.from(text));
}

/** `1.2.840.10045.4.3.2` */
export function objectIdentifier(dotted: string): Buffer {
  const [first = 0, second = 0, ...rest] = dotted.split('.').map(Number);
  return element(0x06, Buffer.from([first * 40 + second, ...rest].flatMap(base128)));
}

/** A context-specific tag; constructed where it holds other elements. */
export function tagged(tag: number, content: Buffer, form: 'constructed' | 'primitive'): Buffer {
  return element((form === 'constructed' ? 0xa0 : 0x80) | tag, content);
}

function base128(arc: number): number[] {
  const bytes = [arc & 0x7f];
  for (let left = arc >>> 7; left > 0; left >>>= 7) bytes.unshift((left & 0x7f) | 0x80);
  return bytes;
}

function element(tag: number, content: Buffer): Buffer {
  return Buffer.concat([Buffer.from([tag, ...lengthOf(content.length)]), content]);
}

function lengthOf(length: number): number[] {
  if (length < 0x80) return [length];
  const bytes: number[] = [];
  for (let left = length; left > 0; left = Math.floor(left / 256)) bytes.unshift(left % 256);
  return [0x80 | bytes.length, ...bytes];
}
