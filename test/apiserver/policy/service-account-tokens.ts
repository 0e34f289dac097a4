import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject, randomUUID, verify } from 'node:crypto';
import type { Identity, Storage, TokenReviewVerdict } from '@hawser/edge';
import type { JsonObject, KubeObject } from '@hawser/protocol';
import { calculateJwkThumbprint, exportJWK, SignJWT } from 'jose';
import { type Fields, fieldsOf, numberOf, textOf, textsOf } from './fields.ts';

export const ISSUER = 'https://kubernetes.default.svc.cluster.local';
/** Lifetime that kubelets ask for with an own token volume, in seconds. Such tokens live a year, so that old clients go on. */
const EXTENDED_REQUEST_SECONDS = 3607;
const YEAR_SECONDS = 365 * 86_400;

export interface TokenRequest {
  readonly serviceAccount: KubeObject;
  readonly audiences: readonly string[];
  readonly lifetimeSeconds: number;
  /** Bound objects: a token is worth nothing once one of them is gone. */
  readonly pod: KubeObject | undefined;
  readonly node: KubeObject | undefined;
  readonly now: Date;
}

/** Signs and checks ServiceAccount tokens (JWT, ES256) with one key. */
export interface ServiceAccountTokens {
  /** PKCS #8, to go on with the same key after a restart. */
  readonly keyPem: string;
  /** By which others verify its tokens: what `/openid/v1/jwks` answers. */
  readonly keySet: { readonly keys: readonly JsonObject[] };
  sign(request: TokenRequest): Promise<string>;
  check(token: string, audiences: readonly string[], storage: Storage, now: Date): TokenReviewVerdict;
}

export async function createServiceAccountTokens(keyPem?: string): Promise<ServiceAccountTokens> {
  const privateKey =
    keyPem === undefined ? generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey : createPrivateKey(keyPem);
  const publicKey = createPublicKey(privateKey);
  const jwk = await exportJWK(publicKey);
  const kid = await calculateJwkThumbprint(jwk);

  return {
    keyPem: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    keySet: { keys: [{ use: 'sig', kty: jwk.kty ?? '', kid, alg: 'ES256', crv: jwk.crv ?? '', x: jwk.x ?? '', y: jwk.y ?? '' }] },
    sign(request) {
      const issuedAt = Math.floor(request.now.getTime() / 1000);
      const isExtended = request.lifetimeSeconds === EXTENDED_REQUEST_SECONDS && request.audiences.includes(ISSUER);
      return new SignJWT({
        aud: [...request.audiences],
        exp: issuedAt + (isExtended ? YEAR_SECONDS : request.lifetimeSeconds),
        iat: issuedAt,
        iss: ISSUER,
        jti: randomUUID(),
        'kubernetes.io': {
          namespace: request.serviceAccount.metadata.namespace,
          ...(request.node === undefined ? {} : { node: nameAndUid(request.node) }),
          ...(request.pod === undefined ? {} : { pod: nameAndUid(request.pod) }),
          serviceaccount: nameAndUid(request.serviceAccount),
          ...(isExtended ? { warnafter: issuedAt + request.lifetimeSeconds } : {}),
        },
        nbf: issuedAt,
        sub: `system:serviceaccount:${request.serviceAccount.metadata.namespace}:${request.serviceAccount.metadata.name}`,
      })
        .setProtectedHeader({ alg: 'ES256', kid })
        .sign(privateKey);
    },
    check(token, audiences, storage, now) {
      const claims = verifiedClaims(token, publicKey);
      if (claims === undefined || claims.iss !== ISSUER) return { type: 'invalid' };
      const seconds = now.getTime() / 1000;
      if (seconds >= (numberOf(claims.exp) ?? 0) || seconds < (numberOf(claims.nbf) ?? Number.POSITIVE_INFINITY)) {
        return { type: 'invalid' };
      }
      const tokenAudiences = textsOf(claims.aud);
      const shared = tokenAudiences.filter((audience) => audiences.includes(audience));
      if (shared.length === 0) return { type: 'wrongAudience', audiences: tokenAudiences, wanted: audiences };
      const identity = boundIdentity(claims, storage);
      return identity === undefined ? { type: 'invalid' } : { type: 'valid', identity, audiences: shared };
    },
  };
}

/** Synchronous, because the authentication of a request is; jose's verification is not. */
function verifiedClaims(token: string, publicKey: KeyObject): Fields | undefined {
  const [header, payload, signature, ...rest] = token.split('.');
  if (header === undefined || payload === undefined || signature === undefined || rest.length > 0) return undefined;
  const isGenuine = verify(
    'sha256',
    Buffer.from(`${header}.${payload}`),
    { key: publicKey, dsaEncoding: 'ieee-p1363' },
    Buffer.from(signature, 'base64url'),
  );
  // Only what this server has signed is parsed, so the payload is known to be JSON.
  return isGenuine ? fieldsOf(JSON.parse(Buffer.from(payload, 'base64url').toString('utf8'))) : undefined;
}

/** The identity of a genuine token, when everything it is bound to still exists under the same uid. */
function boundIdentity(claims: Fields, storage: Storage): Identity | undefined {
  const binding = fieldsOf(claims['kubernetes.io']);
  const namespace = textOf(binding.namespace);
  const serviceAccount = fieldsOf(binding.serviceaccount);
  const pod = binding.pod === undefined ? undefined : fieldsOf(binding.pod);
  const node = binding.node === undefined ? undefined : fieldsOf(binding.node);
  if (!exists(storage, 'serviceaccounts', namespace, serviceAccount)) return undefined;
  if (pod !== undefined && !exists(storage, 'pods', namespace, pod)) return undefined;
  return {
    name: textOf(claims.sub),
    uid: textOf(serviceAccount.uid),
    groups: ['system:serviceaccounts', `system:serviceaccounts:${namespace}`, 'system:authenticated'],
    extra: {
      'authentication.kubernetes.io/credential-id': [`JTI=${textOf(claims.jti)}`],
      ...(node === undefined
        ? {}
        : {
            'authentication.kubernetes.io/node-name': [textOf(node.name)],
            'authentication.kubernetes.io/node-uid': [textOf(node.uid)],
          }),
      ...(pod === undefined
        ? {}
        : {
            'authentication.kubernetes.io/pod-name': [textOf(pod.name)],
            'authentication.kubernetes.io/pod-uid': [textOf(pod.uid)],
          }),
    },
  };
}

function exists(storage: Storage, resource: string, namespace: string, reference: Fields): boolean {
  return storage.get({ resource, namespace, name: textOf(reference.name) })?.metadata.uid === reference.uid;
}

function nameAndUid(object: KubeObject): { name: string | undefined; uid: string | undefined } {
  return { name: object.metadata.name, uid: object.metadata.uid };
}
