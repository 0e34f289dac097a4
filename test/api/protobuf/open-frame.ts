import { Reader } from '../../../edge/src/api/protobuf/reader.ts';

/** The parts of a watch event, without its length before it: a WatchEvent whose object is a RawExtension with an object in its envelope. */
export function openFrame(frame: Buffer): { type: string; object: Buffer } {
  const event = partsOf(frame);
  const raw = partsOf(event.get(2) ?? Buffer.alloc(0));
  return { type: event.get(1)?.toString('utf8') ?? '', object: raw.get(1) ?? Buffer.alloc(0) };
}

/** Length-delimited fields by number. */
function partsOf(message: Buffer): Map<number, Buffer> {
  const reader = new Reader(message);
  const parts = new Map<number, Buffer>();
  while (reader.at < message.length) {
    const number = reader.tag(message.length) >>> 3;
    const end = reader.lengthEnd(message.length);
    parts.set(number, message.subarray(reader.at, end));
    reader.at = end;
  }
  return parts;
}
