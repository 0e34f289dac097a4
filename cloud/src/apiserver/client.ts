import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import { Agent, type RequestOptions, request as startRequest } from 'node:https';
import { HawserError } from '@hawser/protocol';
import type { Logger } from 'pino';
import { type Clock, systemClock } from '../clock.ts';
import type { ApiServerConnection, Credentials } from './credentials.ts';

export interface ApiRequest {
  readonly method: string;
  /** Below the server's URL, with the query: `/api/v1/pods?limit=500`. */
  readonly path: string;
  readonly body?: string;
  /** Of the body. Default application/json. */
  readonly contentType?: string;
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
  /** The body as text, for the answers that are no success; ended after `timeoutMs`. @throws HawserError `too_large`, `unreachable` */
  text(): Promise<string>;
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
/** Connections at once. Far above the reflectors, reads and reports that the relay has under way; over it requests wait for one. */
const MAX_SOCKETS = 256;
/** Idle connections that are kept for the next requests. */
const MAX_IDLE_SOCKETS = 16;
/** Between probes of a silent TCP connection, so that NATs keep it and a dead peer is found. */
const TCP_KEEPALIVE_MS = 30_000;

export interface ApiClientOptions {
  readonly logger: Logger;
  /** For timeouts. Default: the system's. */
  readonly clock?: Clock;
}

export function createApiClient(connection: ApiServerConnection, { logger, clock = systemClock }: ApiClientOptions): ApiClient {
  const agents = createAgents();

  async function stream(request: ApiRequest, deadlineOf: 'headers' | 'body', isRetry = false): Promise<ApiStream> {
    const { method, path, signal, timeoutMs = DEFAULT_TIMEOUT_MS } = request;
    if (signal?.aborted) throw unreachable(request, signal.reason);
    const credentials = await connection.credentials();
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
        if (isStale && method === 'GET' && !isRetry) resolve(stream(request, deadlineOf, true));
        else reject(unreachable(request, cause));
      });
      sent.on('response', (answer) => {
        if (deadlineOf === 'headers') cancel();
        logger.trace({ method, path: url.pathname, status: answer.statusCode }, 'API server answered');
        resolve(asStream(request, answer, clock));
      });
      sent.end(request.body);
    });
  }

  return {
    stream: (request) => stream(request, 'headers'),
    async request(request) {
      const answer = await stream(request, 'body');
      return { status: answer.status, headers: answer.headers, text: await answer.text() };
    },
    close: () => agents.close(),
  };
}

function asStream(request: ApiRequest, answer: IncomingMessage, clock: Clock): ApiStream {
  const close = () => void answer.destroy();
  // A body that nobody reads any more may still break; whoever reads it gets the error from the loop.
  answer.on('error', () => undefined);
  async function* chunks(): AsyncGenerator<Uint8Array> {
    try {
      for await (const chunk of answer) yield chunk;
    } catch (cause) {
      throw unreachable(request, cause);
    }
  }
  return {
    status: answer.statusCode ?? 0,
    headers: answer.headers,
    chunks: { [Symbol.asyncIterator]: chunks },
    async text() {
      const parts: Uint8Array[] = [];
      let size = 0;
      const cancel = clock.after(request.timeoutMs ?? DEFAULT_TIMEOUT_MS, close);
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

function headersOf({ body, contentType, impersonate }: ApiRequest, credentials: Credentials): Record<string, string | string[]> {
  const headers: Record<string, string | string[]> = {
    ...credentials.headers,
    accept: 'application/json',
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

/** One keep-alive agent for the credentials of the moment; renewed certificates begin with new connections. */
function createAgents() {
  let current: { readonly fingerprint: string; readonly agent: Agent } | undefined;
  return {
    for(credentials: Credentials): Agent {
      const { ca, cert, key, servername, rejectUnauthorized } = credentials;
      const fingerprint = [ca, cert, key, servername, rejectUnauthorized].map(String).join('\n');
      if (current?.fingerprint === fingerprint) return current.agent;
      if (current !== undefined) retire(current.agent);
      const agent = new Agent({
        ca,
        cert,
        key,
        rejectUnauthorized,
        ...(servername === undefined ? {} : { servername }),
        keepAlive: true,
        keepAliveMsecs: TCP_KEEPALIVE_MS,
        maxSockets: MAX_SOCKETS,
        maxFreeSockets: MAX_IDLE_SOCKETS,
      });
      current = { fingerprint, agent };
      return agent;
    },
    close() {
      if (current !== undefined) retire(current.agent);
      current = undefined;
    },
  };
}

/** Idle connections go at once, those in use with their requests. */
function retire(agent: Agent): void {
  agent.maxFreeSockets = 0;
  for (const sockets of Object.values(agent.freeSockets)) for (const socket of sockets ?? []) socket.destroy();
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
