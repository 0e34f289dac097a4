import { frame, HELLO } from '../../../support/http2-frames.ts';

const TYPES = [
  'DATA',
  'HEADERS',
  'PRIORITY',
  'RST_STREAM',
  'SETTINGS',
  'PUSH_PROMISE',
  'PING',
  'GOAWAY',
  'WINDOW_UPDATE',
  'CONTINUATION',
];
/** Types whose text is a list of headers. */
const OF_HEADERS: ReadonlySet<string> = new Set(['HEADERS', 'CONTINUATION', 'PUSH_PROMISE']);

/**
 * A client's side of a connection, from lines `TYPE FLAGS STREAM PAYLOAD`: the type by name or number; the payload as text, of headers
 * `name=value;;name=value`, or `x` and hex. Type `RAW` puts its payload there without a frame. Nothing is refused: what makes no sense becomes
 * frames that make none.
 */
export function framesOf(input: Uint8Array): Buffer {
  const lines = Buffer.from(input).toString('latin1').split('\n');
  return Buffer.concat([HELLO, ...lines.filter((line) => line !== '').map(frameOf)]);
}

function frameOf(line: string): Buffer {
  const [type = '', flags = '', stream = '', ...rest] = line.split(' ');
  const text = rest.join(' ');
  const payload = /^x[0-9a-f]*$/.test(text)
    ? Buffer.from(text.slice(1), 'hex')
    : OF_HEADERS.has(type)
      ? headersOf(text)
      : Buffer.from(text, 'latin1');
  if (type === 'RAW') return payload;
  const known = TYPES.indexOf(type);
  return frame(known < 0 ? byteOf(type) : known, byteOf(flags), byteOf(stream), payload);
}

function byteOf(text: string): number {
  return Math.trunc(Math.abs(Number(text) || 0)) & 0xff;
}

/** Literals that are not indexed, of any length (RFC 7541, sections 5.1 and 6.2.2). */
function headersOf(text: string): Buffer {
  const pairs = text.split(';;').map((pair) => {
    const equals = pair.indexOf('=', 1);
    return equals < 0 ? [pair, ''] : [pair.slice(0, equals), pair.slice(equals + 1)];
  });
  return Buffer.concat(pairs.flatMap(([name = '', value = '']) => [Buffer.of(0), stringOf(name), stringOf(value)]));
}

function stringOf(text: string): Buffer {
  const bytes = Buffer.from(text, 'latin1');
  const length: number[] = [];
  if (bytes.length < 127) length.push(bytes.length);
  else {
    let left = bytes.length - 127;
    length.push(127);
    for (; left >= 128; left = Math.floor(left / 128)) length.push((left % 128) + 128);
    length.push(left);
  }
  return Buffer.concat([Buffer.from(length), bytes]);
}
