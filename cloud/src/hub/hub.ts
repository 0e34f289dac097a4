import type { IncomingMessage } from 'node:http';
import { createServer } from 'node:https';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { TLSSocket } from 'node:tls';
import type { Logger } from 'pino';
import { type ServerOptions, WebSocketServer } from 'ws';
import type { Clock } from '../clock.ts';
import type { KeysSource } from '../cluster-keys/index.ts';
import type { Downstream } from '../downstream/index.ts';
import { keepServing, type Serving } from '../enroll/index.ts';
import type { Bound } from '../ops/bounds.ts';
import type { Settings } from '../ops/settings.ts';
import { remoteOf } from '../per-address.ts';
import { LogBudget, type QueryDesk, type ReportQueue } from '../upstream/index.ts';
import { admit, LINK_PATH, refusalText } from './admission.ts';
import type { Claimant, SessionClaims } from './claims.ts';
import { answerClientError } from './client-error.ts';
import { clockOffsetOf } from './device-clock.ts';
import { createDoors } from './doors.ts';
import { Drain } from './drain.ts';
import { FrameBudgets } from './frame-budget.ts';
import { createFront } from './front.ts';
import type { EpochMeeting, RelayIdentity } from './handshake.ts';
import { Handshakes } from './handshakes.ts';
import { deviceBehind, type Peer } from './identity.ts';
import { Link } from './link.ts';
import type { LinkContext, LinkMetrics } from './link-context.ts';
import { PiecewiseSocket } from './pieces.ts';
import { Receiving } from './receiving.ts';
import { Sessions } from './sessions.ts';
import { createTelling } from './tell-all.ts';
import { type Trust, watchTrust } from './trust.ts';
import { createTurns } from './turns.ts';

/** Headers of an upgrade are some hundred bytes; one with more is answered 431. */
const MAX_HEADER_BYTES = 8 * 1024;
/** A message may come in so many fragments: an agent sends its own whole, and in pieces of 64 KiB the largest has as many. Over it the link is closed. */
const MAX_FRAGMENTS = 64;
/**
 * A frame may come in so many pieces of TLS: whole records make 256 of the largest, small ones some more. Over it the link is closed: a piece of
 * one byte costs 500 in memory.
 */
const MAX_CHUNKS = 4_096;

/** Refusals that came to a bound, and which. */
const BOUND_OF_REFUSAL: Readonly<Record<string, Bound>> = {
  connectionsPerAddress: 'limits.connectionsPerAddress',
  handshakesPerAddress: 'limits.handshakesPerAddress',
  handshakes: 'limits.handshakes',
  timeout: 'limits.handshakeSeconds',
  full: 'limits.sessions',
  clientHello: 'clientHello',
  connections: 'connections',
  headers: 'headerBytes',
};

/** Sessions that end with an epoch come back within so long, and as much more for each of them, so that they do not all at once; in ms. */
const RETURN_MS = 5_000;
const RETURN_PER_SESSION_MS = 5;
const MOST_RETURN_MS = 60_000;

/** Enrolment has bounds of its own. */
type HubLimits = Omit<Settings['limits'], `enrol${string}` & keyof Settings['limits']>;

export interface HubOptions {
  readonly settings: Pick<Settings, 'keyExchange'> & {
    readonly link: Pick<Settings['link'], 'address' | 'port'>;
    readonly limits: HubLimits;
  };
  /** With what links are taken; until it is there, connections are closed. */
  readonly serving: Serving;
  /** Undefined until the relay knows which cluster it speaks for: no link is opened before. */
  readonly relay: () => RelayIdentity | undefined;
  readonly downstream: Pick<Downstream, 'open'>;
  readonly reports: Pick<ReportQueue, 'open'>;
  readonly queries: Pick<QueryDesk, 'open'>;
  readonly claims: SessionClaims;
  /** What an agent says of the kubelet beside it, while its session lives. */
  readonly onKubelet: (session: Claimant, isAlive: boolean) => void;
  readonly epochs: EpochMeeting;
  readonly trust: Trust;
  /** What devices that let in pods are told. */
  readonly clusterKeys: KeysSource;
  /** Goes on with a connection for enrolment, from its ClientHello on. Undefined: nobody is enrolled. */
  readonly enrolment?: { take(socket: Socket): void; readonly most: number } | undefined;
  readonly metrics: LinkMetrics & { linkRefused(why: string): void };
  readonly clock: Clock;
  /** From 0 to 1, 1 excluded. */
  readonly random: () => number;
  readonly logger: Logger;
}

