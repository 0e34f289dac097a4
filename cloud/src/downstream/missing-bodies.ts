import type { ObjectKey } from '@hawser/protocol';
import type { Clock } from '../clock.ts';

/** An answer older than what is known came from a lagging API server; a moment later another may be asked. */
const ASK_AGAIN_MS = 1_000;

export interface BodyRequest {
  readonly uid: string;
  readonly resourceVersion: string;
}

/** Bodies that have been asked for: each key once until it is answered. Bounded by the keys that edge nodes need. */
export class MissingBodies {
  readonly #clock: Clock;
  readonly #ask: (key: ObjectKey, atLeast: BodyRequest) => void;
  /** Undefined for what is no longer missing. */
  readonly #wanted: (key: ObjectKey) => BodyRequest | undefined;
  readonly #asked = new Set<ObjectKey>();
  readonly #later = new Set<ObjectKey>();
  /** Asked for in an epoch that is over: whatever is answered is asked for again. */
  readonly #outdated = new Set<ObjectKey>();
  #cancelTimer: (() => void) | undefined;

  constructor(
    clock: Clock,
    ask: (key: ObjectKey, atLeast: BodyRequest) => void,
    wanted: (key: ObjectKey) => BodyRequest | undefined,
  ) {
    this.#clock = clock;
    this.#ask = ask;
    this.#wanted = wanted;
  }

  get size(): number {
    return this.#asked.size + this.#later.size;
  }

  request(key: ObjectKey): void {
    const wanted = this.#wanted(key);
    if (wanted === undefined || this.#asked.has(key)) return;
    this.#asked.add(key);
    this.#later.delete(key);
    this.#ask(key, { uid: wanted.uid, resourceVersion: wanted.resourceVersion });
  }

  /** Returns whether the answer is of use. */
  answered(key: ObjectKey): boolean {
    this.#asked.delete(key);
    if (!this.#outdated.delete(key)) return true;
    this.request(key);
    return false;
  }

  /** What was asked for so far may be answered with what was true before. */
  restart(): void {
    for (const key of this.#asked) this.#outdated.add(key);
  }

  requestLater(key: ObjectKey): void {
    this.#later.add(key);
    this.#cancelTimer ??= this.#clock.after(ASK_AGAIN_MS, () => {
      this.#cancelTimer = undefined;
      const keys = [...this.#later];
      this.#later.clear();
      for (const again of keys) this.request(again);
    });
  }

  close(): void {
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
  }
}
