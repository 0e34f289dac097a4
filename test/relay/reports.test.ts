import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { isJsonObject, type JsonObject, type KubeObject, objectKey, type Report, type ReportOutcome } from '@hawser/protocol';
import { configMap, pod, ready, registration, start, statusOf } from './cluster.ts';

const POD_KEY = objectKey('pods', 'default', 'front');

type Applied = Extract<ReportOutcome, { type: 'applied' }>;

function applied(outcome: ReportOutcome): Applied {
  assert.ok(outcome.type === 'applied', JSON.stringify(outcome));
  return outcome;
}

/** A cluster with a linked device edge-1 that runs the pod front. */
async function withPod(t: TestContext, flags: Record<string, string> = {}) {
  const cluster = await start(t, flags, { countRequests: true });
  await ready(cluster.relay);
  const { agent } = await cluster.dial('edge-1');
  applied(await agent.report(registration('edge-1')));
  await agent.state('inSync');
  await cluster.kube.create(configMap('settings', {}));
  await cluster.kube.create(pod('front', 'edge-1', 'settings'));
  const { version } = await agent.holds(POD_KEY);
  /** Reports a status; resolves with its answer and how many calls of the API server it took. */
  const report = async (status: JsonObject) => {
    const before = await calls();
    const base = statusOf('front', version.uid, '');
    const body = JSON.stringify({ status });
    const outcome = await agent.report({ ...base, operation: { type: 'patch', patchType: 'strategic', body } });
    return { outcome, calls: (await calls()) - before };
  };
  async function calls(): Promise<number> {
    const { body } = await cluster.kube.raw('GET', '/-/requests');
    assert.ok(Array.isArray(body));
    return body.filter(({ as }) => as === 'system:node:edge-1').reduce((sum, { count }) => sum + count, 0);
  }
  /** Until the device, and so the relay's cache, is at that version. */
  const reached = ({ resourceVersion }: Applied) =>
    agent.holds(POD_KEY, (object) => object.metadata.resourceVersion === resourceVersion);
  const status = async () => {
    const object = await cluster.kube.get('pods', 'default', 'front');
    assert.ok(isJsonObject(object?.status as JsonObject));
    return object?.status as JsonObject;
  };
  return { ...cluster, agent, report, reached, status };
}

const READY = { type: 'Ready', status: 'True', lastProbeTime: null, lastTransitionTime: null };
const GATE = { type: 'example.com/gate', status: 'True', lastProbeTime: null, lastTransitionTime: null };

test('a status that the cluster has already costs no call, and is answered with the version that has it', async (t) => {
  const { report, reached } = await withPod(t);
  const running = { phase: 'Running', conditions: [READY] };
  const first = await report(running);
  assert.equal(first.calls, 1);
  await reached(applied(first.outcome));
  const again = await report(running);
  assert.deepEqual(again, { outcome: first.outcome, calls: 0 });
});

test('A, B and A again while the watch of the relay lags ends with A', async (t) => {
  const { api, report, reached, status } = await withPod(t);
  await reached(applied((await report({ phase: 'Running', message: 'A' })).outcome));
  api.faults.silenceWatches();
  applied((await report({ phase: 'Running', message: 'B' })).outcome);
  const last = await report({ phase: 'Running', message: 'A' });
  assert.equal(last.calls, 1);
  assert.equal((await status()).message, 'A');
  api.faults.speakWatches();
  await reached(applied(last.outcome));
  assert.equal((await report({ phase: 'Running', message: 'A' })).calls, 0);
});

test('what other writers have in the status stays, also what the relay has not seen yet', async (t) => {
  const { api, kube, report, reached, status } = await withPod(t);
  await reached(applied((await report({ phase: 'Running', conditions: [READY] })).outcome));
  await kube.patch('pods', 'default', 'front', { status: { conditions: [READY, GATE] } }, 'status');
  const own = await report({
    message: 'a long text that makes a difference the smaller patch',
    phase: 'Running',
    conditions: [READY],
  });
  await reached(applied(own.outcome));
  assert.deepEqual((await status()).conditions, [READY, GATE]);
  api.faults.silenceWatches();
  const closed = { ...GATE, status: 'False' };
  await kube.patch('pods', 'default', 'front', { status: { conditions: [{ ...READY, status: 'False' }, closed] } }, 'status');
  const late = await report({
    message: 'another one',
    conditions: [{ ...READY, status: 'True' }],
    '$setElementOrder/conditions': [{ type: 'Ready' }],
    phase: 'Running',
  });
  applied(late.outcome);
  const { message, conditions } = await status();
  assert.equal(message, 'another one');
  assert.deepEqual(conditions, [READY, closed], 'as if the whole report had been sent');
  assert.ok(late.calls <= 2);
});

