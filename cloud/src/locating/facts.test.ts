import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HawserError } from '@hawser/protocol';
import {
  attachmentNode,
  claimFacts,
  EDGE_LABEL,
  nodeFacts,
  podFacts,
  SERVICE_SCOPE_ANNOTATION,
  sliceService,
  volumeFacts,
} from './facts.ts';
import { MAX_REFERENCES } from './references.ts';

const spec = {
  nodeName: 'edge-1',
  serviceAccountName: 'runner',
  volumes: [{ configMap: { name: 'a' } }, { secret: { secretName: 'b' } }, { persistentVolumeClaim: { claimName: 'c' } }],
};

test('of a pod its node is kept, and all that it needs to start, its Namespace first', () => {
  const facts = podFacts(JSON.stringify({ metadata: { name: 'cart', namespace: 'shop' }, spec }));
  const needs = [
    'namespaces//shop',
    'configmaps/shop/a',
    'secrets/shop/b',
    'persistentvolumeclaims/shop/c',
    'serviceaccounts/shop/runner',
  ];
  assert.deepEqual(facts, { node: 'edge-1', needs, truncated: false });
});

test('a mirror pod, which a device makes for itself, opens no way to anything', () => {
  const annotations = { 'kubernetes.io/config.mirror': 'd41d8cd9' };
  const facts = podFacts(JSON.stringify({ metadata: { name: 'cart', namespace: 'shop', annotations }, spec }));
  assert.deepEqual(facts, { node: 'edge-1', needs: [], truncated: false });
});

test('a pod that is not scheduled has no node', () => {
  assert.equal(podFacts('{"metadata":{"namespace":"shop"},"spec":{"nodeName":""}}').node, undefined);
});

test('a pod that names more than is located says so', () => {
  const imagePullSecrets = Array.from({ length: MAX_REFERENCES }, (_, n) => ({ name: `s${n}` }));
  assert.equal(podFacts(JSON.stringify({ metadata: { namespace: 'shop' }, spec: { imagePullSecrets } })).truncated, true);
});

test('the edge label counts with any value, and only on the Node itself', () => {
  const labelled = (labels: unknown) => nodeFacts(JSON.stringify({ metadata: { labels } })).labelled;
  assert.equal(labelled({ [EDGE_LABEL]: '' }), true);
  assert.equal(labelled({ [EDGE_LABEL]: 'false' }), true);
  assert.equal(labelled({ [EDGE_LABEL]: null }), false);
  assert.equal(labelled({ 'node-role.kubernetes.io/worker': '' }), false);
  assert.equal(labelled(undefined), false);
});

test('the service scope is what the annotation says, and that it says nothing known is told apart', () => {
  const scope = (annotation?: unknown) =>
    nodeFacts(JSON.stringify({ metadata: { annotations: { [SERVICE_SCOPE_ANNOTATION]: annotation } } })).serviceScope;
  assert.deepEqual(['cluster', 'none', 'namespaces'].map(scope), ['cluster', 'none', 'namespaces']);
  assert.equal(scope(), 'namespaces');
  for (const other of ['Cluster', '', 'all', 7, null]) assert.equal(scope(other), 'unknown');
});

test('a claim leads to the volume that it names', () => {
  assert.equal(claimFacts('{"spec":{"volumeName":"disk"}}').volume, 'persistentvolumes//disk');
  for (const spec of [{}, { volumeName: '' }, { volumeName: 'a/b' }, { volumeName: 7 }, null]) {
    assert.equal(claimFacts(JSON.stringify({ spec })).volume, undefined);
  }
});

const claimRef = { namespace: 'shop', name: 'data' };
const secretRef = { name: 'key', namespace: 'storage' };
const ofClaim = { name: 'key' };
/** Every place in core/v1 PersistentVolumeSpec (Kubernetes 1.36) that names a Secret, and what a kubelet may read of it. */
const volumes: readonly (readonly [string, object, readonly string[]])[] = [
  ['azureFile', { azureFile: { secretName: 'key', secretNamespace: 'storage' } }, ['secrets/storage/key']],
  ['azureFile in the namespace of the claim', { azureFile: { secretName: 'key' } }, ['secrets/shop/key']],
  ['cephfs', { cephfs: { secretRef } }, ['secrets/storage/key']],
  ['cinder', { cinder: { secretRef } }, ['secrets/storage/key']],
  ['flexVolume', { flexVolume: { secretRef } }, ['secrets/storage/key']],
  ['iscsi', { iscsi: { secretRef } }, ['secrets/storage/key']],
  ['rbd in the namespace of the claim', { rbd: { secretRef: ofClaim } }, ['secrets/shop/key']],
  ['scaleIO', { scaleIO: { secretRef } }, ['secrets/storage/key']],
  ['storageos', { storageos: { secretRef } }, ['secrets/storage/key']],
  [
    'csi, for the kubelet',
    {
      csi: {
        nodePublishSecretRef: { ...secretRef, name: 'publish' },
        nodeStageSecretRef: { ...secretRef, name: 'stage' },
        nodeExpandSecretRef: { ...secretRef, name: 'expand' },
      },
    },
    ['secrets/storage/publish', 'secrets/storage/stage', 'secrets/storage/expand'],
  ],
  ['csi, for the controllers', { csi: { controllerPublishSecretRef: secretRef, controllerExpandSecretRef: secretRef } }, []],
  ['hostPath, nfs, local', { hostPath: { path: '/' }, nfs: { server: 's' }, local: { path: '/' } }, []],
  ['names that cannot be', { rbd: { secretRef: { name: '../x', namespace: 'storage' } }, iscsi: { secretRef: 7 } }, []],
];
for (const [what, source, secrets] of volumes) {
  test(`of a PersistentVolume its claim is kept, and the Secrets: ${what}`, () => {
    const facts = volumeFacts(JSON.stringify({ spec: { claimRef, ...source } }));
    assert.deepEqual(facts, { claim: 'persistentvolumeclaims/shop/data', secrets });
  });
}

test('a PersistentVolume that is free leads to no Secret', () => {
  for (const claim of [undefined, null, {}, { name: 'data' }, { namespace: 'shop' }, { namespace: 'a/b', name: 'data' }]) {
    const facts = volumeFacts(JSON.stringify({ spec: { claimRef: claim, rbd: { secretRef } } }));
    assert.deepEqual(facts, { claim: undefined, secrets: [] });
  }
});

test('a VolumeAttachment is where it says, an EndpointSlice of the Service that its label names', () => {
  assert.equal(attachmentNode('{"spec":{"nodeName":"edge-1"}}'), 'edge-1');
  assert.equal(attachmentNode('{"spec":{}}'), undefined);
  assert.equal(sliceService('{"metadata":{"labels":{"kubernetes.io/service-name":"web"}}}'), 'web');
  assert.equal(sliceService('{"metadata":{}}'), undefined);
});

for (const text of ['', 'c2VjcmV0', '["c2VjcmV0"]', 'null', '7', '{"data":"c2VjcmV0"']) {
  test(`text that is no object is an error whose message quotes none of it: ${JSON.stringify(text)}`, () => {
    for (const read of [podFacts, nodeFacts, claimFacts, volumeFacts, attachmentNode, sliceService]) {
      assert.throws(
        () => read(text),
        (error) => error instanceof HawserError && error.code === 'malformed_object' && !error.message.includes('c2VjcmV0'),
      );
    }
  });
}
