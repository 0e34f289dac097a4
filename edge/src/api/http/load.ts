import type { Socket } from 'node:net';
import { tooManyRequests } from '../status.ts';
import { type ApiResponse, cutOff, isGone } from './exchange.ts';

/** How much one server of the API takes on at a time. */
export interface ApiBounds {
  /** One more is closed. Over HTTP/1.1 each watch holds one. */
  readonly connections: number;
  /**
   * Of them those on which nobody has shown who it is, from their first byte on. With one more the one that has waited for longest is closed: who
   * has a token shows it within milliseconds, and is not kept out by others that only hold connections.
   */
  readonly strangers: number;
  /** Requests that are being answered, watches not among them; one more is answered 429. */
  readonly requests: number;
  /** Open watches; one more is answered 429. */
  readonly watches: number;
  /** Bytes of all answers and watches together that their clients have not taken. Default {@link UNREAD_BYTES}. */
  readonly unreadBytes?: number;
}

/**
 * A client that asks and does not read leaves its answers with the agent. A list of all that a device holds has a few MB, and is taken within
 * milliseconds. At the bound what has most waiting is cut off, until the rest is below it: a client that reads asks again.
 */
export const UNREAD_BYTES = 64 * 1024 * 1024;
/** They are added up for each of so many requests, or when so many milliseconds have passed since. */
const LOOK_EVERY = 8;
const LOOK_AFTER_MS = 500;

/** For servers that tests use as a cluster's: each watch may hold a connection. */
export const CLUSTER_BOUNDS: ApiBounds = {
  connections: 20_000,
  strangers: 20_000,
  requests: 20_000,
  watches: 20_000,
  unreadBytes: Number.POSITIVE_INFINITY,
};

/** What was over a bound, by the name that metrics and docs have for it. */
export const API_BOUNDS = [
  'connections',
  'strangers',
  'requests',
  'watches',
  'headerBytes',
  'bodyBytes',
  'frames',
  'time',
  'unread',
] as const;
export type ApiBound = (typeof API_BOUNDS)[number];

export interface ApiLoad {
  readonly connections: number;
  readonly requests: number;
  readonly watches: number;
  /** Requests that were answered 401, since the start of the process. */
  readonly unauthorized: number;
  /** Since the start of the process. */
  readonly reached: Readonly<Record<ApiBound, number>>;
}

/** In seconds: answers of this API take milliseconds. */
const RETRY_SECONDS = 1;

/** Counts what one server has taken on, and refuses what is over its bounds. */
export class Load {
  readonly #bounds: ApiBounds;
  /** By the other end's address and port, since neither TLS nor HTTP/2 tells what it runs over. */
  readonly #connections = new Map<string, Socket>();
  /** Connections of whom nobody knows, the oldest first. */
  readonly #strangers = new Map<string, Socket>();
  readonly #running = { requests: 0, watches: 0 };
  readonly #answers = new Set<ApiResponse>();
  readonly #answerMs: number;
  #looked = { requests: 0, at: 0 };
  #unauthorized = 0;
  readonly #reached: Record<ApiBound, number> = {
    connections: 0,
    strangers: 0,
    requests: 0,
    watches: 0,
    headerBytes: 0,
    bodyBytes: 0,
    frames: 0,
    time: 0,
    unread: 0,
  };

  /** @param answerMs what an answer that is no watch may take, until its client has it all, in milliseconds; then it is cut off */
  constructor(bounds: ApiBounds, answerMs: number) {
    this.#bounds = bounds;
    this.#answerMs = answerMs;
  }

  /** A connection below TLS. */
  connected(socket: Socket): void {
    const name = nameOf(socket);
    this.#connections.set(name, socket);
    this.#strangers.set(name, socket);
    socket.once('close', () => {
      if (this.#connections.get(name) === socket) this.#connections.delete(name);
      if (this.#strangers.get(name) === socket) this.#strangers.delete(name);
    });
    if (this.#strangers.size <= this.#bounds.strangers) return;
    const [oldest] = this.#strangers;
    if (oldest === undefined) return;
    this.reached('strangers');
    this.#strangers.delete(oldest[0]);
    oldest[1].destroy();
  }

  /** A request on that connection, as TLS or HTTP/2 show it, has shown who it is from. */
  authenticated(socket: Socket): void {
    this.#strangers.delete(nameOf(socket));
  }

  /** A request is from nobody who is known. */
  unauthorized(): void {
    this.#unauthorized += 1;
  }

  /** Until the response has ended, or its connection. @throws ApiError 429 with Retry-After */
  begin(kind: 'requests' | 'watches', response: ApiResponse): void {
    if (this.#running[kind] >= this.#bounds[kind]) {
      this.reached(kind);
      const what = kind === 'requests' ? 'requests are being answered' : 'watches are open';
      throw tooManyRequests(`${this.#bounds[kind]} ${what}, as many as there may be: try again later`, RETRY_SECONDS);
    }
    if (isGone(response)) return;
    this.#limitUnread();
    this.#running[kind] += 1;
    this.#answers.add(response);
    const timer = kind === 'requests' ? setTimeout(() => this.#cut(response, 'time'), this.#answerMs).unref() : undefined;
    response.once('close', () => {
      clearTimeout(timer);
      this.#running[kind] -= 1;
      this.#answers.delete(response);
    });
  }

  #limitUnread(): void {
    const { requests, at } = this.#looked;
    const now = performance.now();
    if (requests + 1 < LOOK_EVERY && now - at < LOOK_AFTER_MS) {
      this.#looked = { requests: requests + 1, at };
      return;
    }
    this.#looked = { requests: 0, at: now };
    let over = -(this.#bounds.unreadBytes ?? UNREAD_BYTES);
    for (const { writableLength } of this.#answers) over += writableLength;
    if (over <= 0) return;
    const sizes = [...this.#answers].map((answer) => ({ answer, size: answer.writableLength }));
    for (const { answer, size } of sizes.sort((a, b) => b.size - a.size)) {
      if (over <= 0) return;
      over -= size;
      this.#cut(answer, 'unread');
    }
  }

  #cut(response: ApiResponse, bound: ApiBound): void {
    this.reached(bound);
    cutOff(response);
  }

  /** What ends the connection below that of TLS or HTTP/2, whatever its other end does. */
  cutterOf(socket: Pick<Socket, 'remoteAddress' | 'remotePort'>): () => void {
    const connection = this.#connections.get(nameOf(socket));
    return () => connection?.destroy();
  }

  reached(bound: ApiBound): void {
    this.#reached[bound] += 1;
  }

  sockets(): Iterable<Socket> {
    return this.#connections.values();
  }

  stats(): ApiLoad {
    return {
      connections: this.#connections.size,
      ...this.#running,
      unauthorized: this.#unauthorized,
      reached: { ...this.#reached },
    };
  }
}

function nameOf({ remoteAddress, remotePort }: Pick<Socket, 'remoteAddress' | 'remotePort'>): string {
  return `${remoteAddress}:${remotePort}`;
}
