import type { Readable } from 'node:stream';
import { type KubeObject, parseJson } from '@hawser/protocol';
import { decodeProtobuf, encodeProtobuf, openFrame, PROTOBUF, splitFrames } from '../../replay/protobuf.ts';
import { type Encoding, jsonEncoding, MAX_EVENT_BYTES, type WatchEvent } from './encoding.ts';

/** As a kubelet has it that is not told otherwise: it asks for Protocol Buffers first, and takes JSON. */
export const protobufEncoding: Encoding = {
  name: 'protobuf',
  contentType: PROTOBUF,
  accept: `${PROTOBUF},application/json`,
  acceptWatch: `${PROTOBUF},application/json`,
  encode: encodeProtobuf,
  decode: (bytes, contentType) =>
    contentType.startsWith(PROTOBUF) ? objectIn(bytes) : parseJson<KubeObject>(bytes.toString('utf8')),
  events: (body, contentType) => (contentType.startsWith(PROTOBUF) ? frames(body) : jsonEncoding.events(body, contentType)),
};

async function* frames(body: Readable): AsyncIterable<WatchEvent> {
  let waiting: Buffer = Buffer.alloc(0);
  for await (const chunk of body as AsyncIterable<Buffer>) {
    const { frames: whole, rest } = splitFrames(Buffer.concat([waiting, chunk]));
    waiting = rest;
    if (waiting.length > MAX_EVENT_BYTES) throw new Error(`an event of more than ${MAX_EVENT_BYTES} bytes`);
    for (const frame of whole) {
      const { type, object } = openFrame(frame);
      yield { type, object: objectIn(object) };
    }
  }
}

/** @throws for what is no object of Kubernetes */
function objectIn(bytes: Buffer): KubeObject {
  const object = decodeProtobuf(bytes);
  const { apiVersion, kind, metadata } = object;
  if (typeof apiVersion !== 'string' || typeof kind !== 'string') throw new SyntaxError('an object without a kind');
  return { ...object, apiVersion, kind, metadata: typeof metadata === 'object' && metadata !== null ? { ...metadata } : {} };
}
