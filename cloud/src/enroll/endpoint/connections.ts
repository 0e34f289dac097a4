import type { Socket } from 'node:net';
import type { Clock } from '../../clock.ts';
import type { Bound } from '../../ops/bounds.ts';
import { addressOf, PerAddress, remoteOf } from '../../per-address.ts';
import type { Conversation } from './conversation.ts';

export interface ConnectionsOptions {
  /** At a time; one more is closed, or the oldest of the address that has the most. */
  readonly most: number;
  readonly mostPerAddress: number;
  /** From accept to the end, whatever happens. */
  readonly wholeMs: number;
  /** For TLS and the head of a request together, for the next head after an answer, and for a body. None while we work. */
  readonly stepMs: number;
  readonly clock: Clock;
  /** A connection came to it, and was ended. */
  readonly onBound: (bound: Bound) => void;
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
  readonly #perAddress = new PerAddress();

  constructor(options: ConnectionsOptions) {
    this.#options = options;
  }

  get count(): number {
    return this.#open.size;
  }

  /** @returns false for one too many, which is closed */
  begin(socket: Socket): boolean {
    if (socket.destroyed) return false;
    const { most, mostPerAddress, wholeMs, stepMs, clock, onBound } = this.#options;
    const remote = remoteOf(socket);
    const address = addressOf(socket.remoteAddress ?? '');
    const end = (bound: Bound) => {
      onBound(bound);
      socket.destroy();
    };
    if (this.#perAddress.of(address) >= mostPerAddress) {
      end('limits.enrolConnectionsPerAddress');
      return false;
    }
    if (this.#open.size >= most && !this.#makeRoom(address)) {
      end('limits.enrolConnections');
      return false;
    }
    const tooLate = () => end('enrolStep');
    const cancelWhole = clock.after(wholeMs, () => end('limits.enrolSeconds'));
    let cancelStep = clock.after(stepMs, tooLate);
    const before = this.#open.get(remote);
    // It has gone, and that is told later.
    if (before !== undefined) this.#forget(before.socket, remote, address);
    this.#perAddress.add(address);
    this.#open.set(remote, {
      socket,
      remote,
      address,
      conversation: { type: 'new' },
      isBusy: false,
      expect() {
        cancelStep();
        cancelStep = clock.after(stepMs, tooLate);
      },
      expectNothing: () => cancelStep(),
    });
    socket.once('close', () => {
      cancelWhole();
      cancelStep();
      this.#forget(socket, remote, address);
    });
    return true;
  }

  /** Once for each: address and port may have come again already. */
  #forget(socket: Socket, remote: string, address: string): void {
    if (this.#open.get(remote)?.socket !== socket) return;
    this.#open.delete(remote);
    this.#perAddress.remove(address);
  }

  /** @returns whether another address has given up its oldest place, but for one that is being worked for */
  #makeRoom(address: string): boolean {
    const other = this.#perAddress.givesWayTo(address);
    for (const [remote, { socket, address: of, isBusy }] of this.#open) {
      if (of !== other || isBusy) continue;
      this.#options.onBound('limits.enrolConnections');
      this.#forget(socket, remote, of);
      socket.destroy();
      return true;
    }
    return false;
  }

  /** Undefined when it has closed meanwhile. @param socket the one of TLS over it */
  find(socket: Socket): Connection | undefined {
    return this.#open.get(remoteOf(socket));
  }

  destroyAll(): void {
    for (const { socket } of this.#open.values()) socket.destroy();
  }
}
