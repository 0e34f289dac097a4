import type { ReflectorStatus } from '../merge/change.ts';

/** How often in a row the server must refuse before a resource that was synced counts as failing: it refuses while it starts, too. */
const REFUSALS_BEFORE_FAILING = 3;

/**
 * What happens to a reflector, as far as its status goes.
 * - answered: a list is complete or a watch goes on; its changes may still wait
 * - taken: everything up to `resourceVersion`, after a complete list, has been handed on
 * - notServed: discovery says so; what was known is handed on as deleted
 * - listsAnew: what was handed on is no longer to be relied on before it was listed once more
 * - failed: a list or watch did not work
 */
export type StatusEvent =
  | { readonly type: 'answered' }
  | { readonly type: 'taken'; readonly resourceVersion: string }
  | { readonly type: 'notServed' }
  | { readonly type: 'listsAnew'; readonly detail: string }
  | { readonly type: 'failed'; readonly detail: string; readonly isForbidden: boolean };

export interface StatusState {
  readonly status: ReflectorStatus;
  /** A complete list has been handed on, or there is nothing to list. */
  readonly hasSynced: boolean;
  /** What it is when nothing fails. */
  readonly settled: 'synced' | 'notServed';
  /** In a row. */
  readonly refusals: number;
}

export function initialStatus(resource: string): StatusState {
  const status = { resource, state: 'listing', detail: '', resourceVersion: undefined } as const;
  return { status, hasSynced: false, settled: 'synced', refusals: 0 };
}

/**
 * A failure before the first list is named at once, for readiness. After it the resource stays as it was, since what was handed
 * on still stands and nothing follows from a failure; only when the server keeps refusing does it count as failing.
 */
export function nextStatus(before: StatusState, event: StatusEvent): StatusState {
  const { status, hasSynced } = before;
  switch (event.type) {
    case 'answered': {
      const state = hasSynced && status.state === 'failing' ? 'synced' : status.state;
      return { ...before, settled: 'synced', refusals: 0, status: { ...status, state, detail: '' } };
    }
    case 'taken': {
      const { resourceVersion } = event;
      const state = before.refusals >= REFUSALS_BEFORE_FAILING ? 'failing' : before.settled;
      return { ...before, hasSynced: true, status: { ...status, state, resourceVersion } };
    }
    case 'notServed':
      return { status: { ...status, state: 'notServed', detail: '' }, hasSynced: true, settled: 'notServed', refusals: 0 };
    case 'listsAnew': {
      const state = { ...status, state: 'listing', detail: event.detail, resourceVersion: undefined } as const;
      return { ...before, hasSynced: false, status: state };
    }
    case 'failed': {
      const { detail, isForbidden } = event;
      const refusals = before.refusals + (isForbidden ? 1 : 0);
      const state = !hasSynced || refusals >= REFUSALS_BEFORE_FAILING ? 'failing' : status.state;
      return { ...before, refusals, status: { ...status, state, detail } };
    }
  }
}
