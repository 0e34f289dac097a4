import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import type { Socket } from 'node:net';
import type { Logger } from 'pino';
import type { Clock } from '../clock.ts';
import { keepServing, type Serving } from '../enroll/index.ts';
import { listen } from '../ops/listen.ts';
import type { Settings } from '../ops/settings.ts';
import { addressOf, PerAddress } from '../per-address.ts';
import { type Answered, Desk, type DeskOptions, failure } from './desk.ts';
import type { Reviews, Verdict } from './reviews.ts';
import { type Route, routeOf } from './route.ts';
import { MOST_WATCHES, Watches } from './watches.ts';

/** Administrators and their scripts are a handful; one more connection is closed. */
const MAX_CONNECTIONS = 64;
/** Those of one address, which may be a proxy of the cluster; one more is closed, so that a stranger does not take all. */
const MAX_PER_ADDRESS = 32;
/** A token has some KB, and there is little beside it. */
const MAX_HEADER_BYTES = 16 * 1024;
const MAX_HEADERS = 32;
/** A body names a level. */
const MAX_BODY_BYTES = 1024;
/** For TLS, for the head, and for a whole request; in ms. */
const STEP_MS = 10_000;
/** An idle connection is kept for so long, in ms: commands ask once or for pages. */
const IDLE_MS = 5_000;
/** A connection on which nothing moves for so long is over, in ms: a watch says each ten seconds that it lives, and who takes nothing holds what is buffered. */
const STALLED_MS = 60_000;
/** How often deadlines are looked at, in ms. */
const CHECK_MS = 2_000;
/** After a refusal for lack of answers or room, in seconds. */
const RETRY_AFTER_SECONDS = 1;

export interface AdminMetrics {
  /** @param to a name of the routes, or `unknown`; @param outcome see docs/metrics.md */
  adminRequest(to: string, outcome: string): void;
}

export interface AdminOptions extends DeskOptions {
  readonly settings: Pick<Settings, 'admin' | 'keyExchange'>;
  /** The same as the link's. */
  readonly serving: Serving;
  readonly reviews: Reviews;
  readonly metrics: AdminMetrics;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Default: STALLED_MS. */
  readonly stalledMs?: number;
}

export interface AdminServer {
  readonly port: number;
  watches(): number;
  stop(): Promise<void>;
}

/**
 * What administrators ask this replica: HTTPS without client certificates, each request by a bearer token that the cluster judges. Nothing is
 * said to whom it does not allow, and what cannot be judged is 503.
 * @throws HawserError `address_in_use` or `bad_config`
 */
