import { type DeviceState, HawserError, MAX_BLOCKED, MAX_OUTBOX_COUNTS, type ObjectKey, parseObjectKey } from '@hawser/protocol';
import type { Clock } from '../api/clock.ts';
import type { EdgeStore } from '../store/index.ts';
import { SYNC_FACTS } from '../sync/index.ts';
import type { Upstream } from '../upstream/index.ts';
import { AGENT_FACTS } from './facts.ts';
import { storageUse } from './storage-use.ts';

export interface DeviceStateParts {
  readonly store: Pick<EdgeStore, 'path' | 'outbox' | 'fact'>;
  readonly upstream: Pick<Upstream, 'blocked'>;
  readonly clock: Pick<Clock, 'now'>;
}

/** How this device is, for a person at the cloud who asks: the answer to question `id`. Some milliseconds of SQLite. */
export function deviceState(id: number, { store, upstream, clock }: DeviceStateParts): DeviceState {
  const now = clock.now().getTime();
  const { entries, bytes } = store.outbox.size();
  const oldest = store.outbox.oldest();
  const { storeBytes, freeBytes } = storageUse(store.path);
  const fact = (name: string) => store.fact(name) ?? '';
  return {
    id,
    timeMs: Math.max(0, now),
    outbox: {
      entries,
      bytes,
      oldestMs: oldest === undefined ? 0 : spanFrom(Date.parse(oldest), now),
      counts: store.outbox.byResource(MAX_OUTBOX_COUNTS),
      blocked: upstream
        .blocked()
        .slice(0, MAX_BLOCKED)
        .flatMap(({ object, why, sinceMs }) => {
          const key = keyOf(object);
          return key === undefined ? [] : [{ key, why, ageMs: spanFrom(sinceMs, now) }];
        }),
      droppedEvents: Object.values(store.outbox.dropped().total).reduce((sum, count) => sum + count, 0),
      refusedReports: store.outbox.refusals().length,
    },
    storeBytes,
    freeBytes,
    workload: fact(AGENT_FACTS.workload),
    kubelet: fact(AGENT_FACTS.kubelet),
    lastSync: fact(SYNC_FACTS.lastSync),
    startedAt: fact(AGENT_FACTS.startedAt),
  };
}

/** The clock may have been set back since. */
function spanFrom(then: number, now: number): number {
  return Number.isNaN(then) ? 0 : Math.max(0, now - then);
}

/** Undefined for what has no name yet: a create whose name the cloud makes. */
function keyOf(object: string): ObjectKey | undefined {
  try {
    return parseObjectKey(object).key;
  } catch (error) {
    if (error instanceof HawserError && error.code === 'malformed_object') return undefined;
    throw error;
  }
}
