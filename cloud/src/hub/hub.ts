import { constants } from 'node:crypto';
import { createServer } from 'node:https';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { TLSSocket } from 'node:tls';
import type { Logger } from 'pino';
import { WebSocketServer } from 'ws';
import type { Clock } from '../clock.ts';
import type { Downstream } from '../downstream/index.ts';
import { listen } from '../ops/listen.ts';
import type { Settings } from '../ops/settings.ts';
import type { TlsMaterial } from '../ops/tls-files.ts';
import type { ReportQueue } from '../upstream/index.ts';
import type { RelayIdentity } from './handshake.ts';
import { nodeBehind } from './identity.ts';
import { Link, type LinkContext, type LinkMetrics } from './link.ts';
import { Sessions } from './sessions.ts';
import { createTurns } from './turns.ts';

export const LINK_PATH = '/v1/link';
/** For agents that come before this relay has reached its API server; they also have their own backoff. */
const NOT_YET_SECONDS = 5;
/** For agents beyond the bound: another replica may have room. */
const FULL_SECONDS = 30;
/** Headers of an upgrade are some hundred bytes. */
const MAX_HEADER_BYTES = 8 * 1024;

export interface HubOptions {
  readonly settings: Pick<Settings, 'link' | 'keyExchange' | 'limits'>;
  readonly tls: TlsMaterial;
  /** Undefined until the relay knows which cluster it speaks for: no link is opened before. */
  readonly relay: () => RelayIdentity | undefined;
  readonly downstream: Pick<Downstream, 'open'>;
  readonly reports: Pick<ReportQueue, 'open'>;
  readonly metrics: LinkMetrics & { linkRefused(why: string): void };
  readonly clock: Clock;
  readonly logger: Logger;
}

export interface Hub {
  readonly port: number;
  readonly sessions: Pick<Sessions, 'byState' | 'dirtyKeys' | 'totals' | 'count'>;
  /** Connections that have not said hello. */
  handshakes(): number;
  /** From now on agents that dial are told to come back later. */
  refuseLinks(): void;
  /** Takes no more links, says goodbye on those there are, and resolves when all are closed: cut after the close timeout. */
  stop(): Promise<void>;
}

/**
 * Awaits agents: TLS 1.3 with client certificates, no session tickets that would hold them, one WebSocket each at LINK_PATH.
 * @throws HawserError `address_in_use` or `bad_config`
 */
