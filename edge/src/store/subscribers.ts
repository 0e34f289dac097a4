import type { Logger } from 'pino';
import type { Change } from '../api/storage.ts';

/** Who wants to hear of changes. A listener that throws is logged and takes nothing from the others: the change is on disk. */
export class Subscribers {
  readonly #logger: Logger;
  readonly #byResource = new Map<string, Set<(change: Change) => void>>();
  readonly #byRevision = new Set<(revision: number) => void>();

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  subscribe(resource: string, listener: (change: Change) => void): () => void {
    const listeners = this.#byResource.get(resource) ?? new Set();
    this.#byResource.set(resource, listeners);
    listeners.add(listener);
    return () => listeners.delete(listener);
  }

  subscribeRevision(listener: (revision: number) => void): () => void {
    this.#byRevision.add(listener);
    return () => this.#byRevision.delete(listener);
  }

  publish(change: Change): void {
    for (const listener of this.#byResource.get(change.key.resource) ?? []) this.#call(listener, change);
    for (const listener of this.#byRevision) this.#call(listener, change.revision);
  }

  #call<T>(listener: (value: T) => void, value: T): void {
    try {
      listener(value);
    } catch (err) {
      this.#logger.error({ err }, 'store listener failed');
    }
  }
}
