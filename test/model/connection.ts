import { EventEmitter } from 'node:events';
import type { LinkSocket as RelaySocket } from '@hawser/cloud';
import { type LinkSocket as AgentSocket, failure, type SocketEvents } from '@hawser/edge';

/** What is under way in one direction, in order. */
type Item = { readonly type: 'frame'; readonly bytes: Uint8Array; readonly taken: () => void } | Ending;

/** `lost`: without a word, as when a process dies or a router forgets the connection. */
type Ending = { readonly type: 'end'; readonly code: number | 'lost' };

const NORMAL = 1000;

/**
 * One TCP connection with its WebSocket, in slow motion: the relay accepts, the agent learns of it, frames arrive one at a time and
 * in order, either end ends, and the other hears of it when what was sent before has arrived; each as a step of its own. A
 * direction that is held carries nothing, not even pings, until it is released.
 */
export class Connection {
  /** The device's socket, as the agent sees it. */
  readonly agentSocket: AgentSocket;
  /** Set when the relay accepts. */
  relaySocket: SimulatedRelaySocket | undefined;
  readonly #events: SocketEvents;
  readonly #toAgent: Item[] = [];
  readonly #toRelay: Item[] = [];
  #agent: 'dialling' | 'open' | 'gone' = 'dialling';
  #isHeld = { toAgent: false, toRelay: false };
  /** Nothing comes through any more, ever. */
  #isCut = false;
  #bytesRead = 0;
  #bytesWritten = 0;
  #bytesToAgent = 0;
  /** Called with each frame as the relay sends it. */
  onSent: (bytes: Uint8Array) => void = () => undefined;
  /** Asked for each frame that the agent sends; not, when its process dies with that. */
  mayLeaveAgent: (bytes: Uint8Array) => boolean = () => true;

