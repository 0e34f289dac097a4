import {
  type AgentMessage,
  decodeAgentMessage,
  encodeRelayMessage,
  HawserError,
  type Hello,
  type KeyHash,
  type QueryAnswer,
  type RelayMessage,
  type SessionStatus,
} from '@hawser/protocol';
import type { Logger } from 'pino';
import type { RawData } from 'ws';
import { commonDictionary, type Session, type SessionReport, type SessionStats } from '../downstream/index.ts';
import type { Bound } from '../ops/bounds.ts';
import type { QueryLane, ReportLane } from '../upstream/index.ts';
import { CLOSE_CODES, type CloseName, type Ending } from './close-codes.ts';
import { type DeviceAnswer, DeviceQuestions } from './device-questions.ts';
import type { FrameBudget } from './frame-budget.ts';
import { greet, type RelayIdentity } from './handshake.ts';
import { keepAlive } from './keepalive.ts';
import type { LinkContext, LinkPeer, LinkSocket } from './link-context.ts';
import { LinkKeys } from './link-keys.ts';
import { LinkTrust } from './link-trust.ts';
import type { Part } from './receiving.ts';
import { endingOf } from './trust.ts';

/** Written and not yet taken by the network, in bytes: above it the session is not asked for more, until half of it has gone. */
const HOLD_UP_BYTES = 1024 * 1024;
/** An agent that speaks wrongly will do so again at once; it need not be often. */
const PROTOCOL_ERROR_WAIT_MS = 30_000;
const OVERLOADED_WAIT_MS = 10_000;
/** An agent that goes over a bound will do so again; by then the budget of its frames is whole. */
const OVER_BOUND_WAIT_MS = 30_000;
/** An agent that answers nothing for minutes is not helped by dialling at once. */
const STALLED_WAIT_MS = 60_000;
/** A question whose answer found the link full may be asked again; in milliseconds. */
const BEHIND_RETRY_MS = 5_000;
/** The same of one that came when the agent was about to be told to move: by then it is at another replica. */
const MOVED_RETRY_MS = 1_000;
/** After our close frame the other side has so long to answer it; then the connection is cut. */
const CLOSE_TIMEOUT_MS = 2_000;

/** What the WebSocket finds in frames before there is a message: it has sent its own close frame by then. */
const SOCKET_FAULTS: Readonly<Record<string, { readonly close: CloseName; readonly bound: Bound }>> = {
  WS_ERR_UNSUPPORTED_MESSAGE_LENGTH: { close: 'tooBig', bound: 'limits.frameBytes' },
  WS_ERR_UNSUPPORTED_DATA_PAYLOAD_LENGTH: { close: 'tooBig', bound: 'limits.frameBytes' },
  WS_ERR_TOO_MANY_BUFFERED_PARTS: { close: 'overBound', bound: 'fragments' },
};

interface Live {
  readonly certificates: LinkTrust;
  readonly keys: LinkKeys;
  readonly session: Session;
  readonly lane: ReportLane;
  readonly queries: QueryLane;
  readonly stopKeepAlive: () => void;
  readonly since: Date;
  /** Of the hello. */
  readonly features: readonly string[];
  readonly device: DeviceQuestions;
}

/**
 * | state | meaning | left by |
 * |---|---|---|
 * | greeting | the WebSocket is open, the hello is awaited | hello → live; deadline, anything else → ended |
 * | live | session, reports and queries | moveAway → leaving; end, a fault, silence, the socket's close → ended |
 * | leaving | what is under way is answered, nothing is begun; reports that come are left to the agent's outbox | all is answered, or as live → ended |
 * | ended | nothing is taken any more; the socket closes, or is cut after CLOSE_TIMEOUT_MS | |
 */
type LinkState =
  | { readonly name: 'greeting'; readonly cancelDeadline: () => void }
  | (Live & { readonly name: 'live' })
  | (Live & { readonly name: 'leaving'; readonly ending: Ending })
  | { readonly name: 'ended' };

