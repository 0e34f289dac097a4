import type { IncomingMessage } from 'node:http';
import { isKubeObject, type KubeObject, type Status } from './objects.ts';

export interface WatchEvent {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK' | 'ERROR';
  /** Of an ERROR a Status. */
  readonly object: KubeObject & Status;
}

/** How the body of a watch came to its end. */
export type Ending = 'clean' | 'cut';

/** Longest line that is read, in characters; an object has 1.5 MiB at most in etcd. */
const MAX_LINE_LENGTH = 16 * 1024 * 1024;
/** Events that may wait to be taken. At the bound the stream is read no further until some have been. */
const MOST_WAITING = 10_000;

/** Events that a message tells of. */
const MOST_TOLD = 10;

/** The stream said something that is no watch event. */
export class BadStream extends Error {
  override readonly name = 'BadStream';
}

const TYPES: ReadonlySet<unknown> = new Set(['ADDED', 'MODIFIED', 'DELETED', 'BOOKMARK', 'ERROR']);

/** A watch that the server has answered with 200. Its events wait until they are taken. */
export class Watch {
  readonly headers: IncomingMessage['headers'];
  readonly #response: IncomingMessage;
  readonly #what: string;
  readonly #eventTimeoutMs: number;
  /** Taken so far, for the message when no more come. */
  #taken: WatchEvent['type'][] = [];
  readonly #events: WatchEvent[] = [];
  #rest = '';
  #ending: Ending | undefined;
  #fault: BadStream | undefined;
  #wake = () => {};

  /** @param eventTimeoutMs how long `next` waits unless told otherwise */
  constructor(response: IncomingMessage, what: string, eventTimeoutMs: number) {
    this.#response = response;
    this.#what = what;
    this.#eventTimeoutMs = eventTimeoutMs;
    this.headers = response.headers;
    response.setEncoding('utf8');
    response.on('data', (chunk: string) => this.#take(chunk));
    response.on('end', () => this.#end(response.complete ? 'clean' : 'cut'));
    response.on('error', () => this.#end('cut'));
    response.on('close', () => this.#end('cut'));
  }

  /** Undefined while it goes on, and while there are events left to take. */
  get ending(): Ending | undefined {
    return this.#events.length > 0 ? undefined : this.#ending;
  }

  /**
   * The next event; undefined when the stream has ended.
   * @throws BadStream for what is no event
   * @throws Error when nothing comes in time
   */
  async next(timeoutMs = this.#eventTimeoutMs): Promise<WatchEvent | undefined> {
    if (this.#events.length === 0 && this.#ending === undefined) await this.#more(timeoutMs);
    const event = this.#events.shift();
    if (event === undefined && this.#fault !== undefined) throw this.#fault;
    if (this.#events.length < MOST_WAITING) this.#response.resume();
    if (event !== undefined) this.#taken = [...this.#taken.slice(-MOST_TOLD), event.type];
    return event;
  }

  /**
   * That many events, fewer when the stream ends before. Passed over are bookmarks, unless wanted, and the MODIFIED by which some servers
   * mark what is about to be DELETED.
   */
  async take(count: number, { bookmarks = false } = {}): Promise<WatchEvent[]> {
    const taken: WatchEvent[] = [];
    while (taken.length < count) {
      const event = await this.next();
      if (event === undefined) break;
      const isMark = event.type === 'MODIFIED' && event.object.metadata.deletionTimestamp !== undefined;
      if (!isMark && (bookmarks || event.type !== 'BOOKMARK')) taken.push(event);
    }
    return taken;
  }

  /** All that comes until the stream ends. */
  async rest(timeoutMs?: number): Promise<WatchEvent[]> {
    const taken: WatchEvent[] = [];
    for (let event = await this.next(timeoutMs); event !== undefined; event = await this.next(timeoutMs)) taken.push(event);
    return taken;
  }

  /** Breaks the connection off; what has come before can still be taken. */
  cut(): void {
    this.#response.destroy();
    this.#end('cut');
  }

  #more(timeoutMs: number): Promise<void> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#wake = () => {};
        const before = this.#taken.length === 0 ? 'no event' : `events ${this.#taken.join(', ')}`;
        reject(new Error(`nothing came within ${timeoutMs / 1000} s after ${before} of ${this.#what}`));
      }, timeoutMs);
      this.#wake = () => {
        this.#wake = () => {};
        clearTimeout(timer);
        resolve();
      };
    });
  }

  #take(chunk: string): void {
    if (this.#ending !== undefined) return;
    const lines = (this.#rest + chunk).split('\n');
    this.#rest = lines.pop() ?? '';
    for (const line of lines) {
      const event = eventOf(line);
      if (event === undefined) {
        this.#fail(line);
        return;
      }
      this.#events.push(event);
    }
    if (this.#rest.length > MAX_LINE_LENGTH) this.#fail('a line without an end');
    if (this.#events.length >= MOST_WAITING) this.#response.pause();
    if (lines.length > 0) this.#wake();
  }

  #fail(line: string): void {
    this.#fault = new BadStream(`${this.#what} sent what is no event: ${line.slice(0, 300)}`);
    this.cut();
  }

  #end(how: Ending): void {
    if (this.#ending !== undefined) return;
    if (how === 'clean' && this.#rest !== '') this.#fault = new BadStream(`${this.#what} ended in the middle of a line`);
    this.#ending = how;
    this.#wake();
  }
}

function eventOf(line: string): WatchEvent | undefined {
  let value: { readonly type?: unknown; readonly object?: unknown };
  try {
    value = JSON.parse(line);
  } catch {
    // Told by the caller, with the line.
    return undefined;
  }
  const { type, object } = value ?? {};
  return isType(type) && isKubeObject(object) ? { type, object } : undefined;
}

function isType(type: unknown): type is WatchEvent['type'] {
  return TYPES.has(type);
}
