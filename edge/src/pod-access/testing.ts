import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import type { ClusterKeys, JsonObject, KubeObject } from '@hawser/protocol';
import type { Algorithm } from './key-set.ts';

/** What the tests of this folder share: a cluster that signs tokens, and what a device holds of it. */

export const ISSUER = 'https://kubernetes.default.svc.cluster.local';
export const NOW = Date.parse('2026-06-01T00:00:00Z');

export interface Signer {
  readonly kid: string;
  readonly algorithm: Algorithm;
  readonly privateKey: KeyObject;
  readonly jwk: JsonObject;
}

const CURVES = { ES256: 'P-256', ES384: 'P-384', ES512: 'P-521' } as const;
const HASHES = { RS256: 'sha256', ES256: 'sha256', ES384: 'sha384', ES512: 'sha512' } as const;

export function newSigner(algorithm: Algorithm = 'ES256', kid: string = algorithm): Signer {
  const { privateKey, publicKey } =
    algorithm === 'RS256'
      ? generateKeyPairSync('rsa', { modulusLength: 2048 })
      : generateKeyPairSync('ec', { namedCurve: CURVES[algorithm] });
  const jwk = { ...(publicKey.export({ format: 'jwk' }) as JsonObject), kid, alg: algorithm, use: 'sig' };
  return { kid, algorithm, privateKey, jwk };
}

export function clusterOf(...signers: readonly Signer[]): ClusterKeys {
  return { issuer: ISSUER, audiences: [ISSUER], keySet: JSON.stringify({ keys: signers.map(({ jwk }) => jwk) }) };
}

export function part(value: unknown): string {
  return Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url');
}

/** @param header in place of, or beside, what an API server would write */
export function signed(signer: Signer, claims: unknown, header: JsonObject = {}): string {
  const text = `${part({ alg: signer.algorithm, kid: signer.kid, ...header })}.${part(claims)}`;
  const key = { key: signer.privateKey, dsaEncoding: 'ieee-p1363' as const };
  return `${text}.${sign(HASHES[signer.algorithm], Buffer.from(text), key).toString('base64url')}`;
}

export const POD: KubeObject = {
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'web', namespace: 'shop', uid: '00000000-0000-4000-8000-000000000001', resourceVersion: '11' },
  spec: { nodeName: 'edge-1', serviceAccountName: 'clerk', containers: [{ name: 'main', image: 'i' }] },
};
export const ACCOUNT: KubeObject = {
  apiVersion: 'v1',
  kind: 'ServiceAccount',
  metadata: { name: 'clerk', namespace: 'shop', uid: '00000000-0000-4000-8000-000000000002', resourceVersion: '10' },
};

/** As an API server writes them for that pod, good for an hour from NOW. */
export function claimsOf(changes: JsonObject = {}, bound: JsonObject = {}): JsonObject {
  const seconds = NOW / 1000;
  return {
    ...{ iss: ISSUER, aud: [ISSUER], iat: seconds, nbf: seconds, exp: seconds + 3_600, jti: 'an-id' },
    sub: 'system:serviceaccount:shop:clerk',
    'kubernetes.io': {
      namespace: 'shop',
      serviceaccount: { name: 'clerk', uid: ACCOUNT.metadata.uid ?? '' },
      pod: { name: 'web', uid: POD.metadata.uid ?? '' },
      node: { name: 'edge-1', uid: '00000000-0000-4000-8000-0000000000ff' },
      ...bound,
    },
    ...changes,
  };
}
