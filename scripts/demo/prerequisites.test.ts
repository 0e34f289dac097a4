import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { KubeObject } from '@hawser/protocol';
import { prerequisitesOf } from './prerequisites.ts';

const workload: KubeObject = {
  apiVersion: 'apps/v1',
  kind: 'DaemonSet',
  metadata: { name: 'dns', namespace: 'dns-system' },
  spec: { template: { spec: { serviceAccountName: 'dns' } } },
};
const names = (objects: readonly KubeObject[]) => objects.map(({ kind, metadata }) => `${kind} ${metadata.name}`);

test('namespaces and accounts that no manifest holds are named once, namespaces first', () => {
  assert.deepEqual(names(prerequisitesOf([workload, workload])), ['Namespace dns-system', 'ServiceAccount dns']);
});

test('what a manifest holds is left to it', () => {
  const namespace: KubeObject = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'dns-system' } };
  const account: KubeObject = { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'dns', namespace: 'dns-system' } };
  assert.deepEqual(prerequisitesOf([workload, namespace, account]), []);
});
