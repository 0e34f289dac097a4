import { Pace } from '../pace.ts';
import { Backoff } from './backoff.ts';
import type { NodeLease } from './lease.ts';

/** A live session of this relay. */
export interface Session {
  /** Random. */
  readonly id: string;
  readonly node: string;
  readonly storeId: string;
  readonly agentVersion: string;
}

/**
 * How far a session's claim on the Lease of its node is.
 * - pending: not written yet, or what was written has gone from the API server
 * - held: the Lease has named it; whatever names another session after that is newer
 */
export type Claim = 'pending' | 'held';

/** What is known and wanted of one node's Lease. It is there while there is a Lease or a session. */
export interface Entry {
  readonly name: string;
  readonly node: string;
  session: Session | undefined;
  claim: Claim;
  /** The newest that is known, from the watch or from an answer. */
  lease: NodeLease | undefined;
  /** The version that the watch has told last. */
  told: string | undefined;
  /** The version that an answer has named, until the watch has told it: what the watch tells before is older. */
  awaited: string | undefined;
  /** What is there is not known: it is read before the next write. */
  isStale: boolean;
  /** A read or write has said what is there, whether or not the Leases have been listed. */
  isKnown: boolean;
  /** An action is under way. */
  isBusy: boolean;
  /** Since when no session of ours has been there, or since our start. */
  leftAtMs: number;
  /** Since when the link has been as `lease` says it, or as our session is. */
  linkSinceMs: number;
  readonly pace: Pace;
  readonly backoff: Backoff;
}

/**
 * Writes of one replica about one node: so many at once, then one each gap. A device whose link comes and goes each second is
 * written of every ten seconds and no more often.
 */
export const NODE_WRITE_BURST = 3;
export const NODE_WRITE_GAP_MS = 10_000;

export function newEntry(name: string, node: string, nowMs: number): Entry {
  return {
    name,
    node,
    session: undefined,
    claim: 'pending',
    lease: undefined,
    told: undefined,
    awaited: undefined,
    isStale: false,
    isKnown: false,
    isBusy: false,
    leftAtMs: nowMs,
    linkSinceMs: nowMs,
    pace: new Pace(NODE_WRITE_GAP_MS, NODE_WRITE_BURST),
    backoff: new Backoff(),
  };
}
