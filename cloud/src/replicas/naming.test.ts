import assert from 'node:assert/strict';
import { test } from 'node:test';
import { replicaIdentity } from './naming.ts';

const MACHINE = { podName: undefined, hostname: 'host', randomText: 'abcdef0123' };

test('a replica is named by its setting, then its pod, then its host with something random', () => {
  assert.equal(replicaIdentity({ name: 'mine' }, {}, { ...MACHINE, podName: 'relay-5d-x' }).replica, 'mine');
  assert.equal(replicaIdentity({}, {}, { ...MACHINE, podName: 'relay-5d-x' }).replica, 'relay-5d-x');
  assert.equal(replicaIdentity({}, {}, { ...MACHINE, podName: '' }).replica, 'host-abcdef');
});

test('its namespace is that of its setting, then that of pod or kubeconfig, then one of its own', () => {
  assert.equal(replicaIdentity({ namespace: 'set' }, { namespace: 'pods' }, MACHINE).namespace, 'set');
  assert.equal(replicaIdentity({}, { namespace: 'pods' }, MACHINE).namespace, 'pods');
  assert.equal(replicaIdentity({}, {}, MACHINE).namespace, 'hawser-system');
});