/** A live session at a glance. */
export interface LinkFacts {
  readonly node: string;
  readonly status: SessionStatus;
  readonly since: Date;
  /** Of messages, without WebSocket and TLS, since the link was opened. */
  readonly sentBytes: number;
  readonly receivedBytes: number;
  /** See SessionStats. */
  readonly lagMs: number;
  readonly agentVersion: string;
  readonly storeId: string;
  /** The other side's address and port: those of the last proxy before the relay. */
  readonly remote: string;
}

/** All that a live session can say of itself, for a person. */
export interface LinkReport extends LinkFacts {
  readonly key: KeyHash;
  /** When the certificate of the link ends. */
  readonly certificateEnd: Date | undefined;
  readonly features: readonly string[];
  readonly stats: SessionStats;
  readonly objects: SessionReport;
}

/** One WebSocket of one node: frames to session, reports and queries, and back. Decides nothing about objects. */
export class Link {
  readonly node: string;
  readonly key: KeyHash;
  readonly issuedAt: Date;
  readonly remote: string;
  /** See LinkPeer. */
  readonly clockOffsetMs: number | undefined;
  /** Of the hello; empty before it. */
  storeId = '';
  agentVersion = '';
  readonly #socket: LinkSocket;
  readonly #bytesRead: () => number;
  readonly #certificate: LinkPeer['certificate'];
  readonly #relay: RelayIdentity;
  readonly #context: LinkContext<Link>;
  readonly #logger: Logger;
  readonly #budget: FrameBudget;
  readonly #part: Part;
  #state: LinkState;
  /** The session has something to send and the network is behind. */
  #isHeldUp = false;
  #sentBytes = 0;
  #receivedBytes = 0;

