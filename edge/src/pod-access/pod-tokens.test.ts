import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type JsonObject, type KubeObject, resourceByKind } from '@hawser/protocol';
import { readKeySet } from './key-set.ts';
import { createPodTokens, EXPIRED_EXTRA, RENEWED_AFTER_MS } from './pod-tokens.ts';
import { ACCOUNT, claimsOf, clusterOf, ISSUER, NOW, newSigner, POD, type Signer, signed } from './testing.ts';

const CLUSTER = newSigner('ES256', 'cluster');

interface Scene {
  readonly held?: readonly KubeObject[];
  readonly linkedForMs?: number;
  readonly at?: number;
  readonly signers?: readonly Signer[];
}

/** A device that is linked and has the pod, unless said otherwise. */
function device({ held = [POD, ACCOUNT], linkedForMs = RENEWED_AFTER_MS, at = NOW + 60_000, signers = [CLUSTER] }: Scene = {}) {
  const cluster = clusterOf(...signers);
  return createPodTokens({
    nodeName: 'edge-1',
    storage: {
      get: ({ resource, namespace, name }) =>
        held.find(
          ({ apiVersion, kind, metadata }) =>
            resourceByKind(apiVersion, kind)?.id === resource && metadata.namespace === namespace && metadata.name === name,
        ),
    },
    keys: () => (signers.length === 0 ? undefined : { cluster, set: readKeySet(cluster.keySet) }),
    linkedForMs: () => linkedForMs,
    now: () => new Date(at),
  });
}

const tokenOf = (changes: JsonObject = {}, bound: JsonObject = {}) => signed(CLUSTER, claimsOf(changes, bound));

test('a token of a pod that is here is that pod, in the words of the API server', () => {
  assert.deepEqual(device()(tokenOf(), undefined), {
    type: 'valid',
    audiences: [ISSUER],
    identity: {
      name: 'system:serviceaccount:shop:clerk',
      uid: ACCOUNT.metadata.uid,
      groups: ['system:serviceaccounts', 'system:serviceaccounts:shop', 'system:authenticated'],
      extra: {
        'authentication.kubernetes.io/credential-id': ['JTI=an-id'],
        'authentication.kubernetes.io/node-name': ['edge-1'],
        'authentication.kubernetes.io/node-uid': ['00000000-0000-4000-8000-0000000000ff'],
        'authentication.kubernetes.io/pod-name': ['web'],
        'authentication.kubernetes.io/pod-uid': [POD.metadata.uid],
      },
    },
  });
});

test('a token of another cluster is refused: by its key, and with a key that is known by its issuer', () => {
  const other = newSigner('ES256', 'cluster');
  assert.equal(device()(signed(other, claimsOf()), undefined).type, 'invalid', 'another key with the same id');
  assert.equal(device()(signed(newSigner('ES256', 'other'), claimsOf()), undefined).type, 'invalid');
  assert.equal(device()(tokenOf({ iss: 'https://other.example' }), undefined).type, 'invalid');
  assert.equal(device({ signers: [] })(tokenOf(), undefined).type, 'invalid', 'no keys are known');
});

test('keys that are rotated let in the tokens of both, and then of the newer alone', () => {
  const newer = newSigner('RS256', 'newer');
  const [before, after] = [tokenOf(), signed(newer, claimsOf())];
  const typesOf = (...signers: Signer[]) => [before, after].map((token) => device({ signers })(token, undefined).type);
  assert.deepEqual(typesOf(CLUSTER), ['valid', 'invalid']);
  assert.deepEqual(typesOf(CLUSTER, newer), ['valid', 'valid']);
  assert.deepEqual(typesOf(newer), ['invalid', 'valid']);
});

