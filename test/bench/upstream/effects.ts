import type { KubeObject } from '@hawser/protocol';
import type { WatchEvent } from '../../support/kube.ts';
import { restartsOf } from './cluster.ts';

/**
 * What reached the API server, as its watches show it. An effect is a new version of a pod or an Event; one that no change on the device
 * explains is a duplicate:
 * - a version that says what the version before it said
 * - a status that goes back to an older one
 * - an Event that is there a second time under another name, or that counts back
 */
export class Effects {
  readonly #pods = new Map<string, KubeObject>();
  /** By the text, of which the device makes each once. */
  readonly #events = new Map<string, KubeObject>();
  readonly #listeners = new Set<() => void>();
  #duplicates = 0;

  get duplicates(): number {
    return this.#duplicates;
  }

  /** Different Events that came. */
  get events(): number {
    return this.#events.size;
  }

  /** By pod that is there: how often its container has crashed. */
  restarts(): ReadonlyMap<string, number> {
    return new Map([...this.#pods.values()].map((pod) => [pod.metadata.name ?? '', restartsOf(pod) ?? 0]));
  }

  eventCounts(): ReadonlyMap<string, number> {
    return new Map([...this.#events].map(([text, event]) => [text, Number(event.count)]));
  }

  pod({ type, object }: WatchEvent): void {
    const { uid = '' } = object.metadata;
    if (type === 'DELETED') this.#pods.delete(uid);
    if (type === 'ADDED' || type === 'MODIFIED') {
      this.#judge(this.#pods.get(uid), object, (pod) => restartsOf(pod) ?? 0);
      this.#pods.set(uid, object);
    }
    this.#tell();
  }

  event({ type, object }: WatchEvent): void {
    const text = String(object.message);
    if (type === 'ADDED' || type === 'MODIFIED') {
      this.#judge(this.#events.get(text), object, (event) => Number(event.count));
      this.#events.set(text, object);
    }
    this.#tell();
  }

  /** Resolves with true when `matches` does, after whatever comes, and with false when the time is up. */
  until(matches: () => boolean, timeoutMs: number, signal: AbortSignal): Promise<boolean> {
    return new Promise((resolve, reject) => {
      const settle = (end: () => void) => {
        clearTimeout(timer);
        this.#listeners.delete(look);
        signal.removeEventListener('abort', stopped);
        end();
      };
      const look = () => {
        if (matches()) settle(() => resolve(true));
      };
      const stopped = () => settle(() => reject(signal.reason));
      const timer = setTimeout(() => settle(() => resolve(false)), timeoutMs);
      signal.addEventListener('abort', stopped);
      this.#listeners.add(look);
      look();
    });
  }

  #judge(before: KubeObject | undefined, after: KubeObject, sequence: (object: KubeObject) => number): void {
    // A watch that begins anew shows what is there once more.
    if (before === undefined || before.metadata.resourceVersion === after.metadata.resourceVersion) return;
    const isAnother = before.metadata.uid !== after.metadata.uid;
    if (isAnother || sequence(after) < sequence(before) || contentOf(before) === contentOf(after)) this.#duplicates += 1;
  }

  #tell(): void {
    for (const look of this.#listeners) look();
  }
}

function contentOf(object: KubeObject): string {
  const { resourceVersion: _version, managedFields: _fields, ...metadata } = object.metadata;
  return JSON.stringify({ ...object, metadata });
}
