import type { KubeObject } from '@hawser/protocol';
import { fieldsOf, itemsOf, numberOf, textOf } from '../apiserver/policy/fields.ts';

export interface Taint {
  readonly key: string;
  readonly value?: string;
  readonly effect: string;
  readonly timeAdded?: string;
}

export const UNREACHABLE = 'node.kubernetes.io/unreachable';
export const NOT_READY = 'node.kubernetes.io/not-ready';

export function taintsOf(node: KubeObject): Taint[] {
  return itemsOf(fieldsOf(node.spec).taints).map(({ key, value, effect, timeAdded }) => ({
    key: textOf(key),
    ...(typeof value === 'string' ? { value } : {}),
    effect: textOf(effect),
    ...(typeof timeAdded === 'string' ? { timeAdded } : {}),
  }));
}

/** Seconds that a pod stays under a taint; `forever` where its toleration names none, `not` where it does not tolerate the taint. */
export type Tolerance = number | 'forever' | 'not';

/**
 * How long a pod tolerates all of these taints. For each taint the first toleration of the list that matches decides, and of those
 * the shortest (GetMatchingTolerations and getMinTolerationTime of Kubernetes' taint eviction controller).
 */
export function toleranceOf(pod: KubeObject, taints: readonly Taint[]): Tolerance {
  const tolerations = itemsOf(fieldsOf(pod.spec).tolerations);
  let least: Tolerance = 'forever';
  for (const taint of taints) {
    const deciding = tolerations.find((toleration) => tolerates(toleration, taint));
    if (deciding === undefined) return 'not';
    const seconds = numberOf(deciding.tolerationSeconds);
    if (seconds !== undefined && (least === 'forever' || seconds < least)) least = Math.max(0, seconds);
  }
  return least;
}

/** core/v1 Toleration: an empty effect matches every effect, an empty key with Exists every taint. */
function tolerates(toleration: Readonly<Record<string, unknown>>, taint: Taint): boolean {
  const [key, effect, operator] = [textOf(toleration.key), textOf(toleration.effect), textOf(toleration.operator)];
  if (effect !== '' && effect !== taint.effect) return false;
  if (key !== '' && key !== taint.key) return false;
  if (operator === 'Exists') return true;
  return (operator === '' || operator === 'Equal') && key !== '' && textOf(toleration.value) === (taint.value ?? '');
}