test('a token ends with what it is bound to', () => {
  const without = (...held: KubeObject[]) => device({ held })(tokenOf(), undefined).type;
  const pod = (metadata: object, spec: object = {}): KubeObject => ({
    ...POD,
    metadata: { ...POD.metadata, ...metadata },
    spec: { ...(POD.spec as JsonObject), ...spec },
  });
  assert.equal(without(ACCOUNT), 'invalid', 'the pod has gone');
  assert.equal(without(pod({ uid: 'another' }), ACCOUNT), 'invalid', 'another pod has its name');
  assert.equal(without(pod({}, { serviceAccountName: 'other' }), ACCOUNT), 'invalid');
  assert.equal(without(pod({}, { nodeName: 'edge-2' }), ACCOUNT), 'invalid');
  assert.equal(without(POD), 'invalid', 'the account has gone');
  assert.equal(without(POD, { ...ACCOUNT, metadata: { ...ACCOUNT.metadata, uid: 'another' } }), 'invalid');
  assert.equal(without(pod({ deletionTimestamp: '2026-06-01T00:00:00Z' }), ACCOUNT), 'valid', 'it is still ending');
});

test('a token that is bound to no pod, to one of another node, or that contradicts itself is refused', () => {
  const { pod: _pod, ...unbound } = claimsOf()['kubernetes.io'] as JsonObject;
  const wrong: [JsonObject, JsonObject][] = [
    [{ 'kubernetes.io': unbound }, {}],
    [{ sub: 'system:serviceaccount:shop:owner' }, {}],
    [{ sub: 'system:admin' }, {}],
    [{}, { namespace: 'bank' }],
    [{}, { node: { name: 'edge-2' } }],
    [{}, { serviceaccount: { name: 'clerk' } }],
    [{ exp: 'never' }, {}],
    [{ exp: null }, {}],
    [{ nbf: null }, {}],
    [{ aud: [] }, {}],
    [{ aud: null }, {}],
  ];
  for (const [changes, bound] of wrong) {
    assert.equal(device()(tokenOf(changes, bound), undefined).type, 'invalid', JSON.stringify([changes, bound]));
  }
});

test('a token for others is not for the API server, and is what it is for who asks for them', () => {
  const token = tokenOf({ aud: ['vault', 'ledger'] });
  assert.deepEqual(device()(token, undefined), { type: 'wrongAudience', audiences: ['vault', 'ledger'], wanted: [ISSUER] });
  const verdict = device()(token, ['ledger', 'other']);
  assert.deepEqual(verdict.type === 'valid' && verdict.audiences, ['ledger']);
  assert.equal(device()(tokenOf({ aud: ISSUER }), undefined).type, 'valid', 'one audience may stand alone');
});

test('an expired token is refused where it could be renewed, and is the pod where it could not, marked', () => {
  const token = tokenOf();
  const late = { at: NOW + 3_600_000 };
  assert.equal(device(late)(token, undefined).type, 'invalid');
  assert.equal(device({ at: NOW + 3_599_000 })(token, undefined).type, 'valid');
  for (const linkedForMs of [0, RENEWED_AFTER_MS - 1]) {
    const verdict = device({ ...late, linkedForMs })(token, undefined);
    assert.deepEqual(verdict.type === 'valid' && verdict.identity.extra?.[EXPIRED_EXTRA], ['2026-06-01T01:00:00.000Z']);
  }
  assert.equal(
    device({ ...late, linkedForMs: 0, held: [ACCOUNT] })(token, undefined).type,
    'invalid',
    'it still ends with its pod',
  );
  const endless = device({ linkedForMs: 0, at: NOW })(tokenOf({ exp: -1e300 }), undefined);
  assert.equal(endless.type, 'valid');
});

test('a clock that begins in 1970 keeps no pod out while there is no link, and a token of the future is refused where there is one', () => {
  const token = tokenOf();
  assert.equal(device({ at: 0, linkedForMs: 0 })(token, undefined).type, 'valid');
  assert.equal(device({ at: 0 })(token, undefined).type, 'invalid');
  assert.equal(device({ at: NOW - 59_000 })(token, undefined).type, 'valid', 'clocks differ a little');
});
