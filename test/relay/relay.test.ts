import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Digest, type KubeObject, objectKey } from '@hawser/protocol';
import { createCredentials } from '../apiserver/credentials.ts';
import { relayBindings } from '../apiserver/relay-identity.ts';
import { startEmbeddedApiServer } from '../apiserver/server.ts';
import { freePort } from '../support/free-port.ts';
import { until } from '../support/until.ts';
import { configMap, EDGE_LABEL, pod, ready, registration, relayFor, start, statusOf } from './cluster.ts';

test('a device registers, gets its pod and what the pod needs, follows changes, and reports back', async (t) => {
  const { kube, relay, dial } = await start(t);
  await ready(relay);
  const { agent, welcome } = await dial('edge-1');
  assert.equal(welcome.nodeName, 'edge-1');
  assert.equal(welcome.clusterUid, (await kube.get('namespaces', '', 'kube-system'))?.metadata.uid);
  assert.equal(welcome.status.state, 'nodeMissing');

  const registered = await agent.report(registration('edge-1'));
  assert.ok(registered.type === 'applied', JSON.stringify(registered));
  assert.equal((await kube.get('nodes', '', 'edge-1'))?.metadata.labels?.[EDGE_LABEL], '');
  await agent.state('inSync');

  await kube.create(configMap('settings', { colour: 'red' }));
  await kube.create(configMap('of-nobody', { colour: 'grey' }));
  await kube.create(pod('front', 'edge-1', 'settings'));
  const podKey = objectKey('pods', 'default', 'front');
  const configKey = objectKey('configmaps', 'default', 'settings');
  const held = await agent.holds(podKey);
  await agent.holds(configKey);

  await kube.patch('configmaps', 'default', 'settings', { data: { colour: 'blue' } });
  await agent.holds(configKey, (object) => JSON.stringify(object.data) === '{"colour":"blue"}');

  const outcome = await agent.report(statusOf('front', held.version.uid, 'Running'));
  assert.ok(outcome.type === 'applied', JSON.stringify(outcome));
  const inCloud = await kube.get('pods', 'default', 'front');
  assert.deepEqual(inCloud?.status && (inCloud.status as KubeObject).phase, 'Running');
  await agent.holds(podKey, (object) => object.metadata.resourceVersion === outcome.resourceVersion);

  await kube.remove('pods', 'default', 'front', 0);
  await agent.lacks(podKey);
  await agent.lacks(configKey);
  await agent.state('inSync');
  assert.equal(agent.held.has(objectKey('configmaps', 'default', 'of-nobody')), false);
});

test('what the Node authorizer refuses is refused for good, in its words', async (t) => {
  const { kube, relay, dial } = await start(t);
  await ready(relay);
  const { agent } = await dial('edge-1');
  await agent.report(registration('edge-1'));
  await kube.create(configMap('settings', {}));
  const other = await kube.create(pod('others', 'edge-2', 'settings'));
  const outcome = await agent.report(statusOf('others', other.metadata.uid, 'Running'));
  assert.ok(outcome.type === 'refused');
  assert.equal(outcome.code, 403);
  assert.equal((await kube.get('pods', 'default', 'others'))?.metadata.resourceVersion, other.metadata.resourceVersion);
});

test('a report about a pod that was made again never meets the successor', async (t) => {
  const { kube, relay, dial } = await start(t);
  await ready(relay);
  const { agent } = await dial('edge-1');
  await agent.report(registration('edge-1'));
  await kube.create(configMap('settings', {}));
  const first = await kube.create(pod('front', 'edge-1', 'settings'));
  await kube.remove('pods', 'default', 'front', 0);
  const second = await kube.create(pod('front', 'edge-1', 'settings'));
  const status = await agent.report(statusOf('front', first.metadata.uid, 'Failed'));
  assert.equal(status.type, 'refused');
  const removal = await agent.report({
    ...statusOf('front', first.metadata.uid, ''),
    subresource: '',
    operation: { type: 'remove', gracePeriodSeconds: 0 },
  });
  assert.equal(removal.type, 'refused');
  const after = await kube.get('pods', 'default', 'front');
  assert.equal(after?.metadata.resourceVersion, second.metadata.resourceVersion);
});

