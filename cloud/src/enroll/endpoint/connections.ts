import type { Socket } from 'node:net';
import type { Clock } from '../../clock.ts';
import { remoteOf } from '../../hub/handshakes.ts';
import { attemptsName } from './attempts.ts';
import type { Conversation } from './conversation.ts';

/** Why a connection was ended before it had its answer. */
export type ConnectionEnd = 'connections' | 'connectionsPerAddress' | 'timeout';

export interface ConnectionsOptions {
  /** At a time; one more is closed. */
  readonly most: number;
  readonly mostPerAddress: number;
  /** From accept to the end, whatever happens. */
  readonly wholeMs: number;
  /** For TLS and the head of a request together, for the next head after an answer, and for a body. None while we work. */
  readonly stepMs: number;
  readonly clock: Clock;
  readonly onEnd: (why: ConnectionEnd) => void;
}

export interface Connection {
  readonly remote: string;
  /** Under which attempts are counted. */
  readonly address: string;
  conversation: Conversation;
  /** A request is being worked on. */
  isBusy: boolean;
  /** The other side owes us something: it has the time of a step. */
  expect(): void;
  /** It owes us nothing. */
  expectNothing(): void;
}

/** The open connections of the enrolment endpoint, bounded in number and time. */
export class Connections {
  readonly #options: ConnectionsOptions;
  /** By the other side's address and port: TLS does not tell which connection it runs over. */
  readonly #open = new Map<string, Connection & { readonly socket: Socket }>();
  readonly #perAddress = new Map<string, number>();

  constructor(options: ConnectionsOptions) {
    this.#options = options;
  }

  get count(): number {
    return this.#open.size;
  }

  /** @returns false for one too many, which is closed */
  begin(socket: Socket): boolean {
    if (socket.destroyed) return false;
    const { most, mostPerAddress, wholeMs, stepMs, clock, onEnd } = this.#options;
    const remote = remoteOf(socket);
    const address = attemptsName(socket.remoteAddress ?? '');
    const here = this.#perAddress.get(address) ?? 0;
    const over = this.#open.size >= most ? 'connections' : here >= mostPerAddress ? 'connectionsPerAddress' : undefined;
    if (over !== undefined) {
      onEnd(over);
      socket.destroy();
      return false;
    }
    const late = () => {
      onEnd('timeout');
      socket.destroy();
    };
    const cancelWhole = clock.after(wholeMs, late);
    let cancelStep = clock.after(stepMs, late);
    this.#perAddress.set(address, here + 1);
    this.#open.set(remote, {
      socket,
      remote,
      address,
      conversation: { type: 'new' },
      isBusy: false,
      expect() {
        cancelStep();
        cancelStep = clock.after(stepMs, late);
      },
      expectNothing: () => cancelStep(),
    });
    socket.once('close', () => {
      cancelWhole();
      cancelStep();
      this.#open.delete(remote);
      const left = (this.#perAddress.get(address) ?? 1) - 1;
      if (left === 0) this.#perAddress.delete(address);
      else this.#perAddress.set(address, left);
    });
    return true;
  }

  /** Undefined when it has closed meanwhile. @param socket the one of TLS over it */
  find(socket: Socket): Connection | undefined {
    return this.#open.get(remoteOf(socket));
  }

  destroyAll(): void {
    for (const { socket } of this.#open.values()) socket.destroy();
  }
}