function mirrorPod(nodeUid: string): Omit<Report, 'number'> {
  const name = 'static-edge-1';
  const object: KubeObject = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name,
      namespace: 'default',
      annotations: { 'kubernetes.io/config.mirror': 'abc', 'kubernetes.io/config.hash': 'abc' },
      ownerReferences: [{ apiVersion: 'v1', kind: 'Node', name: 'edge-1', uid: nodeUid, controller: true }],
    },
    spec: { nodeName: 'edge-1', containers: [{ name: 'main', image: 'app:1' }] },
  };
  const operation = { type: 'create', body: JSON.stringify(object) } as const;
  return { resource: 'pods', namespace: 'default', name, uid: undefined, subresource: '', operation };
}

function event(count: number): Omit<Report, 'number'> {
  const involvedObject = { kind: 'Pod', namespace: 'default', name: 'front', uid: 'u' };
  const object: KubeObject = {
    apiVersion: 'v1',
    kind: 'Event',
    metadata: { name: 'front.17', namespace: 'default' },
    involvedObject,
    reason: 'BackOff',
    message: 'again',
    type: 'Warning',
    source: { component: 'kubelet', host: 'edge-1' },
    firstTimestamp: '2026-11-24T00:00:00Z',
    lastTimestamp: `2026-11-24T00:00:0${count}Z`,
    count,
  };
  const operation = { type: 'create', body: JSON.stringify(object) } as const;
  return { resource: 'events', namespace: 'default', name: 'front.17', uid: undefined, subresource: '', operation };
}

test('a create whose answer was lost is answered with the object that it made', async (t) => {
  const { kube, agent } = await withPod(t);
  const mirror = mirrorPod((await kube.get('nodes', '', 'edge-1'))?.metadata.uid ?? '');
  const first = applied(await agent.report(mirror));
  const again = applied(await agent.report(mirror));
  assert.equal(again.uid, first.uid);
  const told = applied(await agent.report(event(1)));
  const counted = applied(await agent.report(event(3)));
  assert.equal(counted.uid, told.uid);
  const [only, ...others] = (await kube.list('events', 'default')).filter(({ reason }) => reason === 'BackOff');
  assert.equal(only?.count, 3);
  assert.deepEqual(others, []);
});

test('an API server that has too much to do is left alone for as long as it asks, and so is told to the device', async (t) => {
  const { api, report } = await withPod(t);
  api.faults.add({
    method: 'PATCH',
    pathPrefix: '/api/v1/namespaces/default/pods',
    fault: { type: 'answer', status: 429, retryAfterSeconds: 2 },
  });
  const beganMs = performance.now();
  const busy = await report({ phase: 'Running' });
  assert.ok(busy.outcome.type === 'unavailable');
  assert.ok(busy.outcome.retryAfterMs >= 2_000);
  applied((await report({ phase: 'Running' })).outcome);
  assert.ok(performance.now() - beganMs > 2_000, 'the second one waited at the relay');
});

test('labels and taints of the settings are on a Node that a device registers, once', async (t) => {
  const { kube, agent } = await withPod(t, {
    nodeLabels: 'node-role.kubernetes.io/gateway=,site=north',
    nodeTaints: 'hawser.dev/edge:NoSchedule',
  });
  const taints = async () => {
    const spec = (await kube.get('nodes', '', 'edge-1'))?.spec as JsonObject | undefined;
    return Array.isArray(spec?.taints) ? spec.taints.filter(isJsonObject).map(({ key, effect }) => `${key}:${effect}`) : [];
  };
  assert.deepEqual(await taints(), ['node.kubernetes.io/not-ready:NoSchedule', 'hawser.dev/edge:NoSchedule']);
  const { labels } = (await kube.get('nodes', '', 'edge-1'))?.metadata ?? {};
  assert.equal(labels?.['node-role.kubernetes.io/gateway'], '');
  assert.equal(labels?.site, 'north');
  await kube.patch('nodes', '', 'edge-1', { metadata: { labels: { site: null } }, spec: { taints: null } });
  applied(await agent.report(registration('edge-1')));
  const after = await kube.get('nodes', '', 'edge-1');
  assert.equal(after?.metadata.labels?.site, undefined);
  assert.deepEqual(await taints(), []);
});
