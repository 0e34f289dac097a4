import type { Readable } from 'node:stream';
import { type KubeObject, parseJson } from '@hawser/protocol';

export interface WatchEvent {
  readonly type: string;
  readonly object: KubeObject;
}

/** How objects are written on the wire. */
export interface Encoding {
  readonly name: 'json' | 'protobuf';
  /** Of creates, PUTs and DeleteOptions; patches are JSON in all encodings. */
  readonly contentType: string;
  readonly accept: string;
  readonly acceptWatch: string;
  encode(object: object): Uint8Array;
  /** @throws SyntaxError for bytes that are not what `contentType` says */
  decode(bytes: Buffer, contentType: string): KubeObject;
  /** @throws SyntaxError; Error for an event above the bound */
  events(body: Readable, contentType: string): AsyncIterable<WatchEvent>;
}

/** An object of a cluster has at most about 1.5 MiB (etcd's limit), and JSON writes some bytes of it as six characters. */
export const MAX_EVENT_BYTES = 16 * 1024 * 1024;

/** With `contentType: application/json` in its configuration. */
export const jsonEncoding: Encoding = {
  name: 'json',
  contentType: 'application/json',
  accept: 'application/json, */*',
  acceptWatch: 'application/json, */*',
  encode: (object) => Buffer.from(JSON.stringify(object)),
  decode: (bytes) => parseJson<KubeObject>(bytes.toString('utf8')),
  async *events(body) {
    for await (const line of linesOf(body)) yield parseJson<WatchEvent>(line.toString('utf8'));
  },
};

/** Lines without their ends; empty ones are left out, and what comes after the last end is no line: the stream was cut in it. */
export async function* linesOf(body: AsyncIterable<Buffer>): AsyncIterable<Buffer> {
  let parts: Buffer[] = [];
  let held = 0;
  for await (const chunk of body) {
    let from = 0;
    for (let end = chunk.indexOf(LINE_END); end !== -1; end = chunk.indexOf(LINE_END, from)) {
      const line = Buffer.concat([...parts, chunk.subarray(from, end)]);
      parts = [];
      held = 0;
      from = end + 1;
      if (line.length > 0) yield line;
    }
    if (from === chunk.length) continue;
    parts.push(chunk.subarray(from));
    held += chunk.length - from;
    if (held > MAX_EVENT_BYTES) throw new Error(`an event of more than ${MAX_EVENT_BYTES} bytes`);
  }
}

const LINE_END = 0x0a;
