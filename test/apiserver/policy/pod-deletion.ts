import { type DeletePlan, timestamp } from '@hawser/edge';
import type { KubeObject } from '@hawser/protocol';
import { fieldsOf, numberOf, textOf } from './fields.ts';

/**
 * Graceful deletion of a pod (rest.BeforeDelete and the pod strategy): marked with a deadline first; the kubelet, or a delete
 * with grace 0, ends it. A grace that runs may only be shortened.
 * @param asked seconds of grace that the client asked for; undefined for none said
 */
export function planPodDelete(pod: KubeObject, asked: number | undefined, now: Date): DeletePlan {
  const { deletionTimestamp, deletionGracePeriodSeconds: running = 0 } = pod.metadata;
  if (deletionTimestamp !== undefined) {
    if (asked === undefined) return { type: 'unchanged' };
    const grace = atLeastOne(asked);
    if (grace >= running) return { type: 'unchanged' };
    const deadline = new Date(Date.parse(deletionTimestamp) - (running - grace) * 1000);
    return plan(pod, grace, deadline, pod.metadata.generation);
  }
  const grace = initialGrace(pod, asked);
  const generation = pod.metadata.generation;
  return plan(pod, grace, new Date(now.getTime() + grace * 1000), generation === undefined ? undefined : generation + 1);
}

function initialGrace(pod: KubeObject, asked: number | undefined): number {
  const spec = fieldsOf(pod.spec);
  const isFinished = ['Succeeded', 'Failed'].includes(textOf(fieldsOf(pod.status).phase));
  // Nobody runs it, so nobody has to be waited for.
  if (isFinished || textOf(spec.nodeName) === '') return 0;
  return atLeastOne(asked ?? numberOf(spec.terminationGracePeriodSeconds) ?? 0);
}

/** A negative grace stands for the shortest one. */
function atLeastOne(grace: number): number {
  return grace < 0 ? 1 : grace;
}

function plan(pod: KubeObject, grace: number, deadline: Date, generation: number | undefined): DeletePlan {
  const object: KubeObject = {
    ...pod,
    metadata: {
      ...pod.metadata,
      ...(generation === undefined ? {} : { generation }),
      deletionTimestamp: timestamp(deadline),
      deletionGracePeriodSeconds: grace,
    },
  };
  return grace === 0 ? { type: 'markAndRemove', object } : { type: 'mark', object };
}
