import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import { type RequestOptions, request as startRequest } from 'node:https';
import { HawserError } from '@hawser/protocol';
import type { Logger } from 'pino';
import { type Clock, systemClock } from '../clock.ts';
import { createAgents } from './agents.ts';
import { createBufferCollector } from './buffer-collector.ts';
import type { ApiServerConnection, Credentials } from './credentials.ts';

export interface ApiRequest {
  readonly method: string;
  /** Below the server's URL, with the query: `/api/v1/pods?limit=500`. */
  readonly path: string;
  readonly body?: string;
  /** Of the body. Default application/json. */
  readonly contentType?: string;
  /** Default application/json. */
  readonly accept?: string;
  /** On whose behalf; no group header is sent when there are none (constrained impersonation wants the user alone). */
  readonly impersonate?: { readonly user: string; readonly groups: readonly string[] };
  readonly signal?: AbortSignal;
  /** Of `request`: until the whole answer is there; of `stream`: until its headers are. Default 30 s. */
  readonly timeoutMs?: number;
}

export interface ApiResponse {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
}

export interface ApiStream {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  /** To be read to its end, once; leaving the loop closes the connection. Throws when the connection breaks. */
  readonly chunks: AsyncIterable<Uint8Array>;
  /** The body as text. Default of the timeout: that of the request. @throws HawserError `too_large`, `unreachable` */
  text(timeoutMs?: number): Promise<string>;
  /** Ends the connection, if it is not over. May be called at any time, and more than once. */
  close(): void;
}

/** The one place of the relay that opens connections to the API server. */
export interface ApiClient {
  /**
   * Any HTTP status is a value.
   * @throws HawserError `unreachable` when no whole answer came, `too_large` for a body over 16 MiB, `unauthorized` when our own
   * credentials cannot be had, `unsupported` for a request that HTTP cannot carry
   */
  request(request: ApiRequest): Promise<ApiResponse>;
  /** An answer whose body is read as it comes; it has no deadline of its own. @throws as `request` */
  stream(request: ApiRequest): Promise<ApiStream>;
  /** Ends idle connections. Requests that are under way are ended by their signals. */
  close(): void;
}

/** Until an answer is there. The API server ends ordinary requests itself after 60 s; those that matter here take milliseconds. */
const DEFAULT_TIMEOUT_MS = 30_000;
/** No object is over 3 MiB and no other answer that is read whole comes near; what is longer is refused, the connection ended. */
const MAX_TEXT_BYTES = 16 * 1024 * 1024;
export interface ApiClientOptions {
  readonly logger: Logger;
  /** For timeouts. Default: the system's. */
  readonly clock?: Clock;
}

export function createApiClient(connection: ApiServerConnection, { logger, clock = systemClock }: ApiClientOptions): ApiClient {
  const agents = createAgents();
  const onRead = createBufferCollector();

  async function stream(request: ApiRequest, isRetry = false): Promise<ApiStream> {
    const { method, path, signal, timeoutMs = DEFAULT_TIMEOUT_MS } = request;
    if (signal?.aborted) throw unreachable(request, signal.reason);
    const credentials = await within(clock, timeoutMs, connection.credentials(), request);
    const options: RequestOptions = {
      method,
      agent: credentials.proxyAgent ?? agents.for(credentials),
      headers: headersOf(request, credentials),
      ...(credentials.auth === undefined ? {} : { auth: credentials.auth }),
    };
    const url = new URL(`${connection.server}${path}`);
    return new Promise((resolve, reject) => {
      const sent = send(url, options, request);
      const cancel = clock.after(timeoutMs, () => sent.destroy(new Error(`no answer within ${timeoutMs} ms`)));
      const abort = () => sent.destroy(new Error('given up'));
      signal?.addEventListener('abort', abort);
      const settle = () => {
        cancel();
        signal?.removeEventListener('abort', abort);
      };
      sent.on('close', settle);
      // Errors after the answer has begun come out of its body.
      sent.on('error', (cause) => {
        settle();
        // An idle connection that the server closed while the request was on its way: a read may simply be made again.
        const isStale = sent.reusedSocket && codeOf(cause) === 'ECONNRESET';
        if (isStale && method === 'GET' && !isRetry) resolve(stream(request, true));
        else reject(unreachable(request, cause));
      });
      sent.on('response', (answer) => {
        cancel();
        logger.trace({ method, path: url.pathname, status: answer.statusCode }, 'API server answered');
        resolve(asStream(request, answer, clock, onRead));
      });
      sent.end(request.body);
    });
  }

  return {
    stream: (request) => stream(request),
    async request(request) {
      const beganMs = clock.now().getTime();
      const { status, headers, text } = await stream(request);
      const restMs = beganMs + (request.timeoutMs ?? DEFAULT_TIMEOUT_MS) - clock.now().getTime();
      return { status, headers, text: await text(Math.max(restMs, 1)) };
    },
    close: () => agents.close(),
  };
}

