import { type Agent, request as httpsRequest } from 'node:https';
import { decodeProtobuf, openFrame, PROTOBUF, splitFrames } from './protobuf.ts';

export interface LiveResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  /** Parsed where it is JSON or Protocol Buffers, the text where it is not, undefined where there is none. */
  readonly body: unknown;
}

export interface LiveWatch {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  /** All events once the server, or `hangUp`, has ended the body. */
  readonly ended: Promise<unknown[]>;
  /** Events so far. */
  received(): unknown[];
  hangUp(): void;
}

export interface LiveRequest {
  readonly url: string;
  readonly agent: Agent;
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string | readonly string[]>>;
  readonly body: string | Buffer | undefined;
}

/** Sends one request and reads its whole answer. */
export async function exchangeOnce(request: LiveRequest): Promise<LiveResponse> {
  const { status, headers, all } = await open(request);
  return { status, headers, body: read(await all, headers['content-type']) };
}

/** Opens a watch; resolves with its headers. An answer that is no stream becomes the only event. */
export async function openWatch(request: LiveRequest): Promise<LiveWatch> {
  const { status, headers, all, received, destroy } = await open(request);
  const eventsIn = headers['content-type'] === PROTOBUF_STREAM ? eventsInFrames : eventsInLines;
  const ended = all.then(eventsIn);
  // What comes after the last whole line or frame is an event of which only a part has come.
  return { status, headers, ended, received: () => eventsIn(wholeLines(received(), headers['content-type'])), hangUp: destroy };
}

const PROTOBUF_STREAM = `${PROTOBUF};stream=watch`;

function wholeLines(bytes: Buffer, contentType: string | undefined): Buffer {
  return contentType === PROTOBUF_STREAM ? bytes : bytes.subarray(0, bytes.lastIndexOf('\n') + 1);
}

function eventsInLines(bytes: Buffer): unknown[] {
  const lines = bytes.toString('utf8').split('\n');
  return lines.filter((line) => line !== '').map(parsed);
}

function eventsInFrames(bytes: Buffer): unknown[] {
  return splitFrames(bytes).frames.map((frame) => {
    const { type, object } = openFrame(frame);
    return { type, object: decodeProtobuf(object) };
  });
}

function open(request: LiveRequest) {
  return new Promise<{
    status: number;
    headers: Record<string, string>;
    all: Promise<Buffer>;
    received: () => Buffer;
    destroy: () => void;
  }>((resolve, reject) => {
    const { hostname, port } = new URL(request.url);
    const outgoing = httpsRequest(
      {
        hostname,
        port,
        agent: request.agent,
        method: request.method,
        path: request.path,
        headers: outgoingHeaders(request),
      },
      (response) => {
        const chunks: Buffer[] = [];
        const done = new Promise<Buffer>((finish) => {
          response.on('data', (chunk: Buffer) => chunks.push(chunk));
          response.once('close', () => finish(Buffer.concat(chunks)));
          response.once('error', () => finish(Buffer.concat(chunks)));
        });
        resolve({
          status: response.statusCode ?? 0,
          headers: Object.fromEntries(
            Object.entries(response.headers).map(([name, value]) => [
              name,
              Array.isArray(value) ? value.join(', ') : (value ?? ''),
            ]),
          ),
          all: done,
          received: () => Buffer.concat(chunks),
          destroy: () => response.destroy(),
        });
      },
    );
    outgoing.once('error', reject);
    outgoing.end(request.body);
  });
}

/** Every header as often as it was sent; the length is that of the body as it is now. */
function outgoingHeaders(request: LiveRequest): Record<string, string | string[]> {
  const headers: Record<string, string | string[]> = {};
  for (const [name, value] of Object.entries(request.headers)) {
    if (name !== 'content-length') headers[name] = typeof value === 'string' ? value : [...value];
  }
  if (request.body !== undefined) headers['content-length'] = String(Buffer.byteLength(request.body));
  return headers;
}

function read(bytes: Buffer, contentType: string | undefined): unknown {
  return contentType === PROTOBUF ? decodeProtobuf(bytes) : parsed(bytes.toString('utf8'));
}

function parsed(text: string): unknown {
  if (text === '') return undefined;
  try {
    return JSON.parse(text);
  } catch {
    return { text };
  }
}
