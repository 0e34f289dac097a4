import { isJsonObject, type JsonObject, type JsonValue, longerSpan, parseAutonomy, type Span } from '@hawser/protocol';

/** The taint of a node that has not been heard of (Kubernetes, well-known taints). */
export const UNREACHABLE = 'node.kubernetes.io/unreachable';
/**
 * On a pod whose toleration was lengthened: what was set, and what stood there before. `259200 (was 300)`; 0 where it tolerated the
 * taint not at all.
 */
export const TOLERATES_ANNOTATION = 'hawser.dev/tolerates-unreachable';

const MIRROR_ANNOTATION = 'kubernetes.io/config.mirror';

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
  if (!isOurs(pod)) return AS_WANTED;
  const tolerations = listOf(objectOf(pod.spec).tolerations);
  const index = tolerations.findIndex(toleratesUnreachable);
  const deciding = tolerations[index];
  const current = secondsOf(deciding);
  const mark = readMark(annotationsOf(pod)[TOLERATES_ANNOTATION]);
  if (mark !== undefined && mark.set !== current) return { type: 'changedByOthers' };
  const before = mark?.before ?? current;
  const wanted = autonomy === undefined ? before : longerSpan(before, autonomy);
  if (wanted === current) return AS_WANTED;
  const isRestored = wanted === before;
  return {
    type: 'patch',
    does: isRestored ? 'restore' : 'lengthen',
    body: {
      metadata: { annotations: { [TOLERATES_ANNOTATION]: isRestored ? null : `${wanted} (was ${before})` } },
      spec: {
        tolerations:
          deciding?.key === UNREACHABLE ? tolerations.with(index, changed(deciding, wanted)) : [added(wanted), ...tolerations],
      },
    },
  };
}

function isOurs(pod: JsonObject): boolean {
  const phase = objectOf(pod.status).phase;
  if (phase === 'Succeeded' || phase === 'Failed') return false;
  return objectOf(pod.metadata).deletionTimestamp === undefined && annotationsOf(pod)[MIRROR_ANNOTATION] === undefined;
}

/** core/v1 Toleration against the taint `unreachable:NoExecute`, which has no value. */
function toleratesUnreachable({ key = '', operator = '', effect = '', value = '' }: JsonObject): boolean {
  if (effect !== '' && effect !== 'NoExecute') return false;
  if (key !== '' && key !== UNREACHABLE) return false;
  return operator === 'Exists' || ((operator === '' || operator === 'Equal') && key !== '' && value === '');
}

function secondsOf(toleration: JsonObject | undefined): Span {
  if (toleration === undefined) return 0;
  const { tolerationSeconds } = toleration;
  return typeof tolerationSeconds === 'number' ? Math.max(0, tolerationSeconds) : 'forever';
}

function changed({ tolerationSeconds: _seconds, ...toleration }: JsonObject, wanted: Span): JsonObject {
  return { ...toleration, ...(wanted === 'forever' ? {} : { tolerationSeconds: wanted }) };
}

function added(wanted: Span): JsonObject {
  return changed({ key: UNREACHABLE, operator: 'Exists', effect: 'NoExecute' }, wanted);
}

/** Undefined where there is none, or somebody wrote something else there. */
function readMark(text: JsonValue | undefined): { readonly set: Span; readonly before: Span } | undefined {
  const parts = typeof text === 'string' ? /^(\d{1,19}|forever) \(was (\d{1,19})\)$/.exec(text) : null;
  if (parts === null) return undefined;
  const [, set = '', before = ''] = parts;
  return { set: set === 'forever' ? 'forever' : Number(set), before: Number(before) };
}

/** What an annotation of a Node says. `invalid`: no effect, and what was lengthened stays as it is. */
export type AutonomyWord = Span | 'none' | 'invalid';

export function readAutonomy(text: string | undefined): AutonomyWord {
  return text === undefined ? 'none' : (parseAutonomy(text) ?? 'invalid');
}

export function annotationsOf(object: JsonObject): JsonObject {
  return objectOf(objectOf(object.metadata).annotations);
}

function objectOf(value: JsonValue | undefined): JsonObject {
  return value !== undefined && isJsonObject(value) ? value : {};
}

function listOf(value: JsonValue | undefined): JsonObject[] {
  return Array.isArray(value) ? value.filter(isJsonObject) : [];
}
