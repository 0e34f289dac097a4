/** Frames of HTTP/2 by hand (RFC 9113, section 6), for who sends what no client would. */
export const [DATA, HEADERS, RST_STREAM, SETTINGS, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION] = [0, 1, 3, 4, 6, 7, 8, 9] as const;
export const [END_STREAM, END_HEADERS] = [0x1, 0x4] as const;

/** @param stream 0 is the connection itself */
export function frame(type: number, flags: number, stream: number, payload: Uint8Array = new Uint8Array()): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head.writeUInt8(type, 3);
  head.writeUInt8(flags, 4);
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

/** What a client begins with. */
export const HELLO = Buffer.concat([Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'), frame(SETTINGS, 0, 0)]);

/** A header block without compression: literals that are not indexed (RFC 7541, section 6.2.2). Names and values of up to 126 bytes. */
export function literal(headers: Readonly<Record<string, string>>): Buffer {
  const text = (value: string) => Buffer.from([value.length, ...Buffer.from(value, 'latin1')]);
  return Buffer.concat(Object.entries(headers).map(([name, value]) => Buffer.concat([Buffer.of(0), text(name), text(value)])));
}
