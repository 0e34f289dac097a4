import { connect as connectHttp2 } from 'node:http2';
import { request } from 'node:https';
import type { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import type { KubeObject } from '@hawser/protocol';

/** The two that the API speaks on its port. */
export const HTTP_VERSIONS = ['HTTP/1.1', 'HTTP/2'] as const;
export type HttpVersion = (typeof HTTP_VERSIONS)[number];

export interface CallOptions {
  readonly headers?: Record<string, string>;
  /** Sent as JSON unless it is a string or bytes. */
  readonly body?: unknown;
}

export interface Answer {
  readonly status: number;
  readonly headers: NodeJS.Dict<string | string[]>;
  readonly bytes: Buffer;
  /** Of bytes that are text. */
  readonly text: string;
  readonly json: KubeObject;
}

export interface OpenedWatch {
  /** Resolves with that many events, or those there were when the watch ended. */
  take(count: number): Promise<{ type: string; object: KubeObject }[]>;
  /** Resolves when the body has ended; says whether it ended cleanly. */
  readonly ended: Promise<'clean' | 'cut'>;
  /** Resolves when the headers have come. */
  readonly opened: Promise<void>;
  /** Begins to read, for a watch that was opened without. */
  read(): void;
  abort(): void;
}

/** A client of the API that knows nothing of Kubernetes. */
export interface ApiClient {
  call(method: string, path: string, options?: CallOptions): Promise<Answer>;
  /** Opens a watch and collects its lines until it ends or is aborted. */
  watch(path: string, headers?: Record<string, string>, options?: { readonly reads: boolean }): OpenedWatch;
  /** Gives up what is open. */
  close(): void;
}

export interface ServerAt {
  readonly host: string;
  readonly port: number;
  /** PEM. */
  readonly ca: string;
}

export function createClient(version: HttpVersion, server: ServerAt): ApiClient {
  return version === 'HTTP/2' ? http2Client(server) : http1Client(server);
}

function http1Client(server: ServerAt): ApiClient {
  return {
    call: (method, path, { headers = {}, body } = {}) =>
      new Promise((resolve, reject) => {
        const { sent, described } = bodyOf(body);
        const outgoing = request({ ...server, method, path, headers: { ...described, ...headers } }, (response) => {
          buffer(response).then((bytes) => resolve(answerOf(response.statusCode ?? 0, response.headers, bytes)), reject);
        });
        outgoing.on('error', reject).end(sent);
      }),
    watch(path, headers = {}, { reads } = { reads: true }) {
      const outgoing = request({ ...server, path, headers, agent: false }, (response) => lines.opened(response, reads));
      const lines = collectLines(() => outgoing.destroy());
      outgoing.on('error', lines.cut).end();
      return lines.watch;
    },
    close: () => {},
  };
}

/** What a client takes unread of one stream, in bytes: less than a server's own bound, so that it is the server that has to wait. */
const STREAM_WINDOW = 256 * 1024;
/** Of all streams together, so that one that is not read stops no other. */
const CONNECTION_WINDOW = 16 * 1024 * 1024;

/** One connection for all, as client-go has it. */
function http2Client({ host, port, ca }: ServerAt): ApiClient {
  const session = connectHttp2(`https://${host}:${port}`, {
    ca,
    settings: { enablePush: false, initialWindowSize: STREAM_WINDOW },
  });
  // Each stream hears of it too.
  session.on('error', () => undefined);
  session.once('connect', () => session.setLocalWindowSize(CONNECTION_WINDOW));
  return {
    call: (method, path, { headers = {}, body } = {}) =>
      new Promise((resolve, reject) => {
        const { sent, described } = bodyOf(body);
        const stream = session.request({ ...described, ...headers, ':method': method, ':path': path }, { endStream: false });
        stream.on('response', ({ ':status': status = 0, ...answered }) => {
          buffer(stream).then((bytes) => resolve(answerOf(status, answered, bytes)), reject);
        });
        stream.on('error', reject);
        stream.on('close', () => reject(new Error(`reset without an answer: code ${stream.rstCode}`)));
        stream.end(sent);
      }),
    watch(path, headers = {}, { reads } = { reads: true }) {
      const stream = session.request({ ...headers, ':path': path });
      const lines = collectLines(() => stream.close());
      stream.on('response', () => lines.opened(stream, reads));
      stream.on('error', lines.cut).on('close', lines.cut);
      return lines.watch;
    },
    close: () => session.destroy(),
  };
}

function bodyOf(body: unknown): { readonly sent: string | Buffer | undefined; readonly described: Record<string, string> } {
  const sent = body === undefined || typeof body === 'string' || Buffer.isBuffer(body) ? body : JSON.stringify(body);
  if (sent === undefined) return { sent, described: {} };
  // Node sends no length by itself with a DELETE.
  return { sent, described: { 'content-type': 'application/json', 'content-length': String(Buffer.byteLength(sent)) } };
}

function answerOf(status: number, headers: Answer['headers'], bytes: Buffer): Answer {
  const isText = headers['content-encoding'] === undefined;
  const text = isText ? bytes.toString('utf8') : '';
  const isJson = /json/.test(String(headers['content-type'] ?? '')) && text !== '';
  return { status, headers, bytes, text, json: isJson ? JSON.parse(text) : {} };
}

interface CollectedLines {
  readonly watch: OpenedWatch;
  opened(body: Readable, reads: boolean): void;
  cut(): void;
}

function collectLines(abort: () => void): CollectedLines {
  const opening = Promise.withResolvers<void>();
  const ending = Promise.withResolvers<'clean' | 'cut'>();
  const lines: { type: string; object: KubeObject }[] = [];
  let read = () => {};
  let over = false;
  let wake = () => {};
  const settle = (how: 'clean' | 'cut') => {
    over = true;
    ending.resolve(how);
    wake();
  };
  return {
    cut: () => settle('cut'),
    opened(body, reads) {
      let rest = '';
      read = () => {
        body.setEncoding('utf8').on('data', (chunk: string) => {
          const parts = (rest + chunk).split('\n');
          rest = parts.pop() ?? '';
          for (const line of parts) lines.push(JSON.parse(line));
          wake();
        });
      };
      body.on('end', () => settle('clean')).on('error', () => settle('cut'));
      if (reads) read();
      opening.resolve();
    },
    watch: {
      ended: ending.promise,
      opened: opening.promise,
      read: () => read(),
      abort,
      async take(count) {
        while (lines.length < count && !over) {
          await new Promise<void>((resolve) => {
            wake = resolve;
          });
        }
        return lines.splice(0, count);
      },
    },
  };
}
