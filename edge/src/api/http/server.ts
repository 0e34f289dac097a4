import { once } from 'node:events';
import { createSecureServer } from 'node:http2';
import type { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import type { Registry } from '../registry/registry.ts';
import { answerClientError } from './client-error.ts';
import { ALL_RESOURCES, createDiscovery, type ServerVersion } from './discovery.ts';
import { type ApiRequest, type ApiResponse, cutOff } from './exchange.ts';
import { applyFault, type Fault, type InterceptedRequest } from './fault.ts';
import { goneSignal } from './gone.ts';
import { handleRequest } from './handler.ts';
import { type ApiBounds, type ApiLoad, CLUSTER_BOUNDS, Load } from './load.ts';
import type { OwnPath } from './own-path.ts';
import { INVALID_FRAMES, REFUSED_STREAMS, RESETS, SESSION_MEMORY_MIB, Sessions, STREAMS_PER_SESSION } from './sessions.ts';
import { API_TIMES, type ApiTimes } from './times.ts';
import { WatchResponses } from './watch-response.ts';

/** Headers of one request, in bytes, the URL with its selectors among them. More is answered 431; over HTTP/2 the stream is reset. */
const MAX_HEADER_BYTES = 64 * 1024;

export interface ApiServerOptions {
  readonly registry: Registry;
  readonly tls: {
    /** PEM. */
    readonly cert: string;
    readonly key: string;
    /** PEM of the authority of client certificates. Without one, certificates are not asked for. */
    readonly clientCa?: string;
  };
  readonly version?: ServerVersion;
  /** Why /readyz should fail now; undefined means ready. */
  readonly notReady?: () => string | undefined;
  /** Default: CLUSTER_BOUNDS. */
  readonly bounds?: ApiBounds;
  /** Default: API_TIMES. */
  readonly times?: ApiTimes;
  /** Told of failures of the server's own; requests that are refused are no failures. */
  readonly logger?: Logger;
  /** Paths that Kubernetes does not have, such as `/hawser/v1/query`; the policy says who may ask. */
  readonly ownPaths?: ReadonlyMap<string, OwnPath>;
  /** For tests: a fault for this request, or undefined to answer it as usual. */
  readonly intercept?: (request: InterceptedRequest, gone: AbortSignal) => Fault | undefined;
  /** For tests: sees every request first; true says that it answers it by itself. */
  readonly takeOver?: (request: ApiRequest, response: ApiResponse) => boolean;
}

export interface ApiServer {
  /** Port 0 takes a free one. Rejects when the port is in use. */
  listen(port: number, host?: string): Promise<ServerAddress>;
  /** @throws when the server does not listen */
  address(): ServerAddress;
  /** Whether it takes connections. */
  isListening(): boolean;
  /** What it has taken on, and how often it refused more. */
  load(): ApiLoad;
  /** Cuts all open watches in the middle; new ones may be opened. Returns how many there were. */
  cutWatches(): number;
  /** Ends open watches cleanly, takes no more connections, and cuts what is still open. */
  close(): Promise<void>;
}

export interface ServerAddress {
  readonly host: string;
  readonly port: number;
  /** `https://HOST:PORT`. */
  readonly url: string;
}

export const DEFAULT_VERSION: ServerVersion = { gitVersion: 'v1.36.2+hawser' };

/** The API over HTTPS: HTTP/2 for who offers that by ALPN, else HTTP/1.1. Client certificates are asked for and not required: the policy decides who may come in. */
export function createApiServer(options: ApiServerOptions): ApiServer {
  const { registry, tls, logger } = options;
  const watches = new WatchResponses();
  const bounds = options.bounds ?? CLUSTER_BOUNDS;
  const times = options.times ?? API_TIMES;
  const load = new Load(bounds, times.answerMs);
  const sessions = new Sessions(times, load);
  const closing = new AbortController();
  let bound: ServerAddress | undefined;
  const { served = ALL_RESOURCES, specialResources = [] } = registry.context.policy;
  const discovery = createDiscovery(served, specialResources, options.version ?? DEFAULT_VERSION, () =>
    bound === undefined ? '' : `${bound.host}:${bound.port}`,
  );
  const handlerOptions = {
    registry,
    discovery,
    watches,
    load,
    ownPaths: options.ownPaths ?? new Map(),
    notReady: options.notReady ?? (() => undefined),
    onFailure: (err: unknown, path: string) => logger?.error({ err, path }, 'request failed'),
  };

  const server = createSecureServer({
    allowHTTP1: true,
    cert: tls.cert,
    key: tls.key,
    ...(tls.clientCa === undefined ? {} : { ca: tls.clientCa, requestCert: true, rejectUnauthorized: false }),
    minVersion: 'TLSv1.2',
    noDelay: true,
    handshakeTimeout: times.headersMs,
    // Of HTTP/1.1. What is not in Node's types of this server is taken all the same: it is an http.Server to such connections.
    ...{
      headersTimeout: times.headersMs,
      requestTimeout: times.requestMs,
      keepAliveTimeout: times.idleMs,
      maxHeaderSize: MAX_HEADER_BYTES,
      connectionsCheckingInterval: times.lookEveryMs,
    },
    // Of HTTP/2.
    settings: { maxConcurrentStreams: STREAMS_PER_SESSION, maxHeaderListSize: MAX_HEADER_BYTES },
    maxSessionMemory: SESSION_MEMORY_MIB,
    maxSessionRejectedStreams: REFUSED_STREAMS,
    maxSessionInvalidFrames: INVALID_FRAMES,
    ...RESETS,
  });
  server.maxConnections = bounds.connections;
  // Also those in the middle of their TLS handshake, of which Node's HTTPS server does not know yet.
  server.on('connection', (socket: Socket) => load.connected(socket));
  server.on('session', (session) => sessions.opened(session));
  server.on('drop', () => load.reached('connections'));
  server.on('clientError', (error, socket) => {
    const bound = answerClientError(error, socket);
    if (bound !== undefined) load.reached(bound);
  });

  async function serve(request: ApiRequest, response: ApiResponse): Promise<void> {
    if (options.takeOver?.(request, response) === true) return;
    const fault = options.intercept?.(intercepted(request), goneSignal(response));
    if (fault !== undefined && !(await applyFault(fault, response, closing.signal))) return;
    await handleRequest(handlerOptions, request, response);
  }

  server.on('request', (request, response) => {
    serve(request, response).catch((err: unknown) => {
      logger?.error({ err }, 'answer could not be sent');
      cutOff(response);
    });
  });

  return {
    async listen(port, host = '127.0.0.1') {
      server.listen(port, host);
      await once(server, 'listening');
      const address = server.address();
      if (address === null || typeof address === 'string') throw new Error('an API server listens on TCP');
      const shown = address.family === 'IPv6' ? `[${address.address}]` : address.address;
      bound = { host: address.address, port: address.port, url: `https://${shown}:${address.port}` };
      return bound;
    },
    address() {
      if (bound === undefined) throw new Error('the API server does not listen yet');
      return bound;
    },
    isListening: () => server.listening,
    load: () => load.stats(),
    cutWatches() {
      const open = [...watches.open];
      for (const watch of open) watch.cut();
      return open.length;
    },
    async close() {
      closing.abort();
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      const ended = Promise.all([...watches.open].map((watch) => watch.end()));
      // What has been written to a session is not yet on its way.
      const done = ended.then(() => sessions.ended());
      await Promise.race([done, sleep(times.graceMs, undefined, { ref: false })]);
      for (const socket of load.sockets()) socket.destroy();
      await closed;
    },
  };
}

function intercepted(request: ApiRequest): InterceptedRequest {
  const [path = '', query = ''] = (request.url ?? '/').split('?', 2);
  return { method: request.method ?? 'GET', path, query: new URLSearchParams(query), headers: request.headers };
}
