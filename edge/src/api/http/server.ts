import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import type { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import type { Registry } from '../registry/registry.ts';
import { answerClientError } from './client-error.ts';
import { ALL_RESOURCES, createDiscovery, type ServerVersion } from './discovery.ts';
import { applyFault, type Fault, type InterceptedRequest } from './fault.ts';
import { handleRequest } from './handler.ts';
import { type ApiBounds, type ApiLoad, CLUSTER_BOUNDS, Load } from './load.ts';
import type { OwnPath } from './own-path.ts';
import { WatchResponses } from './watch-response.ts';

/** A client that has not sent its headers by then is cut off, in milliseconds. */
const HEADERS_TIMEOUT_MS = 10_000;
/** The same for a whole request with its body: 3 MiB at 50 KB/s. Watches are long answers, not long requests. */
const REQUEST_TIMEOUT_MS = 60_000;
/** How long an idle connection stays open for the next request, in milliseconds; clients reuse theirs for 90 s. */
const KEEP_ALIVE_TIMEOUT_MS = 95_000;
/** Headers of one request, in bytes, the URL with its selectors among them. More is answered 431. */
const MAX_HEADER_BYTES = 64 * 1024;
/** What clients have, in milliseconds, to take the end of their watches when the server closes; then they are cut off. */
const CLOSE_GRACE_MS = 1000;
/** Node looks so often for connections that are over the two times above, in milliseconds; its own default is 30 s. */
const LOOK_EVERY_MS = 2_000;

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
  /** Told of failures of the server's own; requests that are refused are no failures. */
  readonly logger?: Logger;
  /** Paths that Kubernetes does not have, such as `/hawser/v1/query`; the policy says who may ask. */
  readonly ownPaths?: ReadonlyMap<string, OwnPath>;
  /** For tests: a fault for this request, or undefined to answer it as usual. */
  readonly intercept?: (request: InterceptedRequest, gone: AbortSignal) => Fault | undefined;
  /** For tests: sees every request first; true says that it answers it by itself. */
  readonly takeOver?: (request: IncomingMessage, response: ServerResponse) => boolean;
}

export interface ApiServer {
  /** Port 0 takes a free one. Rejects when the port is in use. */
  listen(port: number, host?: string): Promise<ServerAddress>;
  /** @throws when the server does not listen */
  address(): ServerAddress;
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

/** The API over HTTPS (HTTP/1.1). Client certificates are asked for and not required: the policy decides who may come in. */
export function createApiServer(options: ApiServerOptions): ApiServer {
  const { registry, tls, logger } = options;
  const watches = new WatchResponses();
  const bounds = options.bounds ?? CLUSTER_BOUNDS;
  const load = new Load(bounds);
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

  const server = createServer({
    cert: tls.cert,
    key: tls.key,
    ...(tls.clientCa === undefined ? {} : { ca: tls.clientCa, requestCert: true, rejectUnauthorized: false }),
    minVersion: 'TLSv1.2',
    handshakeTimeout: HEADERS_TIMEOUT_MS,
    headersTimeout: HEADERS_TIMEOUT_MS,
    requestTimeout: REQUEST_TIMEOUT_MS,
    keepAliveTimeout: KEEP_ALIVE_TIMEOUT_MS,
    maxHeaderSize: MAX_HEADER_BYTES,
    connectionsCheckingInterval: LOOK_EVERY_MS,
  });
  server.maxConnections = bounds.connections;
  // Also those in the middle of their TLS handshake, of which Node's HTTPS server does not know yet.
  server.on('connection', (socket: Socket) => load.connected(socket));
  server.on('drop', () => load.reached('connections'));
  server.on('clientError', (error, socket) => {
    const bound = answerClientError(error, socket);
    if (bound !== undefined) load.reached(bound);
  });

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (options.takeOver?.(request, response) === true) return;
    const fault = options.intercept?.(intercepted(request), goneSignal(response));
    if (fault !== undefined && !(await applyFault(fault, response, closing.signal))) return;
    await handleRequest(handlerOptions, request, response);
  }

  server.on('request', (request, response) => {
    serve(request, response).catch((err: unknown) => {
      logger?.error({ err }, 'answer could not be sent');
      response.destroy();
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
      await Promise.race([ended, sleep(CLOSE_GRACE_MS, undefined, { ref: false })]);
      for (const socket of load.sockets()) socket.destroy();
      await closed;
    },
  };
}

/** Aborted when the client has its answer or has gone. */
function goneSignal(response: ServerResponse): AbortSignal {
  const gone = new AbortController();
  response.once('close', () => gone.abort());
  return gone.signal;
}

function intercepted(request: IncomingMessage): InterceptedRequest {
  const [path = '', query = ''] = (request.url ?? '/').split('?', 2);
  return { method: request.method ?? 'GET', path, query: new URLSearchParams(query), headers: request.headers };
}