export async function startAdmin(options: AdminOptions): Promise<AdminServer> {
  const { settings, serving, reviews, metrics, clock, logger, stalledMs = STALLED_MS } = options;
  const desk = new Desk(options);
  const watches = new Watches(() => desk.sessions(), clock);
  const perAddress = new PerAddress();
  const server = createServer({
    requestCert: false,
    handshakeTimeout: STEP_MS,
    headersTimeout: STEP_MS,
    requestTimeout: STEP_MS,
    keepAliveTimeout: IDLE_MS,
    connectionsCheckingInterval: CHECK_MS,
    maxHeaderSize: MAX_HEADER_BYTES,
  });
  server.maxConnections = MAX_CONNECTIONS;
  server.maxHeadersCount = MAX_HEADERS;
  server.timeout = stalledMs;
  const forgetServing = keepServing(server, serving, settings.keyExchange);

  server.on('connection', (socket: Socket) => {
    const address = addressOf(socket.remoteAddress ?? '');
    if (perAddress.of(address) >= MAX_PER_ADDRESS) {
      metrics.adminRequest('unknown', 'overBound');
      socket.destroy();
      return;
    }
    perAddress.add(address);
    socket.once('close', () => perAddress.remove(address));
  });
  server.on('timeout', (socket: Socket) => {
    metrics.adminRequest('unknown', 'overBound');
    socket.destroy();
  });
  server.on('drop', () => metrics.adminRequest('unknown', 'overBound'));
  server.on('tlsClientError', (err, socket) => {
    metrics.adminRequest('unknown', 'tls');
    logger.debug({ err, remote: socket.remoteAddress }, 'TLS handshake of an administrator failed');
    socket.destroy();
  });
  const latest = new WeakMap<Socket, ServerResponse>();
  server.on('request', (request, response) => {
    // The rest of what came with one that has ended the connection.
    if (request.socket.destroyed) return;
    // One after the other: requests that are sent ahead would be read and answered without a bound, and our client sends none.
    if (latest.get(request.socket)?.writableEnded === false) {
      metrics.adminRequest('unknown', 'overBound');
      request.socket.destroy();
      return;
    }
    latest.set(request.socket, response);
    respond(request, response).catch((err: unknown) => {
      // A body that was cut off, or a fault of ours: the other requests go on.
      if (!request.destroyed || !response.headersSent) logger.error({ err }, 'fault in a request of an administrator');
      metrics.adminRequest('unknown', 'failed');
      if (response.headersSent) response.destroy();
      else send(response, failure(500, 'internal error of the relay: see its log'));
    });
  });

  async function respond(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = '', url = '', headers } = request;
    const route = routeOf(method, url);
    if (route.to === 'refused') {
      metrics.adminRequest('unknown', 'refused');
      send(response, failure(route.code, route.message));
      return;
    }
    const verdict = await reviews.judge(headers.authorization, route.verb, route.path);
    if (response.destroyed) return;
    if (verdict.type === 'allowed') await serve(route, request, response, verdict.user);
    else {
      metrics.adminRequest(route.to, verdict.type);
      logger.info(
        { to: route.to, verdict: verdict.type, ...('user' in verdict ? { user: verdict.user } : {}) },
        'request of an administrator refused',
      );
      send(response, refusal(verdict));
    }
  }

  async function serve(route: Route, request: IncomingMessage, response: ServerResponse, user: string): Promise<void> {
    if (route.to === 'watch') {
      const isTaken = watches.begin(response);
      metrics.adminRequest(route.to, isTaken ? 'answered' : 'overBound');
      if (!isTaken) send(response, failure(503, `${MOST_WATCHES} watches are open at this replica, which is the most`));
      return;
    }
    const body = await bodyOf(request);
    const answer =
      body === undefined ? failure(413, `the body is larger than ${MAX_BODY_BYTES} bytes`) : await desk.answer(route, body, user);
    metrics.adminRequest(route.to, answer.code < 400 ? 'answered' : answer.code === 404 ? 'notFound' : 'refused');
    send(response, answer);
  }

  const port = await listen(server, settings.admin, 'administrators', 'admin');
  return {
    port,
    watches: () => watches.count,
    stop() {
      forgetServing();
      watches.stop();
      return new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      });
    },
  };
}

function refusal(verdict: Exclude<Verdict, { readonly type: 'allowed' }>): Answered {
  switch (verdict.type) {
    case 'unauthenticated':
      return failure(401, verdict.message);
    case 'forbidden':
      return failure(403, verdict.message);
    case 'unavailable':
      return failure(503, verdict.message);
  }
}

function send(response: ServerResponse, { code, body }: Answered): void {
  const text = `${JSON.stringify(body)}\n`;
  response.writeHead(code, {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(text),
    'cache-control': 'no-store',
    ...(code === 401 ? { 'www-authenticate': 'Bearer' } : {}),
    ...(code === 503 ? { 'retry-after': String(RETRY_AFTER_SECONDS) } : {}),
    // What is left of a body is not read.
    ...(code >= 400 ? { connection: 'close' } : {}),
  });
  response.end(text);
}

/** Undefined for one over the bound. */
async function bodyOf(request: IncomingMessage): Promise<string | undefined> {
  const parts: Buffer[] = [];
  let size = 0;
  for await (const chunk of request) {
    size += chunk.length;
    if (size > MAX_BODY_BYTES) return undefined;
    parts.push(chunk);
  }
  return Buffer.concat(parts).toString('utf8');
}