/** A credential plug-in may wait for ever; its answer is then still used for the next request. */
function within<T>(clock: Clock, milliseconds: number, value: Promise<T>, request: ApiRequest): Promise<T> {
  return new Promise((resolve, reject) => {
    const late = () => reject(unreachable(request, new Error(`no credentials within ${milliseconds} ms`)));
    const abort = () => reject(unreachable(request, new Error('given up')));
    const cancel = clock.after(milliseconds, late);
    request.signal?.addEventListener('abort', abort);
    value.then(resolve, reject).finally(() => {
      cancel();
      request.signal?.removeEventListener('abort', abort);
    });
  });
}

function asStream(request: ApiRequest, answer: IncomingMessage, clock: Clock, onRead: (bytes: number) => void): ApiStream {
  const close = () => void answer.destroy();
  // A body that nobody reads any more may still break; whoever reads it gets the error from the loop.
  answer.on('error', () => undefined);
  async function* chunks(): AsyncGenerator<Uint8Array> {
    try {
      for await (const chunk of answer) {
        yield chunk;
        onRead(chunk.length);
      }
    } catch (cause) {
      throw unreachable(request, cause);
    }
  }
  return {
    status: answer.statusCode ?? 0,
    headers: answer.headers,
    chunks: { [Symbol.asyncIterator]: chunks },
    async text(timeoutMs = request.timeoutMs ?? DEFAULT_TIMEOUT_MS) {
      const parts: Uint8Array[] = [];
      let size = 0;
      const cancel = clock.after(timeoutMs, () => answer.destroy(new Error(`no whole answer within ${timeoutMs} ms`)));
      try {
        for await (const chunk of chunks()) {
          size += chunk.length;
          if (size > MAX_TEXT_BYTES)
            throw new HawserError('too_large', `${label(request)}: the answer is over ${MAX_TEXT_BYTES} bytes`);
          parts.push(chunk);
        }
      } finally {
        cancel();
      }
      return Buffer.concat(parts, size).toString('utf8');
    },
    close,
  };
}

function send(url: URL, options: RequestOptions, request: ApiRequest): ReturnType<typeof startRequest> {
  try {
    return startRequest(url, options);
  } catch (cause) {
    throw new HawserError('unsupported', `${label(request)}: cannot be sent: ${reason(cause)}`, { cause });
  }
}

function headersOf(
  { body, contentType, accept, impersonate }: ApiRequest,
  credentials: Credentials,
): Record<string, string | string[]> {
  const headers: Record<string, string | string[]> = {
    ...credentials.headers,
    accept: accept ?? 'application/json',
    'user-agent': 'hawser-relay',
  };
  if (body !== undefined) {
    headers['content-type'] = contentType ?? 'application/json';
    headers['content-length'] = String(Buffer.byteLength(body));
  }
  if (impersonate !== undefined) {
    headers['impersonate-user'] = impersonate.user;
    if (impersonate.groups.length > 0) headers['impersonate-group'] = [...impersonate.groups];
  }
  return headers;
}

function unreachable(request: ApiRequest, cause: unknown): HawserError {
  return new HawserError('unreachable', `${label(request)}: ${reason(cause)}`, { cause });
}

/** Without the query: it may be long and says nothing to an operator. */
function label({ method, path }: ApiRequest): string {
  return `API server, ${method} ${path.split('?', 1)[0] ?? ''}`;
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined;
}

function reason(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
