import type { Readable } from 'node:stream';
import type { Clock } from '@hawser/edge';
import type { KubeObject } from '@hawser/protocol';
import type { Happen } from '../happenings.ts';
import { wait } from '../wait.ts';
import type { Encoding, WatchEvent } from './encoding.ts';
import { connect, type Endpoint, type HttpVersion, type Opened, type Transport } from './transport.ts';

export interface Answer {
  readonly status: number;
  /** Of JSON or protobuf; undefined where there was no such body. */
  readonly object: KubeObject | undefined;
  /** Texts of `Warning` headers. */
  readonly warning: string | undefined;
}

export interface CallOptions {
  readonly body?: object | undefined;
  /** A patch is sent as strategic merge JSON, in all encodings. */
  readonly patch?: unknown;
  /** Default CALL_TIMEOUT_MS. */
  readonly timeoutMs?: number;
}

export interface OpenWatch {
  readonly status: number;
  /** Of an answer that is no stream. */
  readonly refusal: KubeObject | undefined;
  readonly events: AsyncIterable<WatchEvent>;
}

/** The API as a kubelet's client-go uses it: refusals that name a time (429, 503) are tried again after it. */
export interface KubeletClient {
  /** @throws when there is no connection, no answer in time, or the kubelet is stopped */
  call(method: string, path: string, options?: CallOptions): Promise<Answer>;
  /** @throws as `call` */
  watch(path: string, signal: AbortSignal): Promise<OpenWatch>;
  close(): void;
}

export interface ClientOptions {
  readonly endpoint: Endpoint;
  readonly token: () => string;
  readonly encoding: Encoding;
  /** What is offered, the first choice first. */
  readonly versions: readonly HttpVersion[];
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly happen: Happen;
}

const CALL_TIMEOUT_MS = 30_000;
/** As in client-go: a request that is told to come again later is sent at most so many times. */
const MAX_TRIES = 10;
/** A list of 110 pods with all their status has less than a tenth of it. */
const MAX_ANSWER_BYTES = 32 * 1024 * 1024;
const STRATEGIC = 'application/strategic-merge-patch+json';
const USER_AGENT = 'kubelet/v1.36.2 (linux/amd64) played';

export function kubeletClient(options: ClientOptions): KubeletClient {
  const { endpoint, token, encoding, versions, clock, happen } = options;
  let transport: Promise<Transport> | undefined;

  const connected = async (): Promise<Transport> => {
    const known = transport;
    if (known !== undefined) {
      const current = await known;
      if (!current.isOver()) return current;
      if (transport === known) transport = undefined;
    }
    transport ??= connect(endpoint, versions, options.signal).then((made) => {
      happen({ event: 'connected', version: made.version });
      return made;
    });
    const made = transport;
    try {
      return await made;
    } catch (error) {
      if (transport === made) transport = undefined;
      throw error;
    }
  };

  const openOnce = async (method: string, path: string, accept: string, call: CallOptions, signal: AbortSignal) => {
    const { body, contentType } = contentOf(call, encoding);
    const type = contentType === undefined ? {} : { 'content-type': contentType };
    const headers = { accept, authorization: `Bearer ${token()}`, 'user-agent': USER_AGENT, ...type };
    const opened = await (await connected()).open({ method, path, headers, body, signal });
    happen({ event: 'request', method, path, status: opened.status });
    return opened;
  };

  const open = async (method: string, path: string, accept: string, call: CallOptions, signal: AbortSignal): Promise<Opened> => {
    for (let tries = 1; ; tries++) {
      const opened = await openOnce(method, path, accept, call, signal);
      const seconds = Number(opened.headers['retry-after'] ?? Number.NaN);
      const isLater = (opened.status === 429 || opened.status >= 500) && Number.isFinite(seconds);
      if (!isLater || tries === MAX_TRIES) return opened;
      opened.body.destroy();
      happen({ event: 'toldToWait', path, status: opened.status, seconds });
      await wait(clock, seconds * 1000, signal);
    }
  };

  return {
    async call(method, path, call = {}) {
      const signal = AbortSignal.any([options.signal, AbortSignal.timeout(call.timeoutMs ?? CALL_TIMEOUT_MS)]);
      const { status, headers, body } = await open(method, path, encoding.accept, call, signal);
      const bytes = await readAll(body);
      return { status, object: decoded(bytes, headers['content-type'] ?? '', encoding), warning: headers.warning };
    },
    async watch(path, signal) {
      const either = AbortSignal.any([options.signal, signal]);
      const { status, headers, body } = await open('GET', path, encoding.acceptWatch, {}, either);
      const type = headers['content-type'] ?? '';
      if (status === 200) return { status, refusal: undefined, events: encoding.events(body, type) };
      return { status, refusal: decoded(await readAll(body), type, encoding), events: none() };
    },
    close() {
      void transport?.then(
        (made) => made.close(),
        () => {},
      );
    },
  };
}

function contentOf({ body, patch }: CallOptions, encoding: Encoding) {
  if (patch !== undefined) return { body: Buffer.from(JSON.stringify(patch)), contentType: STRATEGIC };
  if (body === undefined) return { body: undefined, contentType: undefined };
  return { body: encoding.encode(body), contentType: encoding.contentType };
}

function decoded(bytes: Buffer, contentType: string, encoding: Encoding): KubeObject | undefined {
  const isObject = /^application\/(json|vnd\.kubernetes\.protobuf)/.test(contentType) && bytes.length > 0;
  return isObject ? encoding.decode(bytes, contentType) : undefined;
}

async function readAll(body: Readable): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of body as AsyncIterable<Buffer>) {
    chunks.push(chunk);
    size += chunk.length;
    if (size > MAX_ANSWER_BYTES) throw new Error(`an answer of more than ${MAX_ANSWER_BYTES} bytes`);
  }
  return Buffer.concat(chunks);
}

async function* none(): AsyncIterable<WatchEvent> {}
