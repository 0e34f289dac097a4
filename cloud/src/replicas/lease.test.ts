import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { leaseText, microTime, type NodeFields, type ReplicaFields, readLease } from './lease.ts';
import { nodeLeaseName, replicaLeaseName } from './names.ts';

const DNS_SUBDOMAIN = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;

const NODE: NodeFields = {
  type: 'node',
  node: 'edge-1',
  holder: 'relay-a',
  epoch: 7,
  sessionId: '0123456789abcdef',
  previousSessionId: '',
  storeId: '1'.repeat(32),
  agentVersion: '0.1.0',
  linkState: 'up',
  linkStateSince: '2030-01-01T00:00:00.000Z',
  acquireTime: '2030-01-01T00:00:00.000000Z',
};
const REPLICA: ReplicaFields = {
  type: 'replica',
  replica: 'relay-a',
  process: 'p1',
  durationSeconds: 30,
  acquireTime: '2030-01-01T00:00:00.000000Z',
  renewTime: '2030-01-01T00:00:10.000000Z',
};

/** What the API server makes of a text that was written. */
function stored(text: string, metadata: object = {}): string {
  const lease = JSON.parse(text);
  return JSON.stringify({ ...lease, metadata: { uid: 'u', resourceVersion: '12', ...lease.metadata, ...metadata } });
}

test('the name of a Lease is one that the API server takes, is the plain one where it can be, and stands for one name only', () => {
  assert.equal(nodeLeaseName('edge-1.site'), 'node-edge-1.site');
  assert.equal(replicaLeaseName('hawser-relay-7c9f-x2'), 'relay-hawser-relay-7c9f-x2');
  const long = `${'a'.repeat(252)}`;
  assert.notEqual(nodeLeaseName(`${long}b`), nodeLeaseName(`${long}c`));
  assert.notEqual(replicaLeaseName('Relay A'), replicaLeaseName('relay-a'));
  fc.assert(
    fc.property(fc.string({ maxLength: 300, unit: 'grapheme' }), (text) => {
      for (const name of [nodeLeaseName(text), replicaLeaseName(text)])
        assert.ok(name.length <= 253 && DNS_SUBDOMAIN.test(name), name);
    }),
  );
});

test('what is written is read back the same, with what the API server adds', () => {
  const names = { name: 'node-edge-1', uid: 'u', resourceVersion: '12' };
  assert.deepEqual(readLease(stored(leaseText(NODE, 'node-edge-1'))), { ...NODE, ...names });
  assert.deepEqual(readLease(stored(leaseText(REPLICA, 'relay-relay-a'))), { ...REPLICA, ...names, name: 'relay-relay-a' });
  const update = JSON.parse(leaseText(NODE, 'node-edge-1', { uid: 'u', resourceVersion: '11' }));
  assert.deepEqual([update.metadata.uid, update.metadata.resourceVersion], ['u', '11']);
});

test('times have six decimals', () => {
  assert.equal(microTime(Date.UTC(2030, 0, 1, 0, 0, 0, 25)), '2030-01-01T00:00:00.025000Z');
});

test('what is no Lease of ours is not read as one', () => {
  const node = leaseText(NODE, 'node-edge-1');
  for (const [what, text] of [
    ['no JSON', '{'],
    ['a list', '[]'],
    ['no label', stored(node, { labels: {} })],
    ['another label', stored(node, { labels: { 'hawser.dev/lease': 'another' } })],
    ['a name that is not that of its node', stored(node, { name: 'node-edge-2' })],
    ['no uid', stored(node, { uid: '' })],
    ['a resourceVersion that is no number', stored(node, { resourceVersion: 'x' })],
    ['a replica without a name', stored(leaseText({ ...REPLICA, replica: '' }, 'relay-relay-a'))],
  ] as const) {
    assert.equal(readLease(text), undefined, what);
  }
});

test('what somebody has edited out or made wrong reads as nothing', () => {
  const lease = JSON.parse(stored(leaseText(NODE, 'node-edge-1')));
  lease.metadata.annotations = {
    'hawser.dev/link-state': 'sideways',
    'hawser.dev/store-id': 7,
    'hawser.dev/agent-version': 'x'.repeat(9999),
  };
  lease.spec = { leaseTransitions: -3, holderIdentity: null };
  const read = readLease(JSON.stringify(lease));
  assert.ok(read?.type === 'node');
  const { node, holder, epoch, sessionId, storeId, linkState } = read;
  assert.deepEqual(
    { node, holder, epoch, sessionId, storeId, linkState },
    { node: 'edge-1', holder: '', epoch: 0, sessionId: '', storeId: '', linkState: 'unknown' },
  );
  assert.equal(read.agentVersion.length, 253);
});

test('any JSON can be asked whether it is a Lease', () => {
  fc.assert(fc.property(fc.json(), (text) => readLease(text) === undefined));
});
