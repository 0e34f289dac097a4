import type { Socket } from 'node:net';
import type { Clock } from '../../clock.ts';
import { remoteOf } from '../../hub/handshakes.ts';
import { addressOf, PerAddress } from '../../hub/per-address.ts';
import type { Bound } from '../../ops/bounds.ts';
import type { Conversation } from './conversation.ts';

export interface ConnectionsOptions {
  /** At a time; one more is closed. */
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
    const isFull = this.#open.size >= most;
    if (isFull || this.#perAddress.of(address) >= mostPerAddress) {
      end(isFull ? 'limits.enrolConnections' : 'limits.enrolConnectionsPerAddress');
      return false;
    }
    const tooLate = () => end('enrolStep');
    const cancelWhole = clock.after(wholeMs, () => end('limits.enrolSeconds'));
    let cancelStep = clock.after(stepMs, tooLate);
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
      // Address and port may have come again already.
      if (this.#open.get(remote)?.socket === socket) this.#open.delete(remote);
      this.#perAddress.remove(address);
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