export async function startHub(options: HubOptions): Promise<Hub> {
  const { settings, tls, clock, logger, metrics } = options;
  const { limits } = settings;
  const sessions = new Sessions(logger);
  /** Connections on the way to a hello, by the other side's address and port. */
  const handshakes = new Map<string, { readonly socket: Socket; readonly cancelDeadline: () => void }>();
  const links = new Set<Link>();
  let isStopping = false;

  const server = createServer({
    cert: tls.cert,
    key: tls.key,
    ca: tls.clientCa,
    requestCert: true,
    rejectUnauthorized: true,
    minVersion: 'TLSv1.3',
    // Tickets by state instead of tickets with state: these are small, and nobody can resume since no state is kept.
    secureOptions: constants.SSL_OP_NO_TICKET,
    handshakeTimeout: limits.handshakeSeconds * 1000,
    maxHeaderSize: MAX_HEADER_BYTES,
    ...(settings.keyExchange === 'x25519' ? { ecdhCurve: 'X25519' } : {}),
  });
  server.maxConnections = limits.sessions + limits.handshakes;
  const sockets = new WebSocketServer({
    noServer: true,
    clientTracking: false,
    perMessageDeflate: false,
    maxPayload: limits.frameBytes,
  });
  const context: LinkContext = {
    downstream: options.downstream,
    reports: options.reports,
    limits,
    clock,
    turns: createTurns(),
    metrics,
    logger,
    onAccepted: (link) => {
      handshakes.delete(link.remote);
      sessions.take(link);
    },
    onEnded: (link, stats) => {
      links.delete(link);
      sessions.drop(link, stats);
    },
  };

  function refuse(socket: Duplex, why: string, status: string, text: string, retryAfterSeconds?: number): void {
    metrics.linkRefused(why);
    const retryAfter = retryAfterSeconds === undefined ? '' : `retry-after: ${retryAfterSeconds}\r\n`;
    socket.on('error', (error) => logger.debug({ err: error }, 'connection lost while it was refused'));
    socket.once('finish', () => socket.destroy());
    socket.end(
      `HTTP/1.1 ${status}\r\ncontent-type: text/plain; charset=utf-8\r\ncontent-length: ${Buffer.byteLength(text)}\r\n${retryAfter}connection: close\r\n\r\n${text}`,
    );
  }

  server.on('connection', (socket: Socket) => {
    const key = remoteOf(socket);
    if (handshakes.size >= limits.handshakes) {
      metrics.linkRefused('handshakes');
      socket.destroy();
      return;
    }
    const cancelDeadline = clock.after(limits.handshakeSeconds * 1000, () => {
      metrics.linkRefused('timeout');
      socket.destroy();
    });
    handshakes.set(key, { socket, cancelDeadline });
    socket.once('close', () => {
      cancelDeadline();
      handshakes.delete(key);
    });
  });
  server.on('tlsClientError', (error, socket) => {
    metrics.linkRefused('tls');
    logger.debug({ err: error, remote: remoteOf(socket) }, 'TLS handshake failed');
  });
  server.on('request', (request, response) => {
    metrics.linkRefused('request');
    const status = pathOf(request.url) === LINK_PATH ? 426 : 404;
    response.writeHead(status, { 'content-type': 'text/plain; charset=utf-8', connection: 'close' });
    response.end(`agents open a WebSocket at ${LINK_PATH}\n`);
  });
  server.on('upgrade', (request, socket, head) => {
    if (pathOf(request.url) !== LINK_PATH) {
      refuse(socket, 'path', '404 Not Found', `agents open a WebSocket at ${LINK_PATH}\n`);
      return;
    }
    if (!(socket instanceof TLSSocket)) {
      refuse(socket, 'certificate', '403 Forbidden', 'the link is mutual TLS\n');
      return;
    }
    const remote = remoteOf(socket);
    const identity = nodeBehind(socket);
    if (identity.type === 'refused') {
      logger.warn({ remote, why: identity.why }, 'client certificate names no node');
      refuse(socket, 'certificate', '403 Forbidden', `the client certificate names no node: ${identity.why}\n`);
      return;
    }
    const relay = options.relay();
    if (relay === undefined || isStopping) {
      const text = isStopping ? 'the relay is stopping\n' : 'the relay has not reached its API server yet\n';
      refuse(socket, isStopping ? 'stopping' : 'noCluster', '503 Service Unavailable', text, NOT_YET_SECONDS);
      return;
    }
    // A node that has a session replaces it: it takes no further place.
    if (sessions.count >= limits.sessions && !sessions.has(identity.name)) {
      logger.warn({ node: identity.name, remote, sessions: sessions.count }, 'link refused: the relay is full');
      refuse(socket, 'full', '503 Service Unavailable', 'the relay has as many links as it may\n', FULL_SECONDS);
      return;
    }
    // From here on the link's own deadline counts, which can say goodbye.
    handshakes.get(remote)?.cancelDeadline();
    sockets.handleUpgrade(request, socket, head, (webSocket) => {
      links.add(new Link(webSocket, { node: identity.name, remote }, relay, context));
    });
  });

  const port = await listen(server, settings.link, 'agents', 'link');
  return {
    port,
    sessions,
    handshakes: () => handshakes.size,
    refuseLinks() {
      isStopping = true;
    },
    async stop() {
      isStopping = true;
      const closed = new Promise<void>((resolve) => {
        server.close(() => resolve());
      });
      for (const link of links) {
        link.end({ close: 'goingAway', goodbye: 'shuttingDown', detail: 'the relay is stopping', retryAfterMs: 0 });
      }
      for (const { socket } of handshakes.values()) socket.destroy();
      await closed;
    },
  };
}

function pathOf(url: string | undefined): string {
  return (url ?? '').split('?', 1)[0] ?? '';
}

function remoteOf(socket: Socket): string {
  return `${socket.remoteAddress}:${socket.remotePort}`;
}
