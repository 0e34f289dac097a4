import type { NodeSession } from '../../admin/index.ts';
import type { DeviceReport } from '../../enroll/index.ts';
import type { NodeLease } from '../../replicas/index.ts';

/** What was found out about the fleet. */
export interface Findings {
  /** Replicas that answered, with their sessions. */
  readonly answered: readonly { readonly replica: string; readonly sessions: readonly NodeSession[] }[];
  /** Of a replica that has not been heard, whether it may have sessions: it did not answer, or was not asked. */
  readonly silent: (replica: string) => boolean;
  readonly leases: readonly NodeLease[];
  readonly devices: readonly DeviceReport[];
}

/**
 * One node of the fleet. `state` is that of its session, or
 * - down: it has none, and the last replica said so
 * - lost: it has none, and its replica has gone without a word
 * - unknown: it may have one at a replica that does not answer, or was not asked
 * - never: its device has joined, and no replica remembers a session
 * - revoked: its device is kept out
 */
export interface Row {
  readonly node: string;
  readonly state: string;
  readonly detail: string;
  /** RFC 3339; null where nobody knows. */
  readonly since: string | null;
  readonly lagMs: number | null;
  readonly sentBytes: number | null;
  readonly receivedBytes: number | null;
  readonly agentVersion: string | null;
  /** That of the session, or the last one; null where nobody knows. */
  readonly replica: string | null;
}

/** All nodes that anybody knows of, by name. */
export function rowsOf({ answered, silent, leases, devices }: Findings): readonly Row[] {
  const rows = new Map<string, Row>();
  for (const { node, state, revokedAt, revokedReason, enrolledAt } of devices) {
    if (node === null) continue;
    const isRevoked = state === 'revoked';
    const since = isRevoked ? revokedAt : enrolledAt;
    rows.set(node, { ...nothing(node), state: isRevoked ? 'revoked' : 'never', since, detail: revokedReason ?? '' });
  }
  for (const lease of leases) {
    const before = rows.get(lease.node);
    const row = leased(lease, silent);
    rows.set(lease.node, before?.state === 'revoked' ? { ...row, state: 'revoked', detail: before.detail } : row);
  }
  for (const { replica, sessions } of answered) {
    for (const session of sessions) {
      const before = rows.get(session.node);
      // While a node moves two replicas may have it: the newer session is its own.
      const isOlder = before !== undefined && before.lagMs !== null && (before.since ?? '') > session.since;
      if (!isOlder) rows.set(session.node, linked(session, replica));
    }
  }
  return [...rows.values()].toSorted((a, b) => (a.node < b.node ? -1 : 1));
}

export function linked(
  { node, state, detail, since, lagMs, sentBytes, receivedBytes, agentVersion }: NodeSession,
  replica: string,
): Row {
  return { node, state, detail, since, lagMs, sentBytes, receivedBytes, agentVersion, replica };
}

/** A node whose session has just ended here. */
export function unlinked(node: string, state: 'down' | 'unknown', replica: string, before: Row | undefined, since: string): Row {
  return { ...nothing(node), state, since, replica, agentVersion: before?.agentVersion ?? null };
}

function leased({ node, holder, linkState, linkStateSince, agentVersion }: NodeLease, silent: Findings['silent']): Row {
  const about = {
    ...nothing(node),
    since: Number.isNaN(Date.parse(linkStateSince)) ? null : linkStateSince,
    agentVersion: agentVersion || null,
    replica: holder || null,
  };
  if (linkState === 'up' && silent(holder))
    return { ...about, state: 'unknown', detail: 'its replica does not answer, or was not asked' };
  if (linkState === 'up') return { ...about, state: 'down', detail: 'its Lease says up, and no replica that answers has it' };
  return { ...about, state: linkState === 'down' ? 'down' : 'lost' };
}

function nothing(node: string): Row {
  return {
    node,
    state: 'never',
    detail: '',
    since: null,
    lagMs: null,
    sentBytes: null,
    receivedBytes: null,
    agentVersion: null,
    replica: null,
  };
}

export const SORTS = ['name', 'state', 'since', 'lag', 'replica'] as const;
export type Sort = (typeof SORTS)[number];

/** `since`: the latest first; `lag`: the longest first. Equal ones by name. */
export function sorted(rows: readonly Row[], by: Sort): readonly Row[] {
  const compare: Readonly<Record<Sort, (a: Row, b: Row) => number>> = {
    name: () => 0,
    state: (a, b) => compareTexts(a.state, b.state),
    since: (a, b) => compareTexts(b.since ?? '', a.since ?? ''),
    lag: (a, b) => (b.lagMs ?? -1) - (a.lagMs ?? -1),
    replica: (a, b) => compareTexts(a.replica ?? '', b.replica ?? ''),
  };
  return rows.toSorted((a, b) => compare[by](a, b) || compareTexts(a.node, b.node));
}

function compareTexts(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** @param names where there are none, all nodes are meant */
export function isWanted({ node, state }: Row, names: readonly string[], states: readonly string[]): boolean {
  return (names.length === 0 || names.includes(node)) && (states.length === 0 || states.includes(state));
}
