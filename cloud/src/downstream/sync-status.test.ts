import assert from 'node:assert/strict';
import { test } from 'node:test';
import { objectKey } from '@hawser/protocol';
import type { ReflectorStatus } from '../merge/change.ts';
import { WATCHED } from '../watching.ts';
import { SyncStatus, WATCHED_RESOURCES } from './sync-status.ts';

const SLICE = objectKey('discovery.k8s.io/endpointslices', 'shop', 'web-1');

function statuses(changes: Record<string, Partial<ReflectorStatus>> = {}): ReflectorStatus[] {
  return WATCHED_RESOURCES.map((resource) => ({
    resource,
    state: 'synced',
    detail: '',
    resourceVersion: '100',
    ...changes[resource],
  }));
}

function told(changes?: Record<string, Partial<ReflectorStatus>>): SyncStatus {
  const sync = new SyncStatus();
  sync.set(statuses(changes));
  return sync;
}

test('what the relay waits for before it sends is exactly what it watches', () => {
  assert.deepEqual(WATCHED.map(({ resource }) => resource).sort(), [...WATCHED_RESOURCES].sort());
});

test('a resource is as far as its own reflector, whatever its group', () => {
  const sync = told({ 'discovery.k8s.io/endpointslices': { resourceVersion: '99' } });
  assert.equal(sync.isSynced, true);
  assert.equal(sync.hasReached(SLICE, '99'), true);
  assert.equal(sync.hasReached(SLICE, '100'), false);
  assert.equal(sync.hasReached(objectKey('services', 'shop', 'web'), '100'), true);
});

test('a resource that the server does not have is synced and empty: nothing of it can still come', () => {
  const sync = told({ 'discovery.k8s.io/endpointslices': { state: 'notServed', resourceVersion: undefined } });
  assert.equal(sync.isSynced, true);
  assert.equal(sync.hasReached(SLICE, '12345'), true);
});

test('of what is missing a few are named, those that fail first, and the rest counted', () => {
  const listing = { state: 'listing', resourceVersion: undefined } as const;
  const sync = told({
    pods: listing,
    secrets: listing,
    services: listing,
    endpoints: listing,
    'node.k8s.io/runtimeclasses': { state: 'failing', detail: 'forbidden (403)' },
  });
  assert.equal(sync.isSynced, false);
  assert.equal(
    sync.detail,
    'the relay has not synced node.k8s.io/runtimeclasses (failing: forbidden (403)), pods (listing), secrets (listing) and 2 more',
  );
  assert.match(new SyncStatus().detail, /^the relay has not synced nodes \(listing\), .* and 11 more$/);
});
