import type { Storage } from '@hawser/edge';
import type { KubeObject } from '@hawser/protocol';
import { type Fields, fieldsOf, itemsOf, textMapOf, textOf, textsOf } from '../fields.ts';

export interface BudgetState {
  readonly name: string;
  readonly desiredHealthy: number;
  readonly currentHealthy: number;
}

/**
 * The budget that forbids one more disruption of pods like this one, counted from the pods at this moment; a real cluster
 * reads numbers that a controller wrote some time before.
 */
export function blockingBudget(storage: Storage, pod: KubeObject): BudgetState | undefined {
  const namespace = pod.metadata.namespace ?? '';
  const pods = storage.list('pods', namespace);
  for (const budget of storage.list('policy/poddisruptionbudgets', namespace)) {
    const spec = fieldsOf(budget.spec);
    const selector = fieldsOf(spec.selector);
    if (!selects(selector, pod)) continue;
    const covered = pods.filter((candidate) => selects(selector, candidate));
    const currentHealthy = covered.filter(isHealthy).length;
    const desiredHealthy =
      spec.maxUnavailable === undefined
        ? scaled(spec.minAvailable, covered.length)
        : covered.length - scaled(spec.maxUnavailable, covered.length);
    // A pod that is not ready takes nothing away from the healthy ones.
    const remaining = isHealthy(pod) ? currentHealthy - 1 : currentHealthy;
    if (remaining < desiredHealthy) return { name: budget.metadata.name ?? '', desiredHealthy, currentHealthy };
  }
  return undefined;
}

function isHealthy(pod: KubeObject): boolean {
  const isReady = itemsOf(fieldsOf(pod.status).conditions).some(({ type, status }) => type === 'Ready' && status === 'True');
  return isReady && pod.metadata.deletionTimestamp === undefined;
}

/** A number, or a share of the total rounded up. */
function scaled(value: unknown, total: number): number {
  if (typeof value === 'number') return value;
  const percent = /^(\d+)%$/.exec(textOf(value))?.[1];
  return percent === undefined ? 0 : Math.ceil((Number(percent) / 100) * total);
}

/** A LabelSelector; an empty one selects everything in its namespace. */
function selects(selector: Fields, pod: KubeObject): boolean {
  const labels = pod.metadata.labels ?? {};
  const hasLabels = Object.entries(textMapOf(selector.matchLabels)).every(([key, value]) => labels[key] === value);
  return hasLabels && itemsOf(selector.matchExpressions).every((expression) => holds(expression, labels));
}

function holds(expression: Fields, labels: Readonly<Record<string, string>>): boolean {
  const value = labels[textOf(expression.key)];
  const values = textsOf(expression.values);
  switch (expression.operator) {
    case 'In':
      return value !== undefined && values.includes(value);
    case 'NotIn':
      return value === undefined || !values.includes(value);
    case 'Exists':
      return value !== undefined;
    case 'DoesNotExist':
      return value === undefined;
    default:
      return false;
  }
}
