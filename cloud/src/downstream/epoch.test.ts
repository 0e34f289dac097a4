import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { objectKey } from '@hawser/protocol';
import type { Observed } from '../merge/change.ts';
import { createDownstream } from './downstream.ts';
import { WATCHED_RESOURCES } from './sync-status.ts';
import { ManualClock } from './testing/manual-clock.ts';
import { ModelAgent } from './testing/model-agent.ts';
import { ModelLink } from './testing/model-link.ts';
import { silentLogger } from './testing/silent-logger.ts';
import { batches, CONFIG, NODE, POD, sentKinds } from './testing/world.ts';

const OLD = objectKey('configmaps', 'shop', 'old');

/** A relay in an epoch, and what it has read: the Node, a pod that needs CONFIG, and CONFIG. */
function relayIn(epoch: number) {
  let current = epoch;
  const requests: string[] = [];
  const downstream = createDownstream({
    logger: silentLogger,
    clock: new ManualClock(),
    epoch: () => current,
    requestBody: (key) => requests.push(key),
  });
  const put = (object: Observed) => downstream.apply({ type: 'upsert', object });
  const tell = (resourceVersion: string) =>
    downstream.setSynced(WATCHED_RESOURCES.map((resource) => ({ resource, state: 'synced', detail: '', resourceVersion })));
  put(observed(NODE, '10', { labels: { 'node-role.kubernetes.io/edge': '' } }));
  put(observed(POD, '20', {}, { nodeName: 'edge-1', volumes: [{ configMap: { name: 'cart' } }], containers: [] }));
  put(observed(CONFIG, '30', {}, undefined, { n: 'restored' }));
  tell('40');
  return {
    downstream,
    requests,
    put,
    tell,
    setEpoch: (next: number) => {
      current = next;
    },
  };
}

function observed(key: typeof NODE, resourceVersion: string, metadata: object, spec?: object, data?: object): Observed {
  const [resource = '', namespace = '', name = ''] = key.split('/');
  const kind = { nodes: 'Node', pods: 'Pod', configmaps: 'ConfigMap' }[resource] ?? '';
  const uid = `uid-${name}`;
  const scope = namespace === '' ? {} : { namespace };
  const text = JSON.stringify({ metadata: { name, ...scope, uid, resourceVersion, ...metadata }, spec, data });
  return { key, uid, resourceVersion, text, type: { apiVersion: 'v1', kind } };
}

/** Holds a newer version of CONFIG, and an object that the restored cluster has never had. */
function agentIn(epoch: number | undefined): ModelAgent {
  const agent = new ModelAgent();
  agent.epoch = epoch;
  const version = (uid: string, resourceVersion: string) => ({ uid, resourceVersion, hash: '0'.repeat(16) });
  agent.held.set(CONFIG, { version: version('uid-cart', '130'), refused: false, body: undefined });
  agent.held.set(OLD, { version: version('uid-old', '120'), refused: false, body: undefined });
  return agent;
}

describe('an agent whose versions were read before the API server was restored', () => {
  for (const [held, relay] of [
    [1, 2],
    [undefined, 2],
    [2, 5],
  ] as const) {
    test(`is brought to what there is now by hash, and deletes come with or after the mark (${held} and ${relay})`, () => {
      const agent = agentIn(held);
      const link = new ModelLink(agent, relayIn(relay).downstream, 'edge-1');
      link.drain();
      assert.equal(agent.held.get(CONFIG)?.version.resourceVersion, '30');
      assert.deepEqual([...agent.held.keys()].sort(), [CONFIG, NODE, POD].sort());
      assert.equal(link.session.status().state, 'inSync');
      const mark = batches(link).findIndex(({ complete }) => complete);
      const firstDelete = batches(link).findIndex(({ operations }) => operations.some(({ change }) => change.type === 'delete'));
      assert.ok(mark !== -1 && firstDelete >= mark);
    });
  }

  test('waits as ever when it was in the same epoch', () => {
    const agent = agentIn(2);
    const link = new ModelLink(agent, relayIn(2).downstream, 'edge-1');
    link.drain();
    assert.equal(agent.held.get(CONFIG)?.version.resourceVersion, '130');
    assert.equal(link.session.stats().ahead, 2);
  });
});

describe('a relay at the beginning of an epoch', () => {
  test('takes what is listed for new, also under a resourceVersion that it knows', () => {
    const { downstream, put, tell, setEpoch } = relayIn(1);
    const agent = new ModelAgent();
    new ModelLink(agent, downstream, 'edge-1').drain();
    const before = agent.held.get(CONFIG);
    setEpoch(2);
    downstream.beginEpoch();
    put(observed(CONFIG, '30', {}, undefined, { n: 'another' }));
    tell('31');
    const link = new ModelLink(agent, downstream, 'edge-1');
    link.drain();
    const after = agent.held.get(CONFIG);
    assert.equal(after?.version.resourceVersion, '30');
    assert.notEqual(after?.version.hash, before?.version.hash);
    assert.deepEqual(sentKinds(link), ['upsertDelta']);
  });

  test('takes no body that it asked for before, and asks again', () => {
    const { downstream, requests, put } = relayIn(1);
    const late = objectKey('configmaps', 'shop', 'late');
    put({ ...observed(late, '25', {}), text: undefined });
    put(observed(POD, '41', {}, { nodeName: 'edge-1', volumes: [{ configMap: { name: 'late' } }], containers: [] }));
    assert.deepEqual(requests, [late]);
    downstream.beginEpoch();
    downstream.provideBody(observed(late, '140', {}, undefined, { n: 'of the old epoch' }));
    assert.deepEqual(requests, [late, late]);
    downstream.provideBody(observed(late, '25', {}, undefined, { n: 'of the new one' }));
    assert.equal(downstream.stats().missingBodies, 0);
  });
});

test('a relay that is held sends and concludes nothing, and says why', () => {
  const { downstream } = relayIn(1);
  const agent = agentIn(undefined);
  downstream.hold('another cluster');
  const link = new ModelLink(agent, downstream, 'edge-1');
  link.drain();
  assert.deepEqual(link.welcome, { state: 'relaySyncing', detail: 'another cluster' });
  assert.equal(agent.held.size, 2);
  downstream.hold(undefined);
  link.drain();
  assert.equal(link.session.status().state, 'syncing');
  assert.ok(agent.held.has(POD));
});
