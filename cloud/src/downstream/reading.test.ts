import assert from 'node:assert/strict';
import { test } from 'node:test';
import { objectKey } from '@hawser/protocol';
import { CONFIG, EDGE, NODE, POD, podFields, setUp } from './testing/world.ts';

const OTHERS = objectKey('configmaps', 'shop', 'others');
const MISSING = objectKey('configmaps', 'shop', 'missing');

test('a node is told of what it needs and there is, that there is none, and nothing of what it does not need', () => {
  const { cluster, relay } = setUp();
  cluster.put(POD, podFields('edge-1', 'cart', 'missing'));
  cluster.put(CONFIG, { data: { key: 'value' } });
  cluster.put(OTHERS, {});
  relay.catchUp();
  const { downstream } = relay;
  const found = downstream.read('edge-1', CONFIG);
  assert.equal(found.state === 'found' && JSON.parse(found.text).data.key, 'value');
  assert.equal(downstream.read('edge-1', MISSING).state, 'absent');
  assert.equal(downstream.read('edge-1', OTHERS).state, 'outside');
  assert.equal(downstream.read('edge-2', CONFIG).state, 'outside');
  assert.equal([...downstream.bodiesFor('edge-1', new Set(['configmaps', 'pods']))].length, 2);
  assert.deepEqual([...downstream.bodiesFor('edge-2', new Set(['configmaps']))], []);
});

test('nothing is told while the relay is held, nor to a node that is no edge node any more', () => {
  const { cluster, relay } = setUp();
  cluster.put(POD, podFields('edge-1', 'cart'));
  cluster.put(CONFIG, {});
  relay.catchUp();
  const { downstream } = relay;
  downstream.hold('another cluster');
  assert.deepEqual(downstream.read('edge-1', CONFIG), { state: 'unavailable', detail: 'another cluster' });
  assert.equal(downstream.notSynced(), 'another cluster');
  downstream.hold(undefined);
  assert.equal(downstream.notSynced(), undefined);
  cluster.put(NODE, { ...EDGE, labels: {} });
  relay.catchUp();
  assert.equal(downstream.read('edge-1', CONFIG).state, 'outside');
});
