import { type KubeObject, objectKey } from '@hawser/protocol';
import { ClusterFile, nodeObject } from '../cluster-file.ts';
import { type ConfigData, configData } from '../data.ts';
import type { Random } from '../random.ts';

const NAMESPACE = 'default';
const CONFIG_BYTES = 1_000;
/** Of each node. */
export const PODS_PER_NODE = 4;

export interface FanoutCluster {
  readonly nodes: readonly string[];
  /** The ConfigMap that is changed. A pod on every node uses it. */
  readonly shared: { readonly name: string; readonly key: string; readonly data: ConfigData };
}

/**
 * Writes the objects of a whole cluster as a file that the embedded API server starts with: nodes, four pods on each, and
 * ConfigMaps, of which each pod uses a part.
 */
export async function writeCluster(
  file: string,
  random: Random,
  scale: { readonly nodes: number; readonly configMaps: number },
): Promise<FanoutCluster> {
  const cluster = new ClusterFile();
  const configMaps = Array.from({ length: scale.configMaps }, (_, index) => `settings-${String(index).padStart(4, '0')}`);
  const data = configMaps.map(() => configData(random, CONFIG_BYTES));
  for (const [index, name] of configMaps.entries()) {
    cluster.put('configmaps', NAMESPACE, { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name }, data: data[index] });
  }
  const nodes = Array.from({ length: scale.nodes }, (_, index) => `edge-${String(index).padStart(5, '0')}`);
  for (const node of nodes) {
    cluster.put('nodes', '', nodeObject(node));
    for (let pod = 0; pod < PODS_PER_NODE; pod += 1) {
      const uses = configMaps.filter((_, index) => index % PODS_PER_NODE === pod);
      cluster.put('pods', NAMESPACE, podObject(`web-${node}-${pod}`, node, uses));
    }
  }
  await cluster.write(file);
  return {
    nodes,
    shared: { name: configMaps[0] ?? '', data: data[0] ?? {}, key: objectKey('configmaps', NAMESPACE, configMaps[0] ?? '') },
  };
}

function podObject(name: string, nodeName: string, configMaps: readonly string[]): KubeObject {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, labels: { app: 'web' } },
    spec: {
      nodeName,
      serviceAccountName: 'default',
      containers: [
        {
          name: 'main',
          image: 'registry.example/main:1',
          envFrom: configMaps.map((use) => ({ configMapRef: { name: use } })),
          resources: { requests: { cpu: '50m', memory: '64Mi' } },
        },
      ],
      restartPolicy: 'Always',
      terminationGracePeriodSeconds: 30,
    },
    status: {
      phase: 'Running',
      conditions: [
        { type: 'Ready', status: 'True' },
        { type: 'ContainersReady', status: 'True' },
      ],
    },
  };
}
