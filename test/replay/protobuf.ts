import type { JsonObject } from '@hawser/protocol';
import { decodeEnvelope, encodeObject, openEnvelope } from '../../edge/src/api/protobuf/index.ts';
import { Reader } from '../../edge/src/api/protobuf/reader.ts';

export const PROTOBUF = 'application/vnd.kubernetes.protobuf';

/** @throws for what is no object of the field table */
export function decodeProtobuf(bytes: Buffer): JsonObject {
  const envelope = openEnvelope(bytes);
  const object = decodeEnvelope(envelope, { apiVersion: '', kind: '' });
  if (object === undefined) throw new Error(`the field table lacks ${envelope.apiVersion} ${envelope.kind}`);
  return object;
}

/** @throws for what Protocol Buffers cannot say whole */
export function encodeProtobuf(object: object): Buffer {
  const encoded = encodeObject(object);
  if (encoded?.complete !== true) throw new Error(`not all of it can be said in Protocol Buffers: ${JSON.stringify(object)}`);
  return encoded.bytes;
}

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

/** The whole frames of a stream, each without its length, and what has come of the next. */
export function splitFrames(stream: Buffer): { frames: Buffer[]; rest: Buffer } {
  const frames: Buffer[] = [];
  let rest = stream;
  while (rest.length >= 4 && rest.length >= 4 + rest.readUInt32BE(0)) {
    const end = 4 + rest.readUInt32BE(0);
    frames.push(rest.subarray(4, end));
    rest = rest.subarray(end);
  }
  return { frames, rest };
}

/** So many frames of a stream; then it is given up. */
export async function takeFrames(body: AsyncIterable<Buffer>, count: number): Promise<Buffer[]> {
  const taken: Buffer[] = [];
  let waiting = Buffer.alloc(0);
  for await (const chunk of body) {
    const { frames, rest } = splitFrames(Buffer.concat([waiting, chunk]));
    taken.push(...frames);
    waiting = Buffer.from(rest);
    if (taken.length >= count) return taken.slice(0, count);
  }
  throw new Error(`the stream ended after ${taken.length} frames of ${count}`);
}
