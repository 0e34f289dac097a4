import type { Socket } from 'node:net';
import type { Clock } from '../clock.ts';

export interface HandshakesOptions {
  readonly most: number;
  readonly deadlineMs: number;
  readonly clock: Clock;
  readonly onRefused: (why: 'handshakes' | 'timeout') => void;
}

interface Handshake {
  readonly socket: Socket;
  readonly cancelDeadline: () => void;
}

/**
 * Connections between accept and hello: TLS and whatever else a stranger may begin and not end. Bounded in number, one more is
 * closed; each has a deadline up to its upgrade, and from there the link's own.
 */
export class Handshakes {
  readonly #options: HandshakesOptions;
  /** By the other side's address and port: TLS does not tell which connection it runs over. */
  readonly #open = new Map<string, Handshake>();

  constructor(options: HandshakesOptions) {
    this.#options = options;
  }

  get count(): number {
    return this.#open.size;
  }

  /** @returns false for one too many, which is closed */
  begin(socket: Socket): boolean {
    const { most, deadlineMs, clock, onRefused } = this.#options;
    if (this.#open.size >= most) {
      onRefused('handshakes');
      socket.destroy();
      return false;
    }
    const remote = remoteOf(socket);
    const cancelDeadline = clock.after(deadlineMs, () => {
      onRefused('timeout');
      socket.destroy();
    });
    this.#open.set(remote, { socket, cancelDeadline });
    socket.once('close', () => {
      cancelDeadline();
      this.#open.delete(remote);
    });
    return true;
  }

  /** It is no link, and has bounds of its own from here on. */
  leave(socket: Socket): void {
    const remote = remoteOf(socket);
    this.#open.get(remote)?.cancelDeadline();
    this.#open.delete(remote);
  }

  /**
   * The connection has become a link, which waits for the hello itself and can say goodbye. It still counts.
   * @returns the connection below TLS; undefined when it has closed meanwhile
   */
  upgraded(remote: string): Socket | undefined {
    const handshake = this.#open.get(remote);
    handshake?.cancelDeadline();
    return handshake?.socket;
  }

  /** The hello has come. */
  end(remote: string): void {
    this.#open.delete(remote);
  }

  destroyAll(): void {
    for (const { socket } of this.#open.values()) socket.destroy();
  }
}

export function remoteOf(socket: Socket): string {
  return `${socket.remoteAddress}:${socket.remotePort}`;
}
