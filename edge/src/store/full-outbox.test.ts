import assert from 'node:assert/strict';
import { it } from 'node:test';
import { resourceById } from '@hawser/protocol';
import { nodeIdentity } from '../api/device/identities.ts';
import { createDevicePolicy } from '../api/device-policy.ts';
import { createRegistry } from '../api/registry/registry.ts';
import { CLUSTER, clock, served, storageKey, testObject, testStore, upsert } from './testing.ts';

it('a write that finds no room is answered with 507, and changes nothing', async (t) => {
  const store = testStore(t, { outboxEntries: 1 });
  const pods = ['a', 'b'].map((name) => storageKey('pods', name));
  store.applyBatch(
    CLUSTER,
    pods.map((pod) => upsert(pod, '10', testObject(pod, `uid-${pod.name}`, { spec: { nodeName: 'edge-1' } }))),
  );
  const policy = createDevicePolicy({ nodeName: 'edge-1', hasSynced: () => true });
  const { patch, delete: remove } = createRegistry({
    storage: store.storage,
    policy,
    clock: { ...clock, after: () => () => undefined },
  });
  const resource = resourceById('pods');
  assert.ok(resource);
  const target = (name: string, subresource: string) => ({ resource, namespace: 'default', name, subresource });
  const node = nodeIdentity('edge-1');
  await patch(node, target('a', 'status'), 'strategic', { status: { phase: 'Running' } });
  const before = served(store, storageKey('pods', 'b'));
  for (const refusedWrite of [
    patch(node, target('b', 'status'), 'strategic', { status: { phase: 'Running' } }),
    remove(node, target('b', ''), { gracePeriodSeconds: 0 }),
  ]) {
    await assert.rejects(refusedWrite, (error: Error & { toStatus(): Record<string, unknown> }) => {
      const { code, reason, status, details } = error.toStatus();
      assert.deepEqual(
        { code, reason, status, details },
        { code: 507, reason: 'InsufficientStorage', status: 'Failure', details: undefined },
      );
      assert.match(error.message, /^the outbox has no room .* and at most 1 entries are kept$/);
      return true;
    });
  }
  assert.deepEqual(served(store, storageKey('pods', 'b')), before);
  await patch(node, target('a', 'status'), 'strategic', { status: { phase: 'Failed' } });
});
