import { compareResourceVersions, type ObjectKey } from '@hawser/protocol';
import type { ReflectorStatus } from '../merge/change.ts';
import { resourceOf } from '../store/index.ts';

/** What is sent to devices, and what the desired sets follow from. */
export const WATCHED_RESOURCES: readonly string[] = ['nodes', 'pods', 'configmaps', 'secrets'];

/** How far the reflectors are. */
export class SyncStatus {
  #isSynced = false;
  #detail = describe([]);
  readonly #reached = new Map<string, string>();

  get isSynced(): boolean {
    return this.#isSynced;
  }

  /** Which resources are missing, for people. */
  get detail(): string {
    return this.#detail;
  }

  set(statuses: readonly ReflectorStatus[]): void {
    this.#isSynced = WATCHED_RESOURCES.every((name) =>
      statuses.some(({ resource, state }) => resource === name && isDone(state)),
    );
    this.#detail = this.#isSynced ? '' : describe(statuses);
    this.#reached.clear();
    for (const { resource, resourceVersion } of statuses) {
      if (resourceVersion !== undefined) this.#reached.set(resource, resourceVersion);
    }
  }

  hasReached(key: ObjectKey, resourceVersion: string): boolean {
    const reached = this.#reached.get(resourceOf(key));
    return reached !== undefined && compareResourceVersions(reached, resourceVersion) >= 0;
  }
}

function isDone(state: ReflectorStatus['state']): boolean {
  return state === 'synced' || state === 'notServed';
}

function describe(statuses: readonly ReflectorStatus[]): string {
  const missing = WATCHED_RESOURCES.flatMap((name) => {
    const status = statuses.find(({ resource }) => resource === name);
    if (status !== undefined && isDone(status.state)) return [];
    return `${name} (${[status?.state ?? 'listing', status?.detail ?? ''].filter((part) => part !== '').join(': ')})`;
  });
  return `the relay has not synced ${missing.join(', ')}`;
}
