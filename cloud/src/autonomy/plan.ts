import {
  type JsonObject,
  longerSpan,
  mayBeEvicted,
  parseAutonomy,
  type Span,
  TOLERATES_ANNOTATION,
  toleranceOf,
  UNREACHABLE_TAINT,
} from '@hawser/protocol';

/**
 * What a pod's tolerations should become, as its node's autonomy wants it.
 * - patch: a merge patch of the pod, without the version that it is for
 * - asWanted: nothing is to be done, also where the pod is none of ours: static, finished or ending
 * - changedByOthers: somebody has set other seconds since we did; theirs stand
 */
export type PodPlan =
  | {
      readonly type: 'patch';
      readonly does: 'lengthen' | 'restore';
      readonly body: { readonly metadata: JsonObject; readonly spec: JsonObject };
    }
  | { readonly type: 'asWanted' }
  | { readonly type: 'changedByOthers' };

const AS_WANTED: PodPlan = { type: 'asWanted' };

/**
 * Only the time under the taint `unreachable` is changed: a node that says itself that it is not ready has other troubles than its link.
 * The seconds are never made less than they were: a pod that tolerates the taint for longer, or for ever, stays as it is.
 *
 * Of several tolerations that match the first decides (Kubernetes' taint eviction controller). Where that one is for other taints
 * too, its seconds are left alone and one for this taint goes before it. The API server takes further tolerations and other
 * seconds from everybody, and lets nobody take a toleration away: an added one stays, with the seconds of before.
 *
 * @param autonomy of the pod's node; undefined: none, and what was lengthened is restored
 */
export function planPod(pod: JsonObject, autonomy: Span | undefined): PodPlan {
  if (!mayBeEvicted(pod)) return AS_WANTED;
  const { tolerations, deciding, current, mark } = toleranceOf(pod);
  if (mark !== undefined && mark.set !== current) return { type: 'changedByOthers' };
  const before = mark?.before ?? current;
  const wanted = autonomy === undefined ? before : longerSpan(before, autonomy);
  if (wanted === current) return AS_WANTED;
  const isRestored = wanted === before;
  const own = tolerations[deciding];
  return {
    type: 'patch',
    does: isRestored ? 'restore' : 'lengthen',
    body: {
      metadata: { annotations: { [TOLERATES_ANNOTATION]: isRestored ? null : `${wanted} (was ${before})` } },
      spec: {
        tolerations:
          own?.key === UNREACHABLE_TAINT ? tolerations.with(deciding, changed(own, wanted)) : [added(wanted), ...tolerations],
      },
    },
  };
}

function changed({ tolerationSeconds: _seconds, ...toleration }: JsonObject, wanted: Span): JsonObject {
  return { ...toleration, ...(wanted === 'forever' ? {} : { tolerationSeconds: wanted }) };
}

function added(wanted: Span): JsonObject {
  return changed({ key: UNREACHABLE_TAINT, operator: 'Exists', effect: 'NoExecute' }, wanted);
}

/** What an annotation of a Node says. `invalid`: no effect, and what was lengthened stays as it is. */
export type AutonomyWord = Span | 'none' | 'invalid';

export function readAutonomy(text: string | undefined): AutonomyWord {
  return text === undefined ? 'none' : (parseAutonomy(text) ?? 'invalid');
}