  constructor(events: SocketEvents) {
    this.#events = events;
    this.agentSocket = {
      send: (bytes) => {
        if (this.#agent !== 'open' || !this.mayLeaveAgent(bytes)) return;
        this.#bytesWritten += bytes.length;
        this.#toRelay.push({ type: 'frame', bytes, taken: () => undefined });
      },
      ping: () => this.#signFromAgent(true),
      pong: () => this.#signFromAgent(false),
      bytesRead: () => this.#bytesRead,
      bytesWritten: () => this.#bytesWritten,
      destroy: () => this.#agentLeaves('lost'),
      close: (code) => this.#agentLeaves(code),
    };
  }

  get isOver(): boolean {
    const isRelayGone = this.relaySocket === undefined || this.relaySocket.isClosed;
    return this.#agent === 'gone' && isRelayGone;
  }

  /** The relay has accepted, and the agent does not know yet. */
  get mayOpen(): boolean {
    return this.#agent === 'dialling' && this.relaySocket !== undefined && !this.#isHeld.toAgent;
  }

  get mayBeAccepted(): boolean {
    return this.relaySocket === undefined && !this.isOver && !this.#isHeld.toRelay;
  }

  get isHeld(): boolean {
    return !this.#isCut && (this.#isHeld.toAgent || this.#isHeld.toRelay);
  }

  /** Bytes that the relay has sent and the network has not taken. */
  get bytesToAgent(): number {
    return this.#bytesToAgent;
  }

  hold(toAgent: boolean, toRelay: boolean): void {
    if (!this.#isCut) this.#isHeld = { toAgent, toRelay };
  }

  accept(): SimulatedRelaySocket {
    this.relaySocket = new SimulatedRelaySocket(this);
    return this.relaySocket;
  }

  /** The agent learns that the connection stands. */
  open(): void {
    this.#agent = 'open';
    this.#bytesRead += 1;
    this.#events.connected();
  }

  /** The agent has waited long enough for the other side to answer. */
  giveUp(): void {
    if (this.#agent !== 'dialling') return;
    this.#agentLeaves('lost');
    this.#events.failed(failure('timeout', 'the simulated relay did not answer in time'));
  }

  /** The relay's host answers that nobody listens, or that it takes no agents now. */
  refuse(kind: 'refused' | 'busy'): void {
    if (this.#agent !== 'dialling') return;
    this.#agent = 'gone';
    this.#events.failed(failure(kind, 'the simulated relay takes no links'));
  }

  /** One frame or end arrives at the agent. Returns false when there was none. @param change what becomes of a frame on the way */
  toAgent(change: (bytes: Uint8Array) => Uint8Array = (bytes) => bytes): boolean {
    if (this.#isHeld.toAgent || this.#agent === 'dialling') return false;
    const item = this.#toAgent.shift();
    if (item === undefined) return false;
    if (item.type === 'end') {
      if (this.#agent !== 'open') return true;
      this.#agent = 'gone';
      this.#events.failed(
        item.code === 'lost' ? failure('unreachable', 'lost') : failure('ended', `the relay closed the link: ${item.code}`),
      );
      this.#toRelay.push({ type: 'end', code: NORMAL });
      return true;
    }
    this.#bytesToAgent -= item.bytes.length;
    this.#bytesRead += item.bytes.length;
    if (this.#agent === 'open') this.#events.frame(change(item.bytes));
    item.taken();
    return true;
  }

  /** One frame or end arrives at the relay. Returns false when there was none. */
  toRelay(): boolean {
    const socket = this.relaySocket;
    if (this.#isHeld.toRelay || socket === undefined || socket.isPaused) return false;
    const item = this.#toRelay.shift();
    if (item === undefined) return false;
    if (item.type === 'frame') socket.arrive(item.bytes);
    else socket.closed(item.code);
    return true;
  }

  /** The connection breaks, and those ends learn of it now; an end that does not, believes in it until it notices the silence. */
  cut(agentLearns: boolean, relayLearns: boolean): void {
    this.hold(true, true);
    this.#isCut = true;
    this.#toAgent.length = 0;
    this.#bytesToAgent = 0;
    if (relayLearns) {
      this.#toRelay.length = 0;
      this.relaySocket?.closed('lost');
    }
    if (agentLearns && this.#agent !== 'gone') {
      this.#agent = 'gone';
      this.#events.failed(failure('unreachable', 'the connection broke'));
    }
  }

  /** The relay's end is closed now, whatever was still under way. */
  relayClosed(): void {
    this.relaySocket?.closed(NORMAL);
  }

  /** The agent's process is dead: its end says nothing more and hears nothing more. What it sent is still under way. */
  agentDied(): void {
    if (this.#agent === 'gone') return;
    this.#agentLeaves('lost');
  }

  /** The relay's process is dead. */
  relayDied(): void {
    const socket = this.relaySocket;
    if (socket === undefined || socket.isClosed) return;
    socket.die();
    this.#toAgent.push({ type: 'end', code: 'lost' });
  }

  sendToAgent(bytes: Uint8Array, taken: () => void): void {
    this.onSent(bytes);
    this.#bytesToAgent += bytes.length;
    this.#toAgent.push({ type: 'frame', bytes, taken });
  }

  endToAgent(code: number | 'lost'): void {
    this.#toAgent.push({ type: 'end', code });
  }

  pingFromRelay(): void {
    if (this.#isHeld.toAgent || this.#agent !== 'open') return;
    this.#bytesRead += 2;
    this.#signFromAgent(false);
  }

  /** A ping or pong, which overtakes what is under way. */
  #signFromAgent(isAnswered: boolean): void {
    if (this.#isHeld.toRelay || this.relaySocket === undefined || this.relaySocket.isClosed) return;
    this.#bytesWritten += 2;
    this.relaySocket.bytesRead += 2;
    if (isAnswered && !this.#isHeld.toAgent) this.#bytesRead += 2;
  }

  #agentLeaves(code: number | 'lost'): void {
    if (this.#agent === 'gone') return;
    this.#agent = 'gone';
    this.#toRelay.push({ type: 'end', code });
  }
}

/** The relay's end, as `ws` would show it to the hub's Link. */
export class SimulatedRelaySocket implements RelaySocket {
  readonly #connection: Connection;
  readonly #events = new EventEmitter();
  bytesRead = 0;
  isPaused = false;
  isClosed = false;
  /** Dead with its process: nothing is told to anybody. */
  #isDead = false;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  get bufferedAmount(): number {
    return this.#connection.bytesToAgent;
  }

  on(event: string, listener: (...args: never[]) => void): void {
    this.#events.on(event, listener as () => void);
  }

  once(event: 'close', listener: () => void): void {
    this.#events.once(event, listener);
  }

  send(bytes: Uint8Array, taken: () => void): void {
    if (!this.isClosed) this.#connection.sendToAgent(bytes, taken);
  }

  ping(): void {
    if (!this.isClosed) this.#connection.pingFromRelay();
  }

  pause(): void {
    this.isPaused = true;
  }

  resume(): void {
    this.isPaused = false;
  }

  close(code: number): void {
    if (!this.isClosed) this.#connection.endToAgent(code);
  }

  terminate(): void {
    if (this.isClosed) return;
    this.#connection.endToAgent('lost');
    this.closed('lost');
  }

  arrive(bytes: Uint8Array): void {
    if (this.isClosed) return;
    this.bytesRead += bytes.length;
    this.#events.emit('message', Buffer.from(bytes), true);
  }

  closed(code: number | 'lost'): void {
    if (this.isClosed) return;
    this.isClosed = true;
    if (!this.#isDead) this.#events.emit('close', code === 'lost' ? 1006 : code);
  }

  die(): void {
    this.#isDead = true;
    this.isClosed = true;
  }
}
