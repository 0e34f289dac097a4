import type { Action } from './action.ts';
import { type LinkState, MOST_EPOCH, microTime, type NodeFields } from './lease.ts';
import type { Entry } from './node-entry.ts';

/** A link that comes back within this was never down for the others; in milliseconds. */
const DOWN_AFTER_MS = 5_000;
/** Agents of an earlier process under our name have so long to link anew before their links are said to be down. */
const START_GRACE_MS = 60_000;
/** So long a list of Leases is awaited; then each one is read by itself. */
const LIST_GRACE_MS = 15_000;

/** What this relay wants of the Lease of one node. */
export type Work =
  /** To make it that of our session. */
  | { readonly type: 'claim' }
  /** To say how the link of the session that it names is. */
  | { readonly type: 'state'; readonly state: LinkState }
  /** To know what is there. */
  | { readonly type: 'read' };

export interface Wanted {
  readonly work: Work;
  readonly atMs: number;
}

/** What a relay knows beside the node. */
export interface Surroundings {
  readonly replica: string;
  readonly startedAtMs: number;
  /** Since when a list of the Leases is awaited: our start, or the last time that the API server went back. */
  readonly listingSinceMs: number;
  /** The Leases have been listed: one that is not known does not exist. */
  readonly isListed: boolean;
  /** Another process uses our name. */
  isContested(nowMs: number): boolean;
  /** From when on the nodes of a replica that has gone may be marked. */
  markFromMs(replica: string, nowMs: number): number | undefined;
}

/**
 * The one thing that is to be done about a node's Lease, by what is known of it, in this order:
 *
 * | session of ours | Lease | |
 * |---|---|---|
 * | pending | anything | claim |
 * | held | names it, link not up (somebody took us for gone) | link up |
 * | none | names one of ours, link up | link down, after a while |
 * | none | names one of a replica that has gone, link up | link unknown, after a while |
 */
export function wantedOf(entry: Entry, around: Surroundings, nowMs: number): Wanted | undefined {
  if (entry.isBusy) return undefined;
  const wanted = workOf(entry, around, nowMs);
  if (wanted === undefined) return undefined;
  const atMs = Math.max(wanted.atMs, entry.backoff.nextAtMs());
  if (entry.isStale) return { work: { type: 'read' }, atMs };
  return wanted.work.type === 'read' ? { ...wanted, atMs } : { ...wanted, atMs: Math.max(atMs, entry.pace.nextAtMs()) };
}

function workOf(entry: Entry, around: Surroundings, nowMs: number): Wanted | undefined {
  const { session, lease } = entry;
  if (session !== undefined) {
    if (entry.claim === 'held') {
      return lease !== undefined && lease.linkState !== 'up' ? stateAt('up', nowMs) : undefined;
    }
    if (lease !== undefined || entry.isKnown || around.isListed) return { work: { type: 'claim' }, atMs: nowMs };
    return { work: { type: 'read' }, atMs: Math.max(nowMs, around.listingSinceMs + LIST_GRACE_MS) };
  }
  if (lease?.linkState !== 'up') return undefined;
  if (lease.holder === around.replica) {
    if (around.isContested(nowMs)) return undefined;
    const isInherited = entry.leftAtMs === around.startedAtMs;
    return stateAt('down', entry.leftAtMs + (isInherited ? START_GRACE_MS : DOWN_AFTER_MS));
  }
  const markFromMs = around.markFromMs(lease.holder, nowMs);
  return markFromMs === undefined ? undefined : stateAt('unknown', markFromMs);
}

function stateAt(state: LinkState, atMs: number): Wanted {
  return { work: { type: 'state', state }, atMs };
}

/** The call that does it. */
export function actionFor(entry: Entry, work: Work, replica: string, nowMs: number): Action {
  const { name, lease } = entry;
  const fields = work.type === 'read' ? undefined : fieldsFor(entry, work, replica, nowMs);
  if (fields === undefined) return { type: 'read', name };
  if (lease === undefined) return { type: 'create', name, fields };
  return { type: 'update', name, fields, uid: lease.uid, resourceVersion: lease.resourceVersion };
}

function fieldsFor({ node, lease, session }: Entry, work: Work, replica: string, nowMs: number): NodeFields | undefined {
  const linkStateSince = new Date(nowMs).toISOString();
  if (work.type === 'state' && lease !== undefined) {
    const { name: _name, uid: _uid, resourceVersion: _version, ...fields } = lease;
    return { ...fields, linkState: work.state, linkStateSince };
  }
  if (session === undefined) return undefined;
  return {
    type: 'node',
    node,
    holder: replica,
    epoch: lease === undefined || lease.epoch >= MOST_EPOCH ? 1 : lease.epoch + 1,
    sessionId: session.id,
    previousSessionId: lease?.sessionId ?? '',
    storeId: session.storeId,
    agentVersion: session.agentVersion,
    linkState: 'up',
    linkStateSince,
    acquireTime: microTime(nowMs),
  };
}
