import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { KubeObject } from '@hawser/protocol';
import { type Action, type ClusterView, EDGE_LABEL, reconcile } from './controllers.ts';

type World = { [list in keyof ClusterView]: KubeObject[] };

function node(name: string, labels: Record<string, string> = { [EDGE_LABEL]: '' }): KubeObject {
  return { apiVersion: 'v1', kind: 'Node', metadata: { name, uid: `uid-${name}`, labels } };
}

function workload(kind: 'Deployment' | 'DaemonSet', name: string, spec: object): KubeObject {
  const template = { metadata: { labels: { app: name } }, spec: { containers: [{ name: 'c' }], ...spec } };
  return {
    apiVersion: 'apps/v1',
    kind,
    metadata: { name, namespace: 'shop', uid: `uid-${name}` },
    spec: { replicas: 3, selector: { matchLabels: { app: name } }, template },
  };
}

/** Carries out actions until none is left, as an API server and a loop would. */
function settle(world: World): Action[] {
  const done: Action[] = [];
  for (let round = 0; round < 20; round++) {
    const actions = reconcile(world);
    if (actions.length === 0) return done;
    for (const action of actions) {
      done.push(action);
      if (action.type === 'create') {
        const object = { ...action.object, metadata: { ...action.object.metadata, uid: `uid-${action.object.metadata.name}` } };
        (object.kind === 'Pod' ? world.pods : world.replicaSets).push(object);
      } else if (action.type === 'bind') {
        const index = world.pods.findIndex((pod) => pod.metadata.name === action.pod);
        const pod = world.pods[index];
        assert.ok(pod);
        world.pods[index] = { ...pod, spec: { ...(pod.spec as object), nodeName: action.node } };
      }
    }
  }
  throw new Error('does not settle');
}

function world(parts: Partial<World>): World {
  return { nodes: [], deployments: [], replicaSets: [], daemonSets: [], pods: [], ...parts };
}

const perNode = (pods: KubeObject[]) => {
  const counts: Record<string, number> = {};
  for (const pod of pods) {
    const name = String((pod.spec as { nodeName?: string }).nodeName);
    counts[name] = (counts[name] ?? 0) + 1;
  }
  return counts;
};

test('a Deployment becomes one ReplicaSet and its pods, spread over the edge nodes', () => {
  const w = world({ nodes: [node('a'), node('b')], deployments: [workload('Deployment', 'web', {})] });
  settle(w);
  assert.equal(w.replicaSets.length, 1);
  assert.equal(w.pods.length, 3);
  assert.deepEqual(Object.values(perNode(w.pods)).sort(), [1, 2]);
});

test('a DaemonSet becomes a pod on each edge node, and on one that comes later', () => {
  const w = world({ nodes: [node('a'), node('cloud', {})], daemonSets: [workload('DaemonSet', 'reader', {})] });
  settle(w);
  assert.deepEqual(perNode(w.pods), { a: 1 });
  w.nodes.push(node('b'));
  settle(w);
  assert.deepEqual(perNode(w.pods), { a: 1, b: 1 });
});

test('a pod whose nodeSelector no node matches stays unbound', () => {
  const w = world({ nodes: [node('a')], deployments: [workload('Deployment', 'web', { nodeSelector: { zone: 'x' } })] });
  settle(w);
  assert.deepEqual(perNode(w.pods), { undefined: 3 });
});

test('a pod with a scheduling gate is bound when the gate is gone', () => {
  const gates = [{ name: 'example.com/later' }];
  const w = world({ nodes: [node('a')], deployments: [workload('Deployment', 'web', { schedulingGates: gates })] });
  settle(w);
  assert.deepEqual(perNode(w.pods), { undefined: 3 });
  w.pods.splice(0, 3, ...w.pods.map((pod) => ({ ...pod, spec: { ...(pod.spec as object), schedulingGates: [] } })));
  settle(w);
  assert.deepEqual(perNode(w.pods), { a: 3 });
});

test('a settled cluster gives nothing to do', () => {
  const w = world({
    nodes: [node('a')],
    deployments: [workload('Deployment', 'web', {})],
    daemonSets: [workload('DaemonSet', 'r', {})],
  });
  settle(w);
  assert.deepEqual(reconcile(w), []);
});
