import type { WebSocket } from 'ws';
import type { LinkSocket } from './link-context.ts';

/**
 * Written to a connection and not yet taken by the network, with all headers, in bytes: what is more waits here. Node keeps for each TLS
 * connection the buffers that its largest write has needed: one of some 2 KB from its handshake, as large as the relay's certificate and what
 * goes with it, and for good one of 16 KiB beside it for what does not fit; a batch of 48 KB in one piece would cost 40 KB.
 */
const ROOM_BYTES = 2 * 1024;
/** Of WebSocket and TLS for each piece, at most: 1.3 % of what is sent in full ones. */
const HEADER_BYTES = 26;
export const PIECE_BYTES = ROOM_BYTES - HEADER_BYTES;
/** A message above this, which no batch of ordinary objects is, goes in larger pieces: an agent takes it in 1,024 of them at most. In bytes. */
export const LARGE_BYTES = 64 * 1024;
export const LARGE_PIECE_BYTES = 8 * 1024;

interface Waiting {
  readonly bytes: Uint8Array;
  /** Of it, what has been written. */
  written: number;
  readonly taken: () => void;
}

/** What is used of a WebSocket (`ws`). */
export type FragmentingSocket = Pick<
  WebSocket,
  'bufferedAmount' | 'isPaused' | 'on' | 'once' | 'ping' | 'pause' | 'resume' | 'close' | 'terminate'
> & {
  send(piece: Uint8Array, options: { readonly binary: true; readonly fin: boolean }, taken: () => void): void;
};

/** The WebSocket as a link needs it: a large message goes in fragments (RFC 6455, section 5.4), each when the one before has been taken. */
export class PiecewiseSocket implements LinkSocket {
  readonly #socket: FragmentingSocket;
  readonly #waiting: Waiting[] = [];
  #waitingBytes = 0;
  #underWay = 0;
  #close: (() => void) | undefined;
  readonly on: LinkSocket['on'];
  readonly once: LinkSocket['once'];

  constructor(socket: FragmentingSocket) {
    this.#socket = socket;
    this.on = socket.on.bind(socket);
    this.once = socket.once.bind(socket);
  }

  get bufferedAmount(): number {
    return this.#waitingBytes + this.#socket.bufferedAmount;
  }

  get isPaused(): boolean {
    return this.#socket.isPaused;
  }

  send(bytes: Uint8Array, taken: () => void): void {
    this.#waiting.push({ bytes, written: 0, taken });
    this.#waitingBytes += bytes.length;
    this.#write();
  }

  ping(): void {
    this.#socket.ping();
  }

  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  /** When everything before it has been written. */
  close(code: number, reason: string): void {
    this.#close = () => this.#socket.close(code, reason);
    this.#write();
  }

  terminate(): void {
    this.#socket.terminate();
  }

  #write(): void {
    for (let next = this.#waiting[0]; next !== undefined; next = this.#waiting[0]) {
      const most = next.bytes.length > LARGE_BYTES ? LARGE_PIECE_BYTES : PIECE_BYTES;
      const size = Math.min(next.bytes.length - next.written, most);
      if (this.#underWay + size > most) return;
      this.#writePiece(next, size);
    }
    this.#close?.();
    this.#close = undefined;
  }

  #writePiece(next: Waiting, size: number): void {
    const piece = next.bytes.subarray(next.written, next.written + size);
    next.written += size;
    const isLast = next.written === next.bytes.length;
    if (isLast) this.#waiting.shift();
    this.#waitingBytes -= size;
    this.#underWay += size + HEADER_BYTES;
    // An error here is the socket's, which reports it itself.
    this.#socket.send(piece, { binary: true, fin: isLast }, () => {
      this.#underWay -= size + HEADER_BYTES;
      if (isLast) next.taken();
      this.#write();
    });
  }
}
