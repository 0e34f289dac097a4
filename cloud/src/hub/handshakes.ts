import type { Socket } from 'node:net';
import type { Clock } from '../clock.ts';
import { addressOf, PerAddress, remoteOf } from '../per-address.ts';

export interface HandshakesOptions {
  readonly most: number;
  readonly mostPerAddress: number;
  /** In whatever state, links among them. */
  readonly mostConnectionsPerAddress: number;
  readonly deadlineMs: number;
  readonly clock: Clock;
  readonly onRefused: (why: 'handshakes' | 'handshakesPerAddress' | 'connectionsPerAddress' | 'timeout', address: string) => void;
}

interface Handshake {
  readonly socket: Socket;
  readonly address: string;
  readonly cancelDeadline: () => void;
}

/**
 * Connections between accept and hello: TLS and whatever else a stranger may begin and not end. Bounded in number, in all and for each
 * address, one more is closed, or where all places are taken the oldest of the address that has the most; each has a deadline up to its upgrade, and from there the link's own. What an address has in all is bounded here
 * too, since every connection begins here.
 */
export class Handshakes {
  readonly #options: HandshakesOptions;
  /** By the other side's address and port: TLS does not tell which connection it runs over. */
  readonly #open = new Map<string, Handshake>();
  readonly #perAddress = new PerAddress();
  readonly #connections = new PerAddress();

  constructor(options: HandshakesOptions) {
    this.#options = options;
  }

  get count(): number {
    return this.#open.size;
  }

  /** Of the address that has the most. */
  get mostConnectionsOfAddress(): number {
    return this.#connections.most();
  }

  /** @returns false for one too many, which is closed */
  begin(socket: Socket): boolean {
    const { deadlineMs, clock, onRefused } = this.#options;
    // It has ended already, and nobody knows any more from where.
    if (socket.remoteAddress === undefined) {
      socket.destroy();
      return false;
    }
    const address = addressOf(socket.remoteAddress);
    const over = this.#over(address);
    if (over !== undefined && !(over === 'handshakes' && this.#makeRoom(address))) {
      onRefused(over, address);
      socket.destroy();
      return false;
    }
    const remote = remoteOf(socket);
    // One from the same address and port has gone, and that is told later.
    this.end(remote);
    const cancelDeadline = clock.after(deadlineMs, () => {
      onRefused('timeout', address);
      socket.destroy();
    });
    this.#open.set(remote, { socket, address, cancelDeadline });
    this.#perAddress.add(address);
    this.#connections.add(address);
    socket.once('close', () => {
      this.#connections.remove(address);
      // Address and port may have come again already.
      if (this.#open.get(remote)?.socket === socket) this.end(remote);
    });
    return true;
  }

  #over(address: string): 'handshakes' | 'handshakesPerAddress' | 'connectionsPerAddress' | undefined {
    const { most, mostPerAddress, mostConnectionsPerAddress } = this.#options;
    if (this.#connections.of(address) >= mostConnectionsPerAddress) return 'connectionsPerAddress';
    if (this.#perAddress.of(address) >= mostPerAddress) return 'handshakesPerAddress';
    return this.#open.size >= most ? 'handshakes' : undefined;
  }

  /** @returns whether another address has given up its oldest place */
  #makeRoom(address: string): boolean {
    const other = this.#perAddress.givesWayTo(address);
    if (other === undefined) return false;
    for (const [remote, handshake] of this.#open) {
      if (handshake.address !== other) continue;
      this.#options.onRefused('handshakes', other);
      this.end(remote);
      handshake.socket.destroy();
      return true;
    }
    return false;
  }

  /** It is no link, and has bounds of its own from here on. */
  leave(socket: Socket): void {
    this.end(remoteOf(socket));
  }

  /** The connection below TLS; undefined when it has closed meanwhile. */
  connection(remote: string): Socket | undefined {
    return this.#open.get(remote)?.socket;
  }

  /** The connection has become a link, which waits for the hello itself and can say goodbye. It still counts. */
  upgraded(remote: string): void {
    this.#open.get(remote)?.cancelDeadline();
  }

  /** The hello has come, or the end. */
  end(remote: string): void {
    const handshake = this.#open.get(remote);
    if (handshake === undefined) return;
    handshake.cancelDeadline();
    this.#open.delete(remote);
    this.#perAddress.remove(handshake.address);
  }

  destroyAll(): void {
    for (const { socket } of this.#open.values()) socket.destroy();
  }
}
