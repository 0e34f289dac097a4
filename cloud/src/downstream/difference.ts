import { sameVersion } from '@hawser/protocol';
import type { KeptBody } from '../store/index.ts';
import type { KnownObject } from './known-set.ts';
import type { Desired } from './session-view.ts';

/**
 * What is to be done about one key.
 * - nothing: desired and known version are equal
 * - keep: what should be sent cannot be; what the device holds stays
 * - pending: the body is on its way
 * - ahead: the device holds something that is newer than all this relay has seen (rule 2): it stays
 * - upsert, touch, delete: the operation of that name
 */
export type Difference =
  | { readonly type: 'nothing' | 'keep' | 'pending' | 'ahead' }
  | { readonly type: 'upsert'; readonly body: KeptBody }
  | { readonly type: 'touch'; readonly body: KeptBody }
  | { readonly type: 'delete'; readonly uid: string };

/**
 * @param hasReached whether this relay has seen everything of the resource up to that resourceVersion
 *
 * An object that was deleted and made again is one upsert with the new uid: the agent's row changes hands in one step, and the
 * device never lacks the object in between. A delete names the uid that the agent holds, so it can remove no successor.
 */
export function difference(
  desired: Desired,
  known: KnownObject | undefined,
  hasReached: (resourceVersion: string) => boolean,
): Difference {
  if (desired.state === 'ready' && known?.isDoubtful === false && sameVersion(desired.body.version, known.version))
    return { type: 'nothing' };
  if (desired.state === 'unwatched' || desired.state === 'unusable') return { type: 'keep' };
  if (known?.isUnproven && !hasReached(known.version.resourceVersion)) return { type: 'ahead' };
  switch (desired.state) {
    case 'absent':
      return known === undefined ? { type: 'nothing' } : { type: 'delete', uid: known.version.uid };
    case 'pending':
      return { type: 'pending' };
    case 'ready':
      return { type: canTouch(desired.body, known) ? 'touch' : 'upsert', body: desired.body };
  }
}

/** A refused version has no body on the device that a touch could leave in place, and a doubtful one perhaps another. */
function canTouch({ version }: KeptBody, known: KnownObject | undefined): boolean {
  return (
    known?.isRefused === false && !known.isDoubtful && known.version.uid === version.uid && known.version.hash === version.hash
  );
}
