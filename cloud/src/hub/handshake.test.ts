import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DICTIONARIES, type Hello } from '@hawser/protocol';
import { type EpochMeeting, greet } from './handshake.ts';

const RELAY = { relayVersion: '0.1.0', clusterUid: 'c0ffee00-0000-4000-8000-000000000001' };
const EPOCHS: EpochMeeting = { current: 1, meet: () => ({ type: 'met' }) };
const HELLO: Hello = {
  type: 'hello',
  protocolVersions: [1],
  features: [],
  dictionaries: [],
  agentVersion: '0.1.0',
  storeId: '0'.repeat(32),
  clusterUid: undefined,
  digest: '0'.repeat(32),
  objects: 0,
  epoch: undefined,
  authorities: undefined,
  clusterKeys: undefined,
};

test('a new store is welcomed under the name in the certificate, and told the cluster', () => {
  const greeting = greet({ ...HELLO, protocolVersions: [99, 1], features: ['unheard-of'] }, 'edge-1', RELAY, EPOCHS);
  assert.equal(greeting.type, 'accepted');
  assert.deepEqual(greeting.welcome, {
    type: 'welcome',
    protocolVersion: 1,
    features: [],
    dictionaries: [],
    relayVersion: '0.1.0',
    clusterUid: RELAY.clusterUid,
    epoch: 1,
    nodeName: 'edge-1',
  });
});

test('features and static dictionaries are those that both have', () => {
  const [dictionary] = DICTIONARIES;
  assert.ok(dictionary);
  const offer = { features: ['delta', 'unheard-of'], dictionaries: ['0'.repeat(16), dictionary.id] };
  const greeting = greet({ ...HELLO, ...offer }, 'edge-1', RELAY, EPOCHS);
  assert.equal(greeting.type, 'accepted');
  assert.deepEqual(greeting.welcome.features, ['delta']);
  assert.deepEqual(greeting.welcome.dictionaries, [dictionary.id]);
});

test('a store of the same cluster is welcomed', () => {
  assert.equal(greet({ ...HELLO, clusterUid: RELAY.clusterUid }, 'edge-1', RELAY, EPOCHS).type, 'accepted');
});

test('a store of another cluster is turned away, with a wait', () => {
  const greeting = greet({ ...HELLO, clusterUid: 'another' }, 'edge-1', RELAY, EPOCHS);
  assert.equal(greeting.type, 'refused');
  assert.equal(greeting.ending.close, 'wrongCluster');
  assert.ok(greeting.ending.retryAfterMs > 0);
});

test('without a common version both lists are named', () => {
  const greeting = greet({ ...HELLO, protocolVersions: [7, 8] }, 'edge-1', RELAY, EPOCHS);
  assert.equal(greeting.type, 'refused');
  assert.equal(greeting.ending.close, 'noCommonVersion');
  assert.match(greeting.ending.detail, /the relay has 1, the agent 7, 8/);
});

test('the epoch in which the agent was in sync is met first, and the welcome names what came of it', () => {
  const met: unknown[] = [];
  const epochs = {
    current: 1,
    meet(node: string, claimed: number) {
      met.push([node, claimed]);
      this.current = Math.max(this.current, claimed);
      return { type: 'met' } as const;
    },
  };
  const greeting = greet({ ...HELLO, epoch: 4 }, 'edge-1', RELAY, epochs);
  assert.equal(greeting.type, 'accepted');
  assert.equal(greeting.welcome.epoch, 4);
  greet(HELLO, 'edge-2', RELAY, epochs);
  assert.deepEqual(met, [
    ['edge-1', 4],
    ['edge-2', 1],
  ]);
});

test('an epoch that is not believed is turned away, with a wait', () => {
  const epochs: EpochMeeting = { current: 1, meet: () => ({ type: 'refused', detail: 'made up' }) };
  const greeting = greet({ ...HELLO, epoch: 4 }, 'edge-1', RELAY, epochs);
  assert.equal(greeting.type, 'refused');
  assert.equal(greeting.ending.detail, 'made up');
  assert.ok(greeting.ending.retryAfterMs > 0);
});

test('a store of another cluster has no say in the epoch', () => {
  const epochs: EpochMeeting = { current: 1, meet: () => assert.fail('its epoch is of another cluster') };
  assert.equal(greet({ ...HELLO, clusterUid: 'another', epoch: 4 }, 'edge-1', RELAY, epochs).type, 'refused');
});
