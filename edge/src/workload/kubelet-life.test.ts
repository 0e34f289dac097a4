import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { KubeObject } from '@hawser/protocol';
import { MemoryStorage } from '../../../test/apiserver/memory-storage.ts';
import { simulatedClock } from '../link/simulated-clock.ts';
import { watchKubelet } from './kubelet-life.ts';

const KEY = { resource: 'coordination.k8s.io/leases', namespace: 'kube-node-lease', name: 'edge-1' };

/** A device whose kubelet is played, Lease by Lease. */
function device() {
  const clock = simulatedClock();
  const storage = new MemoryStorage();
  const life = watchKubelet({ storage, nodeName: 'edge-1', clock });
  const changes: [number, boolean][] = [];
  life.onChange((isAlive) => changes.push([clock.time(), isAlive]));
  const write = (spec: object, { name = 'edge-1', labels = {} }: { name?: string; labels?: Record<string, string> } = {}) => {
    const key = { ...KEY, name };
    const before = storage.get(key);
    const metadata = { name, namespace: KEY.namespace, uid: `uid-${name}`, labels };
    const object: KubeObject = { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata, spec };
    if (before === undefined) storage.commit({ type: 'create', key, object });
    else {
      const expectedRevision = Number(before.metadata.resourceVersion);
      storage.commit({ type: 'update', key, expectedRevision, object, subresource: '', intent: { verb: 'update' } });
    }
  };
  const remove = () => {
    const { uid = '', resourceVersion } = storage.get(KEY)?.metadata ?? {};
    const expectedRevision = Number(resourceVersion);
    storage.commit({ type: 'delete', key: KEY, expectedRevision, expectedUid: uid, gracePeriodSeconds: 0 });
  };
  return { clock, life, changes, write, remove };
}

test('a kubelet is alive from its first renewal on, for as long as its Lease says, and again with the next', () => {
  const { clock, life, changes, write } = device();
  assert.equal(life.isAlive(), false);
  clock.advance(1_000);
  write({ renewTime: 'a', leaseDurationSeconds: 40 });
  for (const renewTime of ['b', 'c', 'd']) {
    clock.advance(10_000);
    write({ renewTime, leaseDurationSeconds: 40 });
  }
  clock.advance(39_999);
  assert.equal(life.isAlive(), true);
  clock.advance(60_000);
  write({ renewTime: 'e', leaseDurationSeconds: 5 });
  clock.advance(5_000);
  assert.deepEqual(changes, [
    [1_000, true],
    [71_000, false],
    [130_999, true],
    [135_999, false],
  ]);
});

test('what is no renewal keeps no kubelet alive: a label, another Lease, no time, a delete', () => {
  const { clock, life, write, remove } = device();
  write({ renewTime: 'a' }, { name: 'edge-2' });
  write({ leaseDurationSeconds: 40 });
  assert.equal(life.isAlive(), false);
  write({ renewTime: 'a' });
  clock.advance(30_000);
  write({ renewTime: 'a' }, { labels: { by: 'somebody' } });
  clock.advance(9_999);
  assert.equal(life.isAlive(), true);
  clock.advance(1);
  assert.equal(life.isAlive(), false);
  remove();
  assert.equal(life.isAlive(), false);
});

test('a duration that is none is taken for the usual one', () => {
  for (const leaseDurationSeconds of [0, -5, 1e9, '40', null]) {
    const { clock, life, write } = device();
    write({ renewTime: 'a', leaseDurationSeconds });
    clock.advance(39_999);
    assert.equal(life.isAlive(), true);
    clock.advance(1);
    assert.equal(life.isAlive(), false);
  }
});

test('a clock that is set changes nothing: time is measured, not read', () => {
  const { clock, life, write } = device();
  write({ renewTime: '2026-01-01T00:00:00.000000Z' });
  clock.set(365 * 86_400_000);
  clock.advance(39_999);
  assert.equal(life.isAlive(), true);
  clock.set(-2 * 365 * 86_400_000);
  clock.advance(1);
  assert.equal(life.isAlive(), false);
});

test('once closed nobody is told any more', () => {
  const { clock, life, changes, write } = device();
  write({ renewTime: 'a' });
  life.close();
  clock.advance(60_000);
  write({ renewTime: 'b' });
  assert.deepEqual(changes, [[0, true]]);
});
