import { setTimeout as sleep } from 'node:timers/promises';
import type { Random } from '../../model/random.ts';
import { type Client, isWatch, type Query, Unreachable } from '../http/client.ts';
import type { KubeList, KubeObject } from '../http/objects.ts';
import type { Watch } from '../http/watch.ts';
import { type CoreOptions, InformerCore } from './core.ts';

export interface InformerOptions extends CoreOptions {
  readonly client: Client;
  /** Of the collection. */
  readonly path: string;
  /** Selectors, sent with every list and watch. */
  readonly query?: Query;
  /** Of lists and watches. Default application/json. */
  readonly accept?: string;
  /** Which watches are cut, and how short they are. The same seed draws the same, as far as the server's timing is the same. */
  readonly random: Random;
  /** One in so many events is followed by a cut of the connection; 0: none. */
  readonly cutOneIn: number;
  /** Seconds: the longest timeoutSeconds of a watch; each draws its own. */
  readonly longestWatchSeconds: number;
}

/** Waits after a refusal or a connection that failed, in milliseconds: doubled each time, each drawn from the upper half. */
const FIRST_BACKOFF_MS = 50;
const LAST_BACKOFF_MS = 2_000;
/** A Retry-After of more is cut to this, in seconds: a check has an end. */
const MOST_RETRY_AFTER_SECONDS = 10;
/** A watch without an event that ends sooner, in milliseconds, is a server that ends them all: the next waits. */
const SHORTEST_WATCH_MS = 500;
/** A stream may take so long for an event, in milliseconds, beyond its own timeout. */
const SILENCE_MS = 60_000;

/** Keeps a copy of a collection up to date, over the HTTP API alone. */
export class Informer {
  readonly core: InformerCore;
  readonly #options: InformerOptions;
  readonly #stopping = new AbortController();
  readonly #listeners = new Set<() => void>();
  #watch: Watch | undefined;
  #failures = 0;
  #running: Promise<void> = Promise.resolve();
  #fault: unknown;

  constructor(options: InformerOptions) {
    this.#options = options;
    this.core = new InformerCore(options);
  }

  start(): void {
    this.#running = this.#run().catch((fault: unknown) => {
      this.#fault = fault;
      this.#tell();
    });
  }

  /** Resolves when it has ended. @throws what it ended with, if it was not this */
  async stop(): Promise<void> {
    this.#stopping.abort();
    this.cut();
    await this.#running;
    if (this.#fault !== undefined) throw this.#fault;
  }

  /** Breaks its connection off, wherever it is. */
  cut(): void {
    this.#watch?.cut();
  }

  /** Resolves when `holds` of the cache; it is asked after each change. @returns false when that took too long */
  async until(holds: (cache: ReadonlyMap<string, KubeObject>) => boolean, timeoutMs: number): Promise<boolean> {
    const deadline = performance.now() + timeoutMs;
    for (;;) {
      if (this.#fault !== undefined) throw this.#fault;
      if (this.core.isSynced && holds(this.core.cache)) return true;
      const leftMs = deadline - performance.now();
      if (leftMs <= 0) return false;
      await this.#change(leftMs);
    }
  }

  #change(timeoutMs: number): Promise<void> {
    return new Promise((resolve) => {
      const done = () => {
        clearTimeout(timer);
        this.#listeners.delete(done);
        resolve();
      };
      const timer = setTimeout(done, timeoutMs);
      this.#listeners.add(done);
    });
  }

  #tell(): void {
    for (const listener of [...this.#listeners]) listener();
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      const waitMs = await this.#step();
      this.#tell();
      if (waitMs > 0 && !signal.aborted) await sleep(waitMs, undefined, { signal }).catch(() => {});
    }
  }

  /** @returns how long to wait before the next, in milliseconds */
  async #step(): Promise<number> {
    const { client, path, accept } = this.#options;
    const step = this.core.step();
    const form = accept === undefined ? {} : { accept };
    try {
      if (step.type === 'list') {
        const answer = await client.call('GET', path, { ...form, query: { ...this.#options.query, ...step.query } });
        const list = answer.object;
        if (answer.status !== 200 || list === undefined) return this.#refused(answer.status, answer.failure);
        this.core.page(withItems(list));
        this.#failures = 0;
        return 0;
      }
      const timeoutSeconds = 1 + this.#options.random.integer(this.#options.longestWatchSeconds);
      const query = { ...this.#options.query, ...step.query, timeoutSeconds };
      const opened = await client.watch(path, { ...form, query });
      if (!isWatch(opened)) return this.#refused(opened.status, opened.failure);
      await this.#follow(opened, timeoutSeconds);
      return this.#failures === 0 ? 0 : this.#backoff();
    } catch (cause) {
      // A connection that failed is what connections do; all else is a fault of the server, or ours.
      if (!(cause instanceof Unreachable)) throw cause;
      this.#failures++;
      return this.#backoff();
    }
  }

  async #follow(watch: Watch, timeoutSeconds: number): Promise<void> {
    const { random, cutOneIn } = this.#options;
    this.#watch = watch;
    if (this.#stopping.signal.aborted) watch.cut();
    this.core.opened();
    const openedAt = performance.now();
    let isEmpty = true;
    let isRefused = false;
    try {
      for (;;) {
        const event = await watch.next(timeoutSeconds * 1000 + SILENCE_MS);
        if (event === undefined) break;
        isEmpty = false;
        if (event.type === 'ERROR') isRefused = event.object.code !== 410;
        this.core.event(event);
        this.#tell();
        if (cutOneIn > 0 && random.oneIn(cutOneIn)) watch.cut();
      }
      this.core.ended(watch.ending ?? 'cut');
      const isUseless = isEmpty && performance.now() - openedAt < SHORTEST_WATCH_MS;
      this.#failures = isRefused || isUseless ? this.#failures + 1 : 0;
    } finally {
      watch.cut();
      this.#watch = undefined;
    }
  }

  #refused(code: number, failure: KubeObject): number {
    const seconds = this.core.refused(code, failure);
    if (code === 410) return 0;
    this.#failures++;
    return seconds > 0 ? Math.min(seconds, MOST_RETRY_AFTER_SECONDS) * 1000 : this.#backoff();
  }

  #backoff(): number {
    const mostMs = Math.min(LAST_BACKOFF_MS, FIRST_BACKOFF_MS * 2 ** (this.#failures - 1));
    return mostMs * (0.5 + this.#options.random.next() / 2);
  }
}

/** A list of no items may say so by null; the checks of lists tell. */
function withItems(list: KubeObject): KubeList {
  return { ...list, items: Array.isArray(list.items) ? list.items : [] };
}
