import assert from 'node:assert/strict';
import { it } from 'node:test';
import { leaseCall, linkedCall } from './calls.ts';
import { outcomeOf } from './outcome.ts';
import { session } from './testing/lease-world.ts';

const AT = new Date('2026-03-01T12:00:00.123Z');
const PATH = '/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases';
const renewal = { node: 'edge-1', session: session('edge-1'), beganMs: 0 };
const spec = { holderIdentity: 'edge-1', leaseDurationSeconds: 40, renewTime: '2026-03-01T12:00:00.123000Z' };
const ownerReferences = [{ apiVersion: 'v1', kind: 'Node', name: 'edge-1', uid: 'u1' }];

it('a Lease is made as a kubelet makes it, with six decimals and the Node as owner', () => {
  const { method, path, body, contentType } = leaseCall({ ...renewal, action: { type: 'create', ownerUid: 'u1' } }, AT);
  assert.deepEqual([method, path, contentType], ['POST', PATH, 'application/json']);
  assert.deepEqual(JSON.parse(body ?? ''), {
    apiVersion: 'coordination.k8s.io/v1',
    kind: 'Lease',
    metadata: { name: 'edge-1', namespace: 'kube-node-lease', ownerReferences },
    spec,
  });
});

it('a renewal is one patch: over the last version, with the owner only where it may be another', () => {
  const patch = (action: { ownerUid: string | undefined; version: string | undefined }) => {
    const { method, path, body, contentType } = leaseCall({ ...renewal, action: { type: 'renew', ...action } }, AT);
    assert.deepEqual([method, path, contentType], ['PATCH', `${PATH}/edge-1`, 'application/merge-patch+json']);
    return JSON.parse(body ?? '');
  };
  assert.deepEqual(patch({ ownerUid: undefined, version: '7' }), { metadata: { resourceVersion: '7' }, spec });
  assert.deepEqual(patch({ ownerUid: 'u1', version: undefined }), { metadata: { ownerReferences }, spec });
  assert.deepEqual(patch({ ownerUid: undefined, version: undefined }), { spec });
});

it('a condition and its annotation are one patch of the status, which meets no other Node of that name', () => {
  const write = { node: 'edge-1', uid: 'u1', condition: { state: 'down', sinceMs: 0 }, agentVersion: '1.2' } as const;
  const { method, path, body, contentType } = linkedCall(write, AT);
  assert.deepEqual(
    [method, path, contentType],
    ['PATCH', '/api/v1/nodes/edge-1/status', 'application/strategic-merge-patch+json'],
  );
  const time = '2026-03-01T12:00:00Z';
  assert.deepEqual(JSON.parse(body ?? ''), {
    metadata: { uid: 'u1', annotations: { 'hawser.dev/agent-version': '1.2' } },
    status: {
      conditions: [
        {
          type: 'hawser.dev/Linked',
          status: 'False',
          reason: 'LinkLost',
          message: 'the agent of this node has no link to a relay',
          lastHeartbeatTime: time,
          lastTransitionTime: time,
        },
      ],
    },
  });
  assert.deepEqual(JSON.parse(linkedCall({ ...write, condition: undefined }, undefined).body ?? ''), {
    metadata: { uid: 'u1', annotations: { 'hawser.dev/agent-version': '1.2' } },
  });
});

it('an answer that says nothing of the one Lease is the API server’s failing, any other is about the Lease', () => {
  const status = (code: number) => ({ code, reason: '', message: 'm' });
  assert.deepEqual(outcomeOf({ type: 'refused', status: status(404) }), { type: 'missing' });
  assert.deepEqual(outcomeOf({ type: 'refused', status: status(422) }), { type: 'refused', message: 'm' });
  assert.deepEqual(outcomeOf({ type: 'forbidden', status: status(403) }), { type: 'refused', message: 'm' });
  assert.deepEqual(outcomeOf({ type: 'relayRefused', code: 403, message: 'm' }), {
    type: 'failing',
    message: 'm',
    retryAfterMs: 30_000,
  });
  assert.deepEqual(outcomeOf({ type: 'unavailable', code: 429, message: 'm', retryAfterMs: 7 }), {
    type: 'failing',
    message: 'm',
    retryAfterMs: 7,
  });
});
