import type { JsonObject, KubeObject } from '@hawser/protocol';
import type { TokenKey } from '../store/index.ts';

/** What the tests of this folder share. */

export const CREATED = Date.parse('2026-01-01T00:00:00Z');

export function podWithToken(name: string, uid: string, spec: JsonObject = {}): KubeObject {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: 'shop', uid },
    spec: {
      nodeName: 'edge-1',
      serviceAccountName: 'clerk',
      containers: [],
      volumes: [
        { name: 'own', projected: { sources: [{ serviceAccountToken: { path: 'token', expirationSeconds: 3607 } }] } },
        { name: 'vault', projected: { sources: [{ serviceAccountToken: { path: 'token', audience: 'vault' } }] } },
      ],
      ...spec,
    },
  };
}

export const KEY: TokenKey = {
  namespace: 'shop',
  podName: 'web',
  podUid: 'uid-web',
  serviceAccount: 'clerk',
  audiences: [],
  expirationSeconds: 3607,
};

/** Shaped as a JWT is; signed by nobody. */
export function jwt(claims: JsonObject): string {
  const part = (value: JsonObject) => Buffer.from(JSON.stringify(value)).toString('base64url');
  return `${part({ alg: 'ES256' })}.${part(claims)}.c2lnbmF0dXJl`;
}

/**
 * The API server's answer to a request of that moment.
 * @param validSeconds from `iat` to `exp` in the JWT
 */
export function tokenAnswer(issuedAt: number, lifeSeconds: number, validSeconds: number, id = 'token'): string {
  const iat = issuedAt / 1000;
  return JSON.stringify({
    kind: 'TokenRequest',
    apiVersion: 'authentication.k8s.io/v1',
    metadata: { name: 'clerk', namespace: 'shop', creationTimestamp: new Date(issuedAt).toISOString() },
    spec: { audiences: ['https://kubernetes.default.svc'], expirationSeconds: lifeSeconds, boundObjectRef: null },
    status: {
      token: jwt({ iat, exp: iat + validSeconds, jti: id }),
      expirationTimestamp: new Date(issuedAt + lifeSeconds * 1000).toISOString(),
    },
  });
}