export interface Hub {
  readonly port: number;
  readonly sessions: Pick<
    Sessions,
    'byState' | 'clocksOff' | 'dirtyKeys' | 'load' | 'lagging' | 'totals' | 'count' | 'all' | 'find'
  >;
  /** Connections that have not said hello. */
  handshakes(): number;
  /** Of the address that has the most. */
  mostConnectionsOfAddress(): number;
  /** Of messages whose end has not come, over all links. */
  receivingBytes(): number;
  /** Ends every session: what its agent holds is to be compared in a new epoch. They come back spread over some time. */
  endEpoch(detail: string): void;
  /**
   * Takes no more links and tells those there are to move to another replica, a few at a time, each when what it has under way is answered.
   * Resolves when none is left, or after so many seconds. Once.
   */
  drain(seconds: number): Promise<void>;
  /** Takes no more links, says goodbye on those there are, and resolves when all are closed: cut after the close timeout. */
  stop(): Promise<void>;
}

/**
 * Awaits agents: TLS 1.3 with client certificates, no session tickets that would hold them, one WebSocket each at LINK_PATH.
 * @throws HawserError `address_in_use` or `bad_config`
 */
export async function startHub(options: HubOptions): Promise<Hub> {
  const { settings, serving, clock, logger, metrics } = options;
  const { limits } = settings;
  const sessions = new Sessions(logger);
  const addressLog = new LogBudget(clock);
  const receiving = new Receiving(limits.receivingBytes);
  const refused = (why: string): void => {
    metrics.linkRefused(why);
    const bound = BOUND_OF_REFUSAL[why];
    if (bound !== undefined) metrics.boundReached(bound);
  };
  const handshakes = new Handshakes({
    most: limits.handshakes,
    mostPerAddress: limits.handshakesPerAddress,
    mostConnectionsPerAddress: limits.connectionsPerAddress,
    deadlineMs: limits.handshakeSeconds * 1000,
    clock,
    onRefused(why, address) {
      refused(why);
      const line = why === 'timeout' ? undefined : addressLog.take();
      if (line !== undefined) logger.warn({ address, why, ...line }, 'connection over a bound closed');
    },
  });
  const links = new Set<Link>();
  let isStopping = false;
  let drain: Drain<Link> | undefined;

  const server = createServer({
    requestCert: true,
    rejectUnauthorized: true,
    handshakeTimeout: limits.handshakeSeconds * 1000,
    maxHeaderSize: MAX_HEADER_BYTES,
    // A list would be copied for each connection, into a piece of a buffer that is kept with it: some 25 KB each.
    ALPNCallback: ({ protocols }) => protocols.find((protocol) => protocol === 'http/1.1'),
  });
  const forgetServing = keepServing(server, serving, settings.keyExchange);
  const onceServing = (take: (socket: Socket) => void) => (socket: Socket) => {
    if (serving.current() !== undefined) return take(socket);
    metrics.linkRefused('noCertificate');
    socket.destroy();
  };
  const front = createFront({
    handshakes,
    link: onceServing((socket) => server.emit('connection', socket)),
    enrolment: options.enrolment === undefined ? undefined : onceServing(options.enrolment.take),
    onRefused: refused,
    logger,
  });
  const doors = createDoors({
    most: limits.sessions + limits.handshakes + (options.enrolment?.most ?? 0),
    onConnection: front,
    onRefused: () => refused('connections'),
  });
  const bounds: ServerOptions & { readonly maxPendingAutoPongs: number } = {
    noServer: true,
    clientTracking: false,
    perMessageDeflate: false,
    maxPayload: limits.frameBytes,
    maxFragments: MAX_FRAGMENTS,
    maxBufferedChunks: MAX_CHUNKS,
    // A link counts pings and unsent bytes itself, and says why it ends; this would cut it without a word.
    maxPendingAutoPongs: 0,
  };
  const sockets = new WebSocketServer(bounds);
  // An agent compares its clock with ours: certificates and tokens are judged by both.
  sockets.on('headers', (headers) => headers.push(`Date: ${clock.now().toUTCString()}`));
  sockets.on('wsClientError', (error, socket) => {
    refused('upgrade');
    socket.once('finish', () => socket.destroy());
    socket.end(refusalText({ status: 400, text: error.message, retryAfterSeconds: undefined }));
  });
  const context: LinkContext<Link> = {
    downstream: options.downstream,
    reports: options.reports,
    queries: options.queries,
    epochs: options.epochs,
    trust: options.trust,
    clusterKeys: options.clusterKeys,
    limits,
    budgets: new FrameBudgets(limits.framesPerSecond, clock),
    receiving,
    clock,
    turns: createTurns(),
    metrics,
    logger,
    onKubelet: options.onKubelet,
    onAccepted: (link) => {
      handshakes.end(link.remote);
      sessions.take(link);
      options.claims.opened(link);
    },
    onLive: (link) => drain?.begun(link),
    onEnded: (link, stats) => {
      links.delete(link);
      options.claims.ended(link);
      sessions.drop(link, stats);
      drain?.ended();
    },
  };

  server.on('clientError', (error, socket) => {
    const why = answerClientError(error, socket);
    if (why !== undefined) refused(why);
  });
  server.on('tlsClientError', (error, socket) => {
    refused('tls');
    logger.debug({ err: error, remote: remoteOf(socket) }, 'TLS handshake failed');
  });
  server.on('request', (request, response) => {
    refused('request');
    const status = pathOf(request.url) === LINK_PATH ? 426 : 404;
    response.writeHead(status, { 'content-type': 'text/plain; charset=utf-8', connection: 'close' });
    response.end(`agents open a WebSocket at ${LINK_PATH}\n`);
  });
  server.on('upgrade', (request, socket, head) => {
    const isTls = socket instanceof TLSSocket;
    const peer: Peer = isTls ? deviceBehind(socket) : { type: 'refused', why: 'the connection has no TLS' };
    if (!isReplaced(peer)) {
      arrive(request, socket, head, peer);
      return;
    }
    const onError = (error: Error) => logger.debug({ err: error }, 'connection lost while a record was read');
    socket.on('error', onError);
    void options.trust.devices.lookAgain(peer.node).then(() => {
      if (socket.destroyed) return;
      socket.off('error', onError);
      arrive(request, socket, head, peer);
    });
  });

  function isReplaced(peer: Peer): peer is Extract<Peer, { type: 'device' }> {
    if (peer.type === 'refused') return false;
    const verdict = options.trust.devices.verdict(peer.node, peer.key, peer.issuedAt);
    return verdict.type === 'refused' && verdict.why === 'otherKey';
  }

  function arrive(request: IncomingMessage, socket: Duplex, head: Buffer, peer: Peer): void {
    const isTls = socket instanceof TLSSocket;
    const remote = isTls ? remoteOf(socket) : '';
    const admission = admit({
      path: pathOf(request.url),
      peer,
      relay: options.relay(),
      isStopping,
      verdict: options.trust.devices.verdict,
      sessions,
      mostSessions: limits.sessions,
    });
    if (admission.type === 'refused') {
      refused(admission.why);
      const node = peer.type === 'device' ? peer.node : undefined;
      logger.info({ node, remote, why: admission.why, detail: admission.text }, 'link refused');
      socket.on('error', (error) => logger.debug({ err: error, remote }, 'connection lost while it was refused'));
      socket.once('finish', () => socket.destroy());
      socket.end(refusalText(admission));
      return;
    }
    const connection = handshakes.connection(remote);
    const { node, key, issuedAt } = admission;
    const bytesRead = () => connection?.bytesRead ?? 0;
    const certificate = () => (isTls ? socket.getPeerX509Certificate() : undefined);
    sockets.handleUpgrade(request, socket, head, (webSocket) => {
      handshakes.upgraded(remote);
      const clockOffsetMs = clockOffsetOf(request.headers.date, clock.now().getTime());
      const other = { node, key, issuedAt, remote, bytesRead, certificate, clockOffsetMs };
      const link = new Link(new PiecewiseSocket(webSocket), other, admission.relay, context);
      links.add(link);
      // After the WebSocket's own listener: what it has found in the chunk has been handled by then.
      socket.on('data', (chunk: Buffer) => link.read(chunk.length));
      socket.once('end', () => link.otherSideEnded());
    });
  }

  const endTrust = watchTrust({ trust: options.trust, sessions, clock });
  const telling = createTelling(
    () => sessions.all(),
    (link) => link.tellClusterKeys(),
    clock,
  );
  const endKeys = options.clusterKeys.onChange(telling.begin);
  const port = await doors.open(settings.link);
  return {
    port,
    sessions,
    handshakes: () => handshakes.count,
    mostConnectionsOfAddress: () => handshakes.mostConnectionsOfAddress,
    receivingBytes: () => receiving.bytes,
    drain(seconds) {
      isStopping = true;
      drain = new Drain({ links: () => sessions.all(), seconds, clock, random: options.random, logger });
      return drain.over;
    },
    endEpoch(detail) {
      const live = sessions.all();
      const spreadMs = Math.min(RETURN_MS + live.length * RETURN_PER_SESSION_MS, MOST_RETURN_MS);
      for (const link of live) {
        const retryAfterMs = Math.round(options.random() * spreadMs);
        link.end({ close: 'newEpoch', goodbye: 'newEpoch', detail, retryAfterMs });
      }
    },
    async stop() {
      isStopping = true;
      drain?.stop();
      endTrust();
      endKeys();
      telling.stop();
      forgetServing();
      const closed = doors.close();
      for (const link of links) {
        if (link.status() !== undefined) metrics.sessionDrained('cut');
        link.end({ close: 'goingAway', goodbye: 'shuttingDown', detail: 'the relay is stopping', retryAfterMs: 0 });
      }
      handshakes.destroyAll();
      await closed;
    },
  };
}

function pathOf(url: string | undefined): string {
  return (url ?? '').split('?', 1)[0] ?? '';
}
