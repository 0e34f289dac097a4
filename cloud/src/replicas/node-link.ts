import type { Claimant } from '../hub/index.ts';
import type { LinkState } from './lease.ts';
import type { Entry } from './node-entry.ts';
import type { Surroundings } from './wanted.ts';

/** How the link of a node is, as far as this relay has to say it. */
export interface NodeLink {
  readonly state: LinkState;
  /** For how long, as far as this relay knows. */
  readonly ageMs: number;
  /** Of the session, while it is up. */
  readonly agentVersion: string;
  /** Another replica may say the same: it is nobody's alone. */
  readonly isShared: boolean;
}

/** Which links there are, here and at the other replicas. */
export interface NodeLinks {
  /** Whether for all replicas the node's session is this one: then its relay alone writes for the node. */
  isOurs(session: Claimant): boolean;
  /** `none`: nobody knows of any; undefined: it is not decided yet, or another replica's to say. */
  link(node: string): NodeLink | 'none' | undefined;
}

/**
 * By what is known of a node's Lease and session:
 *
 * | session of ours | Lease | |
 * |---|---|---|
 * | held | | up |
 * | pending | | not decided |
 * | none | of one of ours, link up | not decided: the Lease says so soon |
 * | none | of one of ours, link down or unknown | down |
 * | none | of a replica that lives | that one's to say |
 * | none | of a replica that has gone, link up | not decided: somebody marks it soon |
 * | none | of a replica that has gone, else | what the Lease says, for any replica to say |
 */
export function linkOf(
  { session, claim, lease, linkSinceMs }: Entry,
  { replica, isListed, isContested }: Pick<Surroundings, 'replica' | 'isListed' | 'isContested'>,
  isLive: (replica: string) => boolean,
  nowMs: number,
): NodeLink | undefined {
  const ageMs = Math.max(0, nowMs - linkSinceMs);
  if (session !== undefined) {
    if (claim === 'pending') return undefined;
    return { state: 'up', ageMs, agentVersion: session.agentVersion, isShared: false };
  }
  if (lease === undefined || lease.linkState === 'up' || !isListed) return undefined;
  if (lease.holder === replica) {
    return isContested(nowMs) ? undefined : { state: 'down', ageMs, agentVersion: '', isShared: false };
  }
  return isLive(lease.holder) ? undefined : { state: lease.linkState, ageMs, agentVersion: '', isShared: true };
}
