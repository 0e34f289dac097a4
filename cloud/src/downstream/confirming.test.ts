import assert from 'node:assert/strict';
import { test } from 'node:test';
import { objectKey } from '@hawser/protocol';
import type { Observed } from '../merge/change.ts';
import { createDownstream } from './downstream.ts';
import { DEFAULT_DOWNSTREAM_LIMITS } from './limits.ts';
import { WATCHED_RESOURCES } from './sync-status.ts';
import { ManualClock } from './testing/manual-clock.ts';
import { ModelAgent } from './testing/model-agent.ts';
import { ModelLink } from './testing/model-link.ts';
import { silentLogger } from './testing/silent-logger.ts';
import { batches, NODE } from './testing/world.ts';

const config = (n: number) => objectKey('configmaps', 'shop', `c-${n}`);

/** A relay that has just listed a Node and `listed` ConfigMaps that its pod needs, all at 50; and what it asks for. */
function started(listed: number) {
  const asked: string[] = [];
  const behind: unknown[] = [];
  const clock = new ManualClock();
  const downstream = createDownstream({
    logger: silentLogger,
    clock,
    requestBody: () => undefined,
    listAgain: (resource) => asked.push(resource),
    onBehind: (node, ahead) => behind.push([node, Object.fromEntries(ahead)]),
  });
  const observed = (key: typeof NODE, fields: object, labels = {}): Observed => {
    const [resource = '', namespace = '', name = ''] = key.split('/');
    const kind = { nodes: 'Node', pods: 'Pod', configmaps: 'ConfigMap' }[resource] ?? '';
    const metadata = { name, ...(namespace === '' ? {} : { namespace }), uid: `uid-${name}`, resourceVersion: '50', labels };
    const text = JSON.stringify({ metadata, ...fields });
    return { key, uid: metadata.uid, resourceVersion: '50', text, type: { apiVersion: 'v1', kind } };
  };
  const put = (...object: Parameters<typeof observed>) => downstream.apply({ type: 'upsert', object: observed(...object) });
  const needs = (count: number) => {
    const volumes = Array.from({ length: count }, (_, n) => ({ configMap: { name: `c-${n}` } }));
    put(objectKey('pods', 'shop', 'cart'), { spec: { nodeName: 'edge-1', volumes, containers: [] } });
  };
  const tell = (resourceVersion = '50') =>
    downstream.setSynced(WATCHED_RESOURCES.map((resource) => ({ resource, state: 'synced', detail: '', resourceVersion })));
  put(NODE, {}, { 'node-role.kubernetes.io/edge': '' });
  needs(listed);
  for (let n = 0; n < listed; n += 1) put(config(n), { data: {} });
  tell();
  return { downstream, asked, behind, clock, observed, put, needs, tell };
}

function holding(count: number, resourceVersion = '40'): ModelAgent {
  const agent = new ModelAgent();
  for (let n = 0; n < count; n += 1) {
    const version = { uid: `uid-c-${n}`, resourceVersion, hash: '0'.repeat(16) };
    agent.held.set(config(n), { version, refused: false, body: undefined });
  }
  return agent;
}

test('most of what a device holds is deleted only when a second list says so too; all else goes meanwhile', () => {
  const { downstream, asked } = started(1);
  const agent = holding(30);
  const link = new ModelLink(agent, downstream, 'edge-1');
  link.drain();
  assert.deepEqual(asked.sort(), ['configmaps', 'nodes', 'pods']);
  assert.equal(agent.held.size, 32, 'the Node and the pod have come, nothing has gone');
  assert.equal(batches(link).at(-1)?.complete, true);
  assert.equal(link.session.status().state, 'syncing');
  assert.match(link.session.status().detail, /lists once more/);
  downstream.listedAgain('configmaps');
  downstream.listedAgain('pods');
  link.drain();
  assert.equal(agent.held.size, 32);
  downstream.listedAgain('nodes');
  link.drain();
  assert.equal(agent.held.size, 3);
  assert.equal(link.session.status().state, 'inSync');
});

