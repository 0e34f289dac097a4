import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseVersion } from './versions.ts';

test('kubelets of 1.30 to 1.36 are started, with whatever a distribution appends', () => {
  assert.deepEqual(parseVersion('Kubernetes v1.36.2\n'), { text: 'v1.36.2', isSupported: true });
  assert.deepEqual(parseVersion('Kubernetes v1.30.14+k3s1\n'), { text: 'v1.30.14+k3s1', isSupported: true });
  for (const old of ['v1.29.9', 'v1.37.0', 'v1.3.0', 'v2.30.0', 'v0.31.0']) {
    assert.deepEqual(parseVersion(`Kubernetes ${old}`), { text: old, isSupported: false });
  }
});

test('what is no version of a kubelet is none', () => {
  for (const text of [
    '',
    'kubelet 1.31',
    'Kubernetes v1.31',
    'Kubernetes 1.31.0',
    'Kubernetes v1.31.0 and more',
    'x\nKubernetes v1.31.0',
  ]) {
    assert.equal(parseVersion(text), undefined, text);
  }
});
