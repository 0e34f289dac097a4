import type { KubeObject } from '@hawser/protocol';
import { IMAGE } from './image.ts';

/** Where a pod's ConfigMap and its token are mounted. */
export const MOUNTED = { greeting: '/etc/cfg/greeting', token: '/var/run/secrets/kubernetes.io/serviceaccount/token' };

/** Ends at once when it is asked to, as the first process of a container has to take care of itself. */
const UNTIL_ASKED = 'trap "exit 0" TERM; while :; do sleep 1 & wait $!; done';

export interface PodWishes {
  /** What its shell does. Default: nothing, until it is asked to end. */
  readonly script?: string;
  /** An exec probe of its readiness: a line for its shell. */
  readonly ready?: string;
  readonly graceSeconds?: number;
  readonly restartPolicy?: 'Always' | 'Never';
}

/** Bound to the node, with the ConfigMap `settings` mounted and the Secret `login` in its environment; a token comes by itself. */
export function appPod(
  node: string,
  name: string,
  { script = UNTIL_ASKED, ready, graceSeconds = 30, restartPolicy = 'Always' }: PodWishes = {},
): KubeObject {
  const probe = ready === undefined ? {} : { readinessProbe: { exec: { command: ['sh', '-c', ready] }, periodSeconds: 1 } };
  const main = {
    ...{ name: 'main', image: IMAGE, imagePullPolicy: 'IfNotPresent', command: ['sh', '-c', script] },
    envFrom: [{ secretRef: { name: 'login' } }],
    volumeMounts: [{ name: 'cfg', mountPath: '/etc/cfg' }],
    ...probe,
  };
  const volumes = [{ name: 'cfg', configMap: { name: 'settings' } }];
  const spec = { nodeName: node, terminationGracePeriodSeconds: graceSeconds, restartPolicy, containers: [main], volumes };
  return { apiVersion: 'v1', kind: 'Pod', metadata: { name, namespace: 'default' }, spec };
}

/** As a file in the folder of manifests. */
export function staticPod(name: string): KubeObject {
  const main = { name: 'main', image: IMAGE, imagePullPolicy: 'IfNotPresent', command: ['sh', '-c', UNTIL_ASKED] };
  return { apiVersion: 'v1', kind: 'Pod', metadata: { name, namespace: 'default' }, spec: { containers: [main] } };
}