test('a device that registers again is answered with its Node, and nothing is sent when nothing has changed', async (t) => {
  const { kube, relay, dial } = await start(t);
  await ready(relay);
  const first = await dial('edge-1');
  await first.agent.report(registration('edge-1'));
  await kube.create(configMap('settings', {}));
  await kube.create(pod('front', 'edge-1', 'settings'));
  await first.agent.holds(objectKey('pods', 'default', 'front'));
  await first.agent.holds(objectKey('configmaps', 'default', 'settings'));
  await first.agent.state('inSync');
  first.agent.close();
  await first.agent.closed;

  const digest = new Digest();
  for (const [key, { version }] of first.agent.held) digest.add(key, version);
  const { agent, welcome } = await dial('edge-1', {
    digest: digest.toString(),
    objects: digest.count,
    clusterUid: first.welcome.clusterUid,
  });
  assert.equal(welcome.status.state, 'inSync');
  const node = await kube.get('nodes', '', 'edge-1');
  const again = await agent.report(registration('edge-1'));
  assert.ok(again.type === 'applied', JSON.stringify(again));
  assert.equal(again.uid, node?.metadata.uid);
  assert.deepEqual(
    agent.messages.map(({ type }) => type),
    ['welcome', 'reportAnswer'],
  );
});

test('with labelNodes off a device waits for its label, and is served when someone sets it', async (t) => {
  const { kube, relay, dial } = await start(t, { labelNodes: 'false' });
  await ready(relay);
  const { agent } = await dial('edge-1');
  await agent.report(registration('edge-1'));
  await agent.state('nodeNotLabelled');
  await kube.create(configMap('settings', {}));
  await kube.create(pod('front', 'edge-1', 'settings'));
  await kube.patch('nodes', '', 'edge-1', { metadata: { labels: { [EDGE_LABEL]: '' } } });
  await agent.holds(objectKey('pods', 'default', 'front'));
  await agent.state('inSync');
});

test('a label that was taken off stays off when the device starts again', async (t) => {
  const { kube, relay, dial } = await start(t);
  await ready(relay);
  const { agent } = await dial('edge-1');
  await agent.report(registration('edge-1'));
  await kube.patch('nodes', '', 'edge-1', { metadata: { labels: { [EDGE_LABEL]: null } } });
  await agent.report(registration('edge-1'));
  assert.equal(Object.hasOwn((await kube.get('nodes', '', 'edge-1'))?.metadata.labels ?? {}, EDGE_LABEL), false);
});

test('without an API server the relay listens, is not ready and welcomes nobody; it recovers by itself', async (t) => {
  const credentials = await createCredentials();
  const port = await freePort();
  const first = await startEmbeddedApiServer({ credentials, port });
  await first.close();
  const { relay, dial } = await relayFor(t, first);
  const readiness = relay.readiness();
  assert.ok(readiness.type === 'notReady');
  assert.equal(readiness.waitingFor.length, 16, readiness.waitingFor.join('; '));
  await assert.rejects(dial('edge-1'), /503/);
  const response = await fetch(`http://127.0.0.1:${relay.opsPort}/readyz`);
  assert.equal(response.status, 503);
  assert.match(await response.text(), /waiting for secrets/);

  const api = await startEmbeddedApiServer({ credentials, port });
  t.after(() => api.close());
  await ready(relay);
  const { welcome } = await dial('edge-1');
  assert.equal(welcome.status.state, 'nodeMissing');
  const metrics = await (await fetch(`http://127.0.0.1:${relay.opsPort}/metrics`)).text();
  assert.match(metrics, /^hawser_relay_sessions\{state="nodeMissing"\} 1$/m);
  assert.match(metrics, /^hawser_relay_reflector_state\{resource="pods",state="synced"\} 1$/m);
  assert.match(metrics, /^hawser_relay_reflector_lists_total\{resource="pods"\} 1$/m);
  assert.match(metrics, /^hawser_relay_changes_total\{resource="configmaps",type="upsert"\} [1-9]/m);
});

test('a right that is missing keeps the relay from being ready, and is named', async (t) => {
  const rules = relayBindings('constrained').flatMap((binding) => binding.rules);
  const narrow = { name: 'narrow', token: 'token-of-narrow' };
  const api = await startEmbeddedApiServer({
    tokens: [{ token: narrow.token, user: narrow.name, groups: [] }],
    bindings: [
      {
        subject: { user: narrow.name },
        rules: rules.filter(({ apiGroups }) => apiGroups?.includes('discovery.k8s.io') !== true),
      },
    ],
  });
  t.after(() => api.close());
  const { relay, dial } = await relayFor(t, { kubeconfig: () => api.kubeconfig(narrow) });
  const slices = 'discovery.k8s.io/endpointslices';
  await until('only the EndpointSlices to be missing', 60_000, undefined, async () => {
    const readiness = relay.readiness();
    return readiness.type === 'notReady' && readiness.waitingFor.length === 1;
  });
  const readiness = relay.readiness();
  assert.ok(readiness.type === 'notReady');
  assert.match(readiness.waitingFor.join(), new RegExp(`^${slices}: failing .*forbidden`, 'i'));
  const { welcome } = await dial('edge-1');
  assert.equal(welcome.status.state, 'relaySyncing');
  assert.match(welcome.status.detail, new RegExp(`^the relay has not synced ${slices} \\(failing`));
});
