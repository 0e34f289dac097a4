import { follow } from '../../test/controllers/follow.ts';
import { serial } from '../../test/controllers/serial.ts';
import { type KubeClient, KubeError } from '../../test/support/kube.ts';
import { type Action, type ClusterView, reconcile } from './controllers.ts';

const RESOURCES = {
  nodes: 'nodes',
  pods: 'pods',
  deployments: 'apps/deployments',
  replicaSets: 'apps/replicasets',
  daemonSets: 'apps/daemonsets',
} as const satisfies Record<keyof ClusterView, string>;

/**
 * Plays scheduler and controllers against an API server until the signal. Changes drive it, no timer does.
 * @param onError what went wrong and is left to the next change to mend
 */
export function runControllers(kube: KubeClient, signal: AbortSignal, onError: (message: string) => void): void {
  const work = serial(async () => {
    for (const action of reconcile(view())) {
      if (signal.aborted) return;
      await carryOut(kube, action).catch((error: unknown) => {
        // What we see lags behind what we wrote: it is there already (409), and the next event says so.
        if (!(error instanceof KubeError && error.status === 409))
          onError(`${action.type}: ${error instanceof Error ? error.message : error}`);
      });
    }
  });
  const { lists } = follow(kube, RESOURCES, signal, work.run);
  const view = (): ClusterView => ({
    nodes: [...lists.nodes.values()],
    pods: [...lists.pods.values()],
    deployments: [...lists.deployments.values()],
    replicaSets: [...lists.replicaSets.values()],
    daemonSets: [...lists.daemonSets.values()],
  });
}

async function carryOut(kube: KubeClient, action: Action): Promise<void> {
  if (action.type === 'create') {
    await kube.create(action.object);
    return;
  }
  const path = `/api/v1/namespaces/${action.namespace}/pods/${action.pod}/binding`;
  const answer = await kube.raw('POST', path, {
    apiVersion: 'v1',
    kind: 'Binding',
    metadata: { name: action.pod },
    target: { apiVersion: 'v1', kind: 'Node', name: action.node },
  });
  if (answer.status >= 300) throw new KubeError(answer.status, '', `POST ${path}: ${answer.status}`);
}