test('deletes that are confirmed still wait for the mark of completeness, where a body is long in coming', () => {
  const { downstream, asked, clock, observed, put } = started(1);
  const late = observed(config(40), { data: {} });
  downstream.apply({ type: 'upsert', object: { ...late, text: undefined } });
  const volumes = [{ configMap: { name: 'c-40' } }];
  put(objectKey('pods', 'shop', 'second'), { spec: { nodeName: 'edge-1', volumes, containers: [] } });
  const agent = holding(30);
  const link = new ModelLink(agent, downstream, 'edge-1');
  link.drain();
  clock.advance(DEFAULT_DOWNSTREAM_LIMITS.bodyWaitMs);
  link.drain();
  assert.equal(asked.length, 3);
  for (const resource of asked) downstream.listedAgain(resource);
  link.drain();
  assert.ok(batches(link).every(({ complete }) => !complete));
  assert.equal([...agent.held.keys()].filter((key) => key.startsWith('configmaps/')).length, 30, 'nothing has gone');
  downstream.provideBody(late);
  link.drain();
  const marked = batches(link).findIndex(({ complete }) => complete);
  const deleting = batches(link).findIndex(({ operations }) => operations.some(({ change }) => change.type === 'delete'));
  assert.ok(marked >= 0 && deleting >= marked, `marked in ${marked}, deleted in ${deleting}`);
  assert.equal([...agent.held.keys()].filter((key) => key.startsWith('configmaps/')).length, 2);
});

test('what a second list brings after all stays', () => {
  const { downstream, put, needs, tell } = started(1);
  const agent = holding(30);
  const link = new ModelLink(agent, downstream, 'edge-1');
  link.drain();
  for (let n = 0; n < 30; n += 1) put(config(n), { data: {} });
  needs(30);
  // Of the same resourceVersion, as no second list could give it; a real one has another.
  tell('51');
  downstream.apply({ type: 'delete', key: objectKey('pods', 'shop', 'cart'), uid: 'uid-cart', resourceVersion: '51' });
  needs(30);
  for (const resource of ['nodes', 'pods', 'configmaps']) downstream.listedAgain(resource);
  link.drain();
  assert.equal([...agent.held.keys()].filter((key) => key.startsWith('configmaps/')).length, 30);
  assert.ok(batches(link).every(({ operations }) => operations.every(({ change }) => change.type !== 'delete')));
});

test('one confirmation does for all sessions and for good', () => {
  const { downstream, asked } = started(1);
  new ModelLink(holding(30), downstream, 'edge-1').drain();
  for (const resource of asked) downstream.listedAgain(resource);
  const agent = holding(30);
  const link = new ModelLink(agent, downstream, 'edge-1');
  link.drain();
  assert.equal(agent.held.size, 3);
  assert.equal(asked.length, 3);
});

test('few deletes, or less than half, are an ordinary change', () => {
  for (const [held, listed] of [
    [11, 1],
    [30, 15],
  ] as const) {
    const { downstream, asked } = started(listed);
    const agent = holding(held);
    new ModelLink(agent, downstream, 'edge-1').drain();
    assert.deepEqual(asked, []);
    assert.equal(agent.held.size, listed + 2);
  }
});

test('a session that is behind its agent is told of each half minute, until it is not or has gone', () => {
  const { downstream, behind, clock, tell } = started(1);
  const agent = holding(3, '90');
  agent.held.set(NODE, {
    version: { uid: 'uid-edge-1', resourceVersion: '70', hash: '0'.repeat(16) },
    refused: false,
    body: undefined,
  });
  const link = new ModelLink(agent, downstream, 'edge-1');
  link.drain();
  clock.advance(29_999);
  assert.deepEqual(behind, []);
  clock.advance(1);
  assert.deepEqual(behind, [['edge-1', { nodes: '70', configmaps: '90' }]]);
  tell('80');
  link.drain();
  clock.advance(30_000);
  assert.deepEqual(behind.slice(1), [['edge-1', { configmaps: '90' }]]);
  tell('90');
  link.drain();
  clock.advance(60_000);
  assert.equal(behind.length, 2);
  downstream.close();
  assert.equal(clock.timers, 0);
});
