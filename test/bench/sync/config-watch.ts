import type { KubeClient } from '../../support/kube.ts';
import type { ConfigChange } from '../data.ts';

/** What is expected at the device: by name of the ConfigMap, a value that it has to have. */
export type Expected = ReadonlyMap<string, ConfigChange>;

/** A new device refuses every read until its first sync is complete. */
const RETRY_MS = 20;

/**
 * The ConfigMaps as a watch of an API shows them. The device tells it of each change by itself, so that waiting for one disturbs
 * nothing.
 */
export class ConfigWatch {
  readonly #shown = new Map<string, { readonly data: Readonly<Record<string, string>>; readonly at: number }>();
  readonly #stopping = new AbortController();
  readonly #listeners = new Set<() => void>();

  /** Watches until the signal, or until it is stopped. */
  constructor(kube: KubeClient, signal: AbortSignal) {
    kube.watch(
      'configmaps',
      ({ type, object }) => {
        const { name } = object.metadata;
        if (name === undefined) return;
        if (type === 'DELETED') this.#shown.delete(name);
        else this.#shown.set(name, { data: (object.data ?? {}) as Record<string, string>, at: performance.now() });
        for (const tell of this.#listeners) tell();
      },
      AbortSignal.any([signal, this.#stopping.signal]),
      '',
      RETRY_MS,
    );
  }

  /**
   * Resolves with the time (of `performance.now()`) at which the last of the ConfigMaps came with its value, which may lie in the
   * past. @throws after the deadline
   */
  seen(expected: Expected, timeoutMs: number, signal: AbortSignal): Promise<number> {
    const missing = new Map(expected);
    let last = 0;
    return new Promise((resolve, reject) => {
      const settle = (end: () => void) => {
        clearTimeout(timer);
        signal.removeEventListener('abort', stopped);
        this.#listeners.delete(look);
        end();
      };
      const stopped = () => settle(() => reject(signal.reason));
      const look = () => {
        for (const [name, { key, value }] of missing) {
          const shown = this.#shown.get(name);
          if (shown?.data[key] !== value) continue;
          missing.delete(name);
          last = Math.max(last, shown.at);
        }
        if (missing.size === 0) settle(() => resolve(last));
      };
      const timer = setTimeout(() => {
        const names = [...missing.keys()].slice(0, 3).join(', ');
        settle(() => reject(new Error(`${missing.size} ConfigMaps were not seen within ${timeoutMs} ms: ${names}`)));
      }, timeoutMs);
      signal.addEventListener('abort', stopped);
      this.#listeners.add(look);
      look();
    });
  }

  stop(): void {
    this.#stopping.abort();
  }
}
