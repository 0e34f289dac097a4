import type { ClusterKeys, KubeObject } from '@hawser/protocol';
import type { TokenReviewVerdict } from '../api/access/reviews.ts';
import { podIdentity } from '../api/device/identities.ts';
import type { PodTokenCheck } from '../api/device-policy.ts';
import { fieldsOf, textOf } from '../api/fields.ts';
import type { Storage } from '../api/storage.ts';
import { type PodClaims, readClaims } from './claims.ts';
import { verifiedPayload } from './jws.ts';
import type { KeySet } from './key-set.ts';

/** Who shows a token a moment before its time may have another clock (RFC 7519, section 4.1.5: "some small leeway"), in milliseconds. */
const LEEWAY_MS = 60_000;
/**
 * Since when the link must stand before the time of a token counts, in milliseconds. Without the cloud a kubelet gets no new one, and a
 * device's clock may be wrong by decades; when the link is back, kubelets have renewed what has ended within some minutes.
 */
export const RENEWED_AFTER_MS = 10 * 60_000;

/** On an identity whose token is past its time: since when, RFC 3339. */
export const EXPIRED_EXTRA = 'hawser.dev/token-expired';

export interface PodTokensOptions {
  readonly nodeName: string;
  readonly storage: Pick<Storage, 'get'>;
  /** Undefined: none are known yet, and no token is good. */
  readonly keys: () => { readonly cluster: ClusterKeys; readonly set: KeySet } | undefined;
  /** How long the device has been linked without a break, in milliseconds; 0: it is not. */
  readonly linkedForMs: () => number;
  readonly now: () => Date;
}

const INVALID: TokenReviewVerdict = { type: 'invalid' };

/**
 * What a ServiceAccount's token is worth on this device, decided here: the cluster's key has signed it, it is meant for one of these
 * audiences, and the pod that it is bound to is held here with that uid, runs as that account, and is this node's. A token ends with its
 * pod; its time counts while it could be renewed.
 */
export function createPodTokens({ nodeName, storage, keys, linkedForMs, now }: PodTokensOptions): PodTokenCheck {
  return (token, audiences) => {
    const known = keys();
    if (known === undefined) return INVALID;
    const payload = verifiedPayload(token, known.set);
    const claims = payload === undefined ? undefined : readClaims(payload);
    if (claims === undefined || claims.issuer !== known.cluster.issuer) return INVALID;
    const expiredAt = claims.expiresAt <= now().getTime() ? claims.expiresAt : undefined;
    if (linkedForMs() >= RENEWED_AFTER_MS) {
      if (expiredAt !== undefined || claims.notBefore > now().getTime() + LEEWAY_MS) return INVALID;
    }
    if (!isHere(storage, nodeName, claims)) return INVALID;
    const wanted = audiences ?? known.cluster.audiences;
    const shared = claims.audiences.filter((audience) => wanted.includes(audience));
    if (shared.length === 0) return { type: 'wrongAudience', audiences: claims.audiences, wanted };
    return { type: 'valid', identity: identityOf(claims, expiredAt), audiences: shared };
  };
}

/** Whether the pod and the account are what they were when the token was made. */
function isHere(storage: Pick<Storage, 'get'>, nodeName: string, { namespace, serviceAccount, pod, node }: PodClaims): boolean {
  const held = storage.get({ resource: 'pods', namespace, name: pod.name });
  if (held === undefined || held.metadata.uid !== pod.uid || !runsAs(held, serviceAccount.name)) return false;
  if (fieldsOf(held.spec).nodeName !== nodeName || (node !== undefined && node.name !== nodeName)) return false;
  const account = storage.get({ resource: 'serviceaccounts', namespace, name: serviceAccount.name });
  return account?.metadata.uid === serviceAccount.uid;
}

function runsAs({ spec }: KubeObject, serviceAccount: string): boolean {
  return (textOf(fieldsOf(spec).serviceAccountName) || 'default') === serviceAccount;
}

function identityOf({ namespace, serviceAccount, pod, node, id }: PodClaims, expiredAt: number | undefined) {
  return podIdentity(
    serviceAccount,
    { namespace, ...pod },
    {
      ...(id === undefined ? {} : { 'authentication.kubernetes.io/credential-id': [`JTI=${id}`] }),
      ...(node === undefined ? {} : { 'authentication.kubernetes.io/node-name': [node.name] }),
      ...(node?.uid === undefined ? {} : { 'authentication.kubernetes.io/node-uid': [node.uid] }),
      ...(expiredAt === undefined ? {} : { [EXPIRED_EXTRA]: [new Date(boundedTime(expiredAt)).toISOString()] }),
    },
  );
}

/** A Date holds no later and no earlier one (ECMAScript, "Time Values and Time Range"); in milliseconds. */
function boundedTime(time: number): number {
  return Math.min(Math.max(time, -8.64e15), 8.64e15);
}