  constructor(socket: LinkSocket, peer: LinkPeer, relay: RelayIdentity, context: LinkContext<Link>) {
    this.node = peer.node;
    this.key = peer.key;
    this.issuedAt = peer.issuedAt;
    this.remote = peer.remote;
    this.clockOffsetMs = peer.clockOffsetMs;
    this.#socket = socket;
    this.#bytesRead = peer.bytesRead;
    this.#certificate = peer.certificate;
    this.#relay = relay;
    this.#context = context;
    this.#logger = context.logger.child({ node: peer.node, remote: peer.remote });
    const deadlineMs = context.limits.handshakeSeconds * 1000;
    this.#state = { name: 'greeting', cancelDeadline: context.clock.after(deadlineMs, () => this.#onHelloTimeout()) };
    this.#budget = context.budgets.open(peer.node);
    this.#part = context.receiving.open((bytes) => this.#onMostReceiving(bytes));
    socket.on('message', (data, isBinary) => this.#onMessage(data, isBinary));
    socket.on('ping', (data) => this.#onPing(data.length));
    socket.on('pong', (data) => this.#onPong(data.length));
    socket.on('error', (error) => this.#onSocketError(error));
    socket.on('close', (code) => this.#leave(code === 1006 ? 'lost' : 'closed', { code }));
  }

  /** The session's status; undefined unless the link is live or leaving. */
  status(): SessionStatus | undefined {
    return this.#live()?.session.status();
  }

  stats(): SessionStats | undefined {
    return this.#live()?.session.stats();
  }

  #live(): Live | undefined {
    return this.#state.name === 'live' || this.#state.name === 'leaving' ? this.#state : undefined;
  }

  /** Undefined unless the link is live. */
  facts(): LinkFacts | undefined {
    const state = this.#live();
    if (state === undefined) return undefined;
    return {
      node: this.node,
      status: state.session.status(),
      since: state.since,
      sentBytes: this.#sentBytes,
      receivedBytes: this.#receivedBytes,
      lagMs: state.session.stats().lagMs,
      agentVersion: this.agentVersion,
      storeId: this.storeId,
      remote: this.remote,
    };
  }

  /** Undefined unless the link is live. @param most objects that differ, at most. Costs as much as the node has objects */
  report(most: number): LinkReport | undefined {
    const [state, facts] = [this.#live(), this.facts()];
    if (state === undefined || facts === undefined) return undefined;
    return {
      ...facts,
      key: this.key,
      certificateEnd: this.#certificate()?.validToDate,
      features: state.features,
      stats: state.session.stats(),
      objects: state.session.report(most),
    };
  }

  /** Asks the agent how its device is. Never rejects. */
  async askDevice(): Promise<DeviceAnswer> {
    if (this.#state.name !== 'live') return { untold: 'its session is ending' };
    if (this.#socket.bufferedAmount >= HOLD_UP_BYTES) return { untold: 'the link is behind with what was sent before' };
    return this.#state.device.ask();
  }

  /** Those that relays are to be verified with may be others now. */
  tellAuthorities(): void {
    if (this.#state.name === 'live') this.#state.certificates.tellAuthorities();
  }

  /** Those that the cluster's tokens are verified with may be others now. */
  tellClusterKeys(): void {
    if (this.#state.name === 'live') this.#state.keys.tell();
  }

  /** Says goodbye and closes. Does nothing to a link that has ended. */
  end(ending: Ending): void {
    if (this.#state.name === 'ended') return;
    this.#leave(ending.close, { detail: ending.detail });
    this.#write({ type: 'goodbye', reason: ending.goodbye, detail: ending.detail, retryAfterMs: ending.retryAfterMs });
    // What a session had not read yet must not hold the close frame of the other side back; of one that sends too much nothing is read.
    if (ending.close === 'overBound') this.#socket.pause();
    else if (this.#socket.isPaused) this.#socket.resume();
    this.#socket.close(CLOSE_CODES[ending.close], ending.close);
    this.#cutSoon();
  }

  /** Begins nothing new, and ends when what is under way is answered. Does nothing to a link that is not live. */
  moveAway(ending: Ending): void {
    if (this.#state.name !== 'live') return;
    this.#state = { ...this.#state, name: 'leaving', ending };
    this.#leaveIfIdle();
  }

  #leaveIfIdle(): void {
    if (this.#state.name !== 'leaving') return;
    const { session, lane, queries, ending } = this.#state;
    const isIdle = session.stats().inflightBatches === 0 && lane.outstanding() === 0 && queries.outstanding() === 0;
    if (!isIdle) return;
    this.#context.metrics.sessionDrained('moved');
    this.end(ending);
  }

  /** The other side will send nothing more. Its WebSocket would wait for what it no longer reads to be written. */
  otherSideEnded(): void {
    this.#cutSoon();
  }

  #cutSoon(): void {
    const cancel = this.#context.clock.after(CLOSE_TIMEOUT_MS, () => this.#socket.terminate());
    this.#socket.once('close', cancel);
  }

  /** So many bytes of WebSocket frames have come in, and the messages in them were told before. */
  read(bytes: number): void {
    if (this.#state.name !== 'ended') this.#part.read(bytes);
  }

  #onMessage(data: RawData, isBinary: boolean): void {
    if (this.#state.name === 'ended') return;
    const bytes = bytesOf(data);
    this.#receivedBytes += bytes.length;
    if (!this.#counts(bytes.length)) return;
    if (!isBinary) {
      this.#context.metrics.malformedFrame();
      this.#fault('textMessage', 'text message: the link takes binary messages');
      return;
    }
    try {
      const message = decodeAgentMessage(bytes);
      this.#context.metrics.received(message.type, bytes.length);
      this.#receive(message);
    } catch (error) {
      this.#onFailure(error);
    }
  }

  /** The WebSocket has answered it. */
  #onPing(bytes: number): void {
    if (this.#state.name !== 'ended' && this.#counts(bytes)) this.#takesEnough();
  }

  #onPong(bytes: number): void {
    if (this.#state.name !== 'ended') this.#counts(bytes);
  }

  /** @returns whether the network takes what is written; otherwise the link has ended */
  #takesEnough(): boolean {
    const { bufferedAmount } = this.#socket;
    if (bufferedAmount <= this.#context.limits.bufferedBytes) return true;
    this.#context.metrics.boundReached('limits.bufferedBytes');
    const detail = `the link did not take ${bufferedAmount} bytes that were written to it`;
    this.end({ close: 'overloaded', goodbye: 'overloaded', detail, retryAfterMs: OVERLOADED_WAIT_MS });
    return false;
  }

  /** @returns whether the node may still send; otherwise the link has ended */
  #counts(bytes: number): boolean {
    this.#part.handled(bytes);
    if (this.#budget.take()) return true;
    const { framesPerSecond } = this.#context.limits;
    this.#overBound('limits.framesPerSecond', `more than ${framesPerSecond} messages, pings and pongs a second, over time`);
    return false;
  }

  #onMostReceiving(bytes: number): void {
    const detail = `${bytes} bytes of a message had come and not its end, the most of all links when they had too much together`;
    this.#overBound('limits.receivingBytes', detail);
  }

  #overBound(bound: Bound, why: string): void {
    this.#context.metrics.boundReached(bound);
    this.end({ close: 'overBound', goodbye: 'overBound', detail: `${bound}: ${why}`, retryAfterMs: OVER_BOUND_WAIT_MS });
  }

  #receive(message: AgentMessage): void {
    if (this.#state.name === 'greeting') {
      if (message.type !== 'hello') throw new HawserError('protocol', `${message.type} before the hello`);
      this.#open(message, this.#state.cancelDeadline);
      return;
    }
    if (this.#state.name === 'leaving') {
      this.#receiveLast(message, this.#state);
      return;
    }
    if (this.#state.name !== 'live') return;
    const { session, lane, queries } = this.#state;
    switch (message.type) {
      case 'hello':
        throw new HawserError('protocol', 'a second hello on one link');
      case 'report':
        lane.push(message.report);
        // At the bound the socket is read no further: the agent's outbox is the better place to wait.
        if (lane.isFull()) this.#socket.pause();
        return;
      case 'kubelet':
        this.#context.onKubelet(this, message.alive);
        return;
      case 'ack':
        for (const { reason } of message.nacks) this.#context.metrics.nack(reason);
        session.receive(message);
        // Each answers a batch of ours, so there are no more of them than we asked for.
        this.#budget.giveBack();
        return;
      case 'inventory':
      case 'check':
        session.receive(message);
        return;
      case 'query':
        queries.ask(message.query);
        return;
      case 'cancelQuery':
        queries.cancel(message.id);
        return;
      case 'renew':
        this.#state.certificates.renew(message);
        return;
      case 'deviceState':
        this.#state.device.answered(message.state);
        return;
    }
  }

  /** Of an agent that is about to be told to move. */
  #receiveLast(message: AgentMessage, { session, queries, device }: Live): void {
    switch (message.type) {
      case 'hello':
        throw new HawserError('protocol', 'a second hello on one link');
      case 'ack':
      case 'inventory':
      case 'check':
        session.receive(message);
        break;
      case 'query': {
        // Not begun, and the agent is to know: it may ask again, also what may not be done twice.
        const answer: QueryAnswer = { type: 'unavailable', retryAfterMs: MOVED_RETRY_MS, message: 'the relay is stopping' };
        this.#send({ type: 'queryAnswer', id: message.query.id, answer });
        return;
      }
      case 'cancelQuery':
        queries.cancel(message.id);
        break;
      case 'deviceState':
        device.answered(message.state);
        return;
      case 'report':
      case 'kubelet':
      case 'renew':
        // Another replica is told.
        return;
    }
    this.#leaveIfIdle();
  }

  #open(hello: Hello, cancelDeadline: () => void): void {
    const greeting = greet(hello, this.node, this.#relay, this.#context.epochs);
    this.storeId = hello.storeId;
    this.agentVersion = hello.agentVersion;
    if (greeting.type === 'refused') {
      this.end(greeting.ending);
      return;
    }
    const { clock, clusterKeys, downstream, limits, metrics, onAccepted, queries, reports, trust } = this.#context;
    // Some time has passed since the upgrade.
    const verdict = trust.devices.verdict(this.node, this.key, this.issuedAt);
    if (verdict.type === 'refused') {
      this.end(endingOf(verdict));
      return;
    }
    if (verdict.as === 'newer')
      this.#logger.warn({ issuedAt: this.issuedAt }, 'certificate is newer than the record of its device');
    if (verdict.as === 'nextKey' || verdict.as === 'newer') trust.devices.linked(this.node, this.key, this.issuedAt);
    cancelDeadline();
    onAccepted(this);
    const session = downstream.open(this.node, () => this.#schedulePump());
    const lane = reports.open(
      this.node,
      (number, outcome) => {
        this.#send({ type: 'reportAnswer', number, outcome });
        this.#leaveIfIdle();
      },
      () => this.#socket.resume(),
    );
    const dictionary = commonDictionary(hello);
    const asked = queries.open(this.node, dictionary, (id, answer) => this.#answer(id, answer));
    const stopKeepAlive = keepAlive({
      intervalMs: limits.pingSeconds * 1000,
      clock,
      bytesRead: this.#bytesRead,
      ping: () => this.#socket.ping(),
      isPaused: () => this.#socket.isPaused,
      onDead: () => this.#onSilence(),
    });
    const send = (message: RelayMessage) => this.#send(message);
    const certificates = new LinkTrust(
      { peer: { node: this.node, certificate: this.#certificate }, trust, send },
      hello.authorities,
    );
    const keys = new LinkKeys(clusterKeys, hello, send);
    const { features } = hello;
    const device = new DeviceQuestions({ features, clock, send });
    const parts = { certificates, keys, session, lane, queries: asked, stopKeepAlive, device };
    this.#state = { name: 'live', ...parts, since: clock.now(), features };
    metrics.sessionOpened();
    const status = session.hello(hello);
    this.#logger.info(
      {
        storeId: hello.storeId,
        agentVersion: hello.agentVersion,
        objects: hello.objects,
        epoch: hello.epoch,
        state: status.state,
        clockOffsetMs: this.clockOffsetMs,
      },
      'session opened',
    );
    this.#send({ ...greeting.welcome, status });
    certificates.tellAuthorities();
    keys.tell();
    this.#schedulePump();
    this.#context.onLive(this);
  }

  /** A body that the link cannot take now would take the place of what is synced, and in the end the link. */
  #answer(id: number, answer: QueryAnswer): void {
    const isBehind = this.#socket.bufferedAmount >= HOLD_UP_BYTES;
    const given: QueryAnswer =
      isBehind && answer.type === 'found'
        ? { type: 'unavailable', retryAfterMs: BEHIND_RETRY_MS, message: 'the link is behind with what was sent before' }
        : answer;
    this.#send({ type: 'queryAnswer', id, answer: given });
    this.#leaveIfIdle();
  }

  #schedulePump(): void {
    this.#context.turns.add(() => this.#pump());
  }

  #pump(): void {
    if (this.#state.name !== 'live') return;
    const stalled = this.#state.session.stalled();
    if (stalled !== undefined) {
      this.#context.metrics.boundReached('limits.answerSeconds');
      this.end({ close: 'stalled', goodbye: 'overloaded', detail: stalled, retryAfterMs: STALLED_WAIT_MS });
      return;
    }
    if (this.#socket.bufferedAmount >= HOLD_UP_BYTES) {
      this.#isHeldUp = true;
      return;
    }
    try {
      for (const message of this.#state.session.pump()) this.#send(message);
    } catch (error) {
      this.#onFailure(error);
    }
  }

  #send(message: RelayMessage): void {
    if (this.#live() === undefined) return;
    if (this.#takesEnough()) this.#write(message);
  }

  #write(message: RelayMessage): void {
    const bytes = encodeRelayMessage(message);
    this.#sentBytes += bytes.length;
    this.#context.metrics.sent(message.type, bytes.length);
    // An error here is the socket's, which reports it itself.
    this.#socket.send(bytes, () => this.#onTaken());
  }

  #onTaken(): void {
    if (!this.#isHeldUp || this.#socket.bufferedAmount > HOLD_UP_BYTES / 2) return;
    this.#isHeldUp = false;
    this.#schedulePump();
  }

  #onHelloTimeout(): void {
    this.#context.metrics.boundReached('limits.handshakeSeconds');
    const detail = `no hello within ${this.#context.limits.handshakeSeconds} s`;
    this.end({ close: 'helloTimeout', goodbye: 'protocolError', detail, retryAfterMs: 0 });
  }

  #onSilence(): void {
    this.#leave('lost', { detail: `nothing heard for ${this.#context.limits.pingSeconds} s after a ping` });
    this.#socket.terminate();
  }

  /** A fault of the other side ends this link; a fault of ours too, and is logged as one. The other links go on. */
  #onFailure(error: unknown): void {
    if (error instanceof HawserError && (error.code === 'malformed_frame' || error.code === 'protocol')) {
      this.#context.metrics.malformedFrame();
      this.#fault('protocolError', error.message);
      return;
    }
    this.#logger.error({ err: error }, 'fault in a session');
    this.end({
      close: 'internalError',
      goodbye: 'overloaded',
      detail: 'internal error of the relay',
      retryAfterMs: OVERLOADED_WAIT_MS,
    });
  }

  #fault(close: 'protocolError' | 'textMessage', detail: string): void {
    this.end({ close, goodbye: 'protocolError', detail, retryAfterMs: PROTOCOL_ERROR_WAIT_MS });
  }

  /** The socket closes by itself after an error; one that it found in the frames is the agent's. */
  #onSocketError(error: Error): void {
    const code = 'code' in error && typeof error.code === 'string' ? error.code : '';
    if (!code.startsWith('WS_ERR_')) {
      this.#leave('lost', { detail: error.message });
      return;
    }
    this.#context.metrics.malformedFrame();
    const fault = SOCKET_FAULTS[code];
    if (fault?.bound !== undefined) this.#context.metrics.boundReached(fault.bound);
    this.#leave(fault?.close ?? 'protocolError', { detail: error.message });
    this.#cutSoon();
  }

  #leave(how: string, fields: { readonly detail?: string; readonly code?: number }): void {
    const state = this.#state;
    if (state.name === 'ended') return;
    this.#state = { name: 'ended' };
    this.#part.close();
    this.#context.budgets.close(this.node);
    let stats: SessionStats | undefined;
    if (state.name === 'greeting') {
      state.cancelDeadline();
    } else {
      state.stopKeepAlive();
      state.lane.close();
      state.queries.close();
      state.device.close();
      stats = state.session.stats();
      state.session.close();
    }
    this.#context.metrics.sessionEnded(how);
    const since = state.name === 'greeting' ? undefined : state.since.getTime();
    const seconds = since === undefined ? undefined : Math.round((this.#context.clock.now().getTime() - since) / 1000);
    this.#logger.info(
      { how, ...fields, ...(seconds === undefined ? {} : { seconds }) },
      since === undefined ? 'link ended' : 'session ended',
    );
    this.#context.onEnded(this, stats);
  }
}

function bytesOf(data: RawData): Uint8Array {
  if (Array.isArray(data)) return Buffer.concat(data);
  return data instanceof ArrayBuffer ? new Uint8Array(data) : data;
}
