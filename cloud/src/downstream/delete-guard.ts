import type { ObjectKey } from '@hawser/protocol';
import { resourceOf } from '../store/index.ts';

/** So few deletes are an ordinary change, whatever share of the set they are. The agent's own limit before the mark is the same. */
const FEW_DELETES = 10;

/**
 * Whether the deletes of a session's first difference may go (rule 3). A relay that has just started knows the cluster from one
 * list of each resource; where following it would take most of what a device holds away, the lists are made once more first.
 *
 * | state | meaning | left by |
 * |---|---|---|
 * | open | so far the difference deletes no more than an ordinary change may | more deletes → waiting; all is settled → allowed |
 * | waiting | all deletes are kept until what says so was listed a second time | `release` → allowed |
 * | allowed | deletes go | another first difference → open |
 */
export class DeleteGuard {
  #state: 'open' | 'waiting' | 'allowed' = 'allowed';
  #limit = 0;
  #deleted = 0;
  readonly #kept = new Set<ObjectKey>();

  /** Deletes that wait. */
  get size(): number {
    return this.#kept.size;
  }

  /** Whether the delete of that key waits. */
  keeps(key: ObjectKey): boolean {
    return this.#kept.has(key);
  }

  /** The first difference to a device that holds so many objects begins. */
  begin(held: number): void {
    this.#state = 'open';
    this.#limit = Math.max(FEW_DELETES, Math.floor(held / 2));
    this.#deleted = 0;
  }

  /** @param left deletes of which nothing has been sent, this one counted. Returns false when it is kept */
  admits(key: ObjectKey, left: number): boolean {
    if (this.#state === 'allowed' || (this.#state === 'open' && this.#deleted + left <= this.#limit)) return true;
    this.#state = 'waiting';
    this.#kept.add(key);
    return false;
  }

  sent(): void {
    this.#deleted += 1;
  }

  /** The key is looked at anew. */
  forget(key: ObjectKey): void {
    this.#kept.delete(key);
  }

  settled(): void {
    if (this.#state === 'open') this.#state = 'allowed';
  }

  /** The deletes that may go from here on, if everything was listed a second time that says that they should. */
  release(isConfirmed: (resources: ReadonlySet<string>) => boolean): readonly ObjectKey[] {
    if (this.#kept.size === 0 || !isConfirmed(new Set([...this.#kept].map(resourceOf)))) return [];
    this.#state = 'allowed';
    const keys = [...this.#kept];
    this.#kept.clear();
    return keys;
  }
}
