import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { MAX_REFERENCES, references } from './references.ts';

function pod(spec: unknown): unknown {
  return { metadata: { name: 'cart', namespace: 'shop' }, spec };
}

function volume(source: Record<string, unknown>): unknown {
  return { volumes: [{ name: 'data', ...source }] };
}

const secretRef = { name: 'key' };
const env = {
  env: [
    { name: 'A', valueFrom: { configMapKeyRef: { name: 'settings', key: 'a', optional: true } } },
    { name: 'B', valueFrom: { secretKeyRef: { name: 'key', key: 'b' } } },
    { name: 'C', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } },
    { name: 'D', value: 'plain' },
  ],
};
const envFrom = {
  envFrom: [{ prefix: 'X_', configMapRef: { name: 'settings' } }, { secretRef: { name: 'key', optional: true } }],
};
const both = ['configmaps/shop/settings', 'secrets/shop/key'];
const key = ['secrets/shop/key'];

/** Every place in core/v1 PodSpec (Kubernetes 1.36) that names one of the four kinds. */
const places: readonly (readonly [string, unknown, readonly string[]])[] = [
  ['volumes configMap', volume({ configMap: { name: 'settings' } }), ['configmaps/shop/settings']],
  ['volumes configMap optional', volume({ configMap: { name: 'settings', optional: true } }), ['configmaps/shop/settings']],
  ['volumes secret', volume({ secret: { secretName: 'key' } }), key],
  ['volumes secret optional', volume({ secret: { secretName: 'key', optional: true } }), key],
  [
    'volumes projected',
    volume({
      projected: { sources: [{ configMap: { name: 'settings' } }, { secret: secretRef }, { downwardAPI: { items: [] } }] },
    }),
    both,
  ],
  [
    'volumes projected serviceAccountToken',
    { serviceAccountName: 'runner', ...Object(volume({ projected: { sources: [{ serviceAccountToken: { path: 'token' } }] } })) },
    ['serviceaccounts/shop/runner'],
  ],
  [
    'volumes projected serviceAccountToken without account',
    volume({ projected: { sources: [{ serviceAccountToken: { path: 'token' } }] } }),
    ['serviceaccounts/shop/default'],
  ],
  ['volumes projected clusterTrustBundle', volume({ projected: { sources: [{ clusterTrustBundle: { name: 'ca' } }] } }), []],
  [
    'volumes persistentVolumeClaim',
    volume({ persistentVolumeClaim: { claimName: 'disk' } }),
    ['persistentvolumeclaims/shop/disk'],
  ],
  ['volumes ephemeral', volume({ ephemeral: { volumeClaimTemplate: { spec: {} } } }), ['persistentvolumeclaims/shop/cart-data']],
  ['volumes azureFile', volume({ azureFile: { secretName: 'key', shareName: 's' } }), key],
  ['volumes cephfs', volume({ cephfs: { monitors: ['m'], secretRef } }), key],
  ['volumes cinder', volume({ cinder: { volumeID: 'v', secretRef } }), key],
  ['volumes csi', volume({ csi: { driver: 'd', nodePublishSecretRef: secretRef } }), key],
  ['volumes flexVolume', volume({ flexVolume: { driver: 'd', secretRef } }), key],
  ['volumes iscsi', volume({ iscsi: { targetPortal: 't', iqn: 'i', secretRef } }), key],
  ['volumes rbd', volume({ rbd: { monitors: ['m'], image: 'i', secretRef } }), key],
  ['volumes scaleIO', volume({ scaleIO: { gateway: 'g', system: 's', secretRef } }), key],
  ['volumes storageos', volume({ storageos: { volumeName: 'v', secretRef } }), key],
  [
    'volumes hostPath, emptyDir, image',
    { volumes: [{ hostPath: { path: '/' } }, { emptyDir: {} }, { image: { reference: 'r' } }] },
    [],
  ],
  ['containers env', { containers: [env] }, both],
  ['containers envFrom', { containers: [envFrom] }, both],
  ['initContainers env', { initContainers: [env] }, both],
  ['initContainers envFrom', { initContainers: [envFrom] }, both],
  ['ephemeralContainers env', { ephemeralContainers: [env] }, both],
  ['ephemeralContainers envFrom', { ephemeralContainers: [envFrom] }, both],
  ['imagePullSecrets', { imagePullSecrets: [secretRef, { name: 'other' }] }, ['secrets/shop/key', 'secrets/shop/other']],
  ['serviceAccountName', { serviceAccountName: 'runner' }, ['serviceaccounts/shop/runner']],
  ['serviceAccount, the older name', { serviceAccount: 'runner' }, ['serviceaccounts/shop/runner']],
  ['the same name twice', { containers: [env, envFrom] }, both],
];

describe('references of a pod', () => {
  for (const [place, spec, expected] of places) {
    test(`are found in ${place}`, () => assert.deepEqual([...references(pod(spec))].sort(), [...expected].sort()));
  }
});

const malformed: readonly (readonly [string, unknown])[] = [
  ['null', null],
  ['a number', 7],
  ['a list', []],
  ['no metadata', { spec: { serviceAccountName: 'runner' } }],
  ['no namespace', { metadata: { name: 'cart' }, spec: { serviceAccountName: 'runner' } }],
  ['a namespace with a slash', { metadata: { namespace: 'a/b' }, spec: { serviceAccountName: 'runner' } }],
  ['a spec of text', pod('spec')],
  ['volumes that are no list', pod({ volumes: { configMap: { name: 'settings' } } })],
  ['volumes of odd things', pod({ volumes: [null, 1, 'x', [], { configMap: null }, { configMap: 'settings' }, { secret: [] }] })],
  [
    'containers of odd things',
    pod({ containers: [null, { env: 1 }, { env: [null, { valueFrom: [] }] }, { envFrom: [{ secretRef: 3 }] }] }),
  ],
  ['a source list that is none', pod({ volumes: [{ projected: { sources: { secret: secretRef } } }] })],
  ['names that are no text', pod({ imagePullSecrets: [{ name: 7 }, { name: null }, {}], serviceAccountName: {} })],
  [
    'names that cannot be',
    pod({ imagePullSecrets: ['../x', 'a/b', '', '-', 'a b', '.', '..', 'x'.repeat(254)].map((name) => ({ name })) }),
  ],
  ['an inherited field', pod({ volumes: [{ constructor: { name: 'x' } }], __proto__: { serviceAccountName: 'runner' } })],
];

describe('a pod that is no pod', () => {
  for (const [what, value] of malformed) {
    test(`needs nothing: ${what}`, () => assert.deepEqual(references(value), []));
  }

  test('needs what the rest of it names', () => {
    const found = references(pod({ volumes: [{ secret: 1 }, { secret: { secretName: 'key' } }], containers: 'none' }));
    assert.deepEqual(found, key);
  });

  test('is located up to the bound', () => {
    const many = Array.from({ length: MAX_REFERENCES + 10 }, (_, n) => ({ name: `s${n}` }));
    assert.equal(references(pod({ imagePullSecrets: many })).length, MAX_REFERENCES);
  });
});
