import {
  ApiError,
  conflict,
  nodeNameOf,
  notFound,
  restrictEviction,
  type SpecialAnswer,
  type SpecialRequest,
  timestamp,
} from '@hawser/edge';
import type { KubeObject } from '@hawser/protocol';
import { fieldsOf, itemsOf, numberOf, textOf } from '../fields.ts';
import { planPodDelete } from '../pod-deletion.ts';
import { blockingBudget } from './disruption-budget.ts';
import { executeDelete, replaceObject } from './stored.ts';
import { SUCCESS } from './success.ts';

const PODS = { group: '', resource: 'pods' };

/**
 * POST pods/NAME/eviction: a delete that disruption budgets may refuse.
 * @throws ApiError 404, 409 for other preconditions, 403 for a node and another node's pod, 429 with cause DisruptionBudget
 */
export function evictPod(request: SpecialRequest): SpecialAnswer {
  const key = { resource: 'pods', namespace: request.namespace, name: request.name };
  const pod = request.storage.get(key);
  if (pod === undefined) throw notFound(PODS, request.name);
  const nodeName = nodeNameOf(request.identity);
  if (nodeName !== undefined) restrictEviction(nodeName, pod, request);

  const options = fieldsOf(request.body?.deleteOptions);
  const expectedUid = textOf(fieldsOf(options.preconditions).uid);
  if (expectedUid !== '' && expectedUid !== pod.metadata.uid) {
    throw conflict(
      PODS,
      request.name,
      `the UID in the precondition (${expectedUid}) does not match the UID in record (${pod.metadata.uid}). ` +
        'The object might have been deleted and then recreated',
    );
  }
  refuseForBudgets(request, pod);
  const isDryRun = request.query.get('dryRun') === 'All' || (Array.isArray(options.dryRun) && options.dryRun.includes('All'));
  if (isDryRun) return SUCCESS;

  const marked = replaceObject(request.storage, key, withDisruptionCondition(pod, request.now), pod, 'status');
  const plan = planPodDelete(marked, numberOf(options.gracePeriodSeconds), request.now);
  executeDelete(request.storage, key, marked, plan);
  return SUCCESS;
}

/** A pod that does not run yet or has ended protects nothing. */
function refuseForBudgets(request: SpecialRequest, pod: KubeObject): void {
  const phase = textOf(fieldsOf(pod.status).phase);
  if (phase !== 'Running' || pod.metadata.deletionTimestamp !== undefined) return;
  const budget = blockingBudget(request.storage, pod);
  if (budget === undefined) return;
  throw new ApiError(429, 'TooManyRequests', "Cannot evict pod as it would violate the pod's disruption budget.", {
    causes: [
      {
        reason: 'DisruptionBudget',
        message: `The disruption budget ${budget.name} needs ${budget.desiredHealthy} healthy pods and has ${budget.currentHealthy} currently`,
      },
    ],
  });
}

function withDisruptionCondition(pod: KubeObject, now: Date): KubeObject {
  const status = fieldsOf(pod.status);
  const others = itemsOf(status.conditions).filter(({ type }) => type !== 'DisruptionTarget');
  const condition = {
    type: 'DisruptionTarget',
    status: 'True',
    lastProbeTime: null,
    lastTransitionTime: timestamp(now),
    reason: 'EvictionByEvictionAPI',
    message: 'Eviction API: evicting',
  };
  return { ...pod, status: { ...status, conditions: [...others, condition] } };
}
