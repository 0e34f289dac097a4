import { createHash } from 'node:crypto';
import { type BootstrapToken, isJsonObject, type JsonObject, type JsonValue, type KeyHash, parseKeyHash } from '@hawser/protocol';

/** Where tokens are, and what they are (Kubernetes, "Authenticating with Bootstrap Tokens"). */
export const TOKEN_NAMESPACE = 'kube-system';
export const TOKEN_TYPE = 'bootstrap.kubernetes.io/token';
const NAME_PREFIX = 'bootstrap-token-';
const IS_TRUE = 'true';

/**
 * What `hawser-relay token create` adds to an ordinary token, as annotations.
 *
 * | annotation | meaning |
 * |---|---|
 * | node-name | for this name alone |
 * | uses | `1`: for one device |
 * | may-replace | `true`: made by an administrator for taking a name from the device that holds it |
 * | used-by, used-for, used-at | of a token for one device: hash of the key that has used it, for which name, and when; the relay writes these |
 */
export const ANNOTATIONS = {
  nodeName: 'hawser.dev/node-name',
  uses: 'hawser.dev/uses',
  mayReplace: 'hawser.dev/may-replace',
  usedBy: 'hawser.dev/used-by',
  usedFor: 'hawser.dev/used-for',
  usedAt: 'hawser.dev/used-at',
} as const;

/** A token as the cluster keeps it. */
export interface StoredToken {
  readonly id: string;
  /** SHA-256 of the secret. */
  readonly secretHash: Buffer;
  readonly resourceVersion: string;
  readonly description: string;
  /** Undefined: it does not end. */
  readonly expiration: Date | undefined;
  readonly nodeName: string | undefined;
  readonly isSingleUse: boolean;
  readonly usedBy: KeyHash | undefined;
  /** The node name that it was used for. */
  readonly usedFor: string | undefined;
  readonly mayReplace: boolean;
  /** Why nobody may join with it, whatever else is right; for the log. */
  readonly unusable: string | undefined;
}

export function tokenSecretName(id: string): string {
  return `${NAME_PREFIX}${id}`;
}

export function hashOfSecret(secret: string): Buffer {
  return createHash('sha256').update(secret).digest();
}

/**
 * Reads a Secret as a token. Undefined for one without a name, an id or a secret of a token: it is none. What is there and cannot be
 * understood makes the token unusable, as an API server does with an `expiration` that it cannot read.
 */
export function readTokenSecret(object: JsonObject): StoredToken | undefined {
  const metadata = isJsonObject(object.metadata) ? object.metadata : {};
  const data = isJsonObject(object.data) ? object.data : {};
  const { name, resourceVersion, deletionTimestamp } = metadata;
  const id = dataText(data, 'token-id');
  const secret = dataText(data, 'token-secret');
  if (object.type !== TOKEN_TYPE || !id || !secret || name !== tokenSecretName(id)) return undefined;
  const annotations = isJsonObject(metadata.annotations) ? metadata.annotations : {};
  const annotation = (key: keyof typeof ANNOTATIONS) => textOf(annotations[ANNOTATIONS[key]]);
  const expiration = dataText(data, 'expiration') ?? '';
  const ends = expiration === '' ? undefined : readTime(expiration);
  const uses = annotation('uses');
  const mayReplace = annotation('mayReplace');
  const usedBy = annotation('usedBy');
  const usedByHash = usedBy === undefined ? undefined : parseKeyHash(usedBy);
  return {
    id,
    secretHash: hashOfSecret(secret),
    resourceVersion: textOf(resourceVersion) ?? '',
    description: dataText(data, 'description') ?? '',
    expiration: ends,
    nodeName: annotation('nodeName'),
    isSingleUse: uses !== undefined,
    usedBy: usedByHash,
    usedFor: annotation('usedFor'),
    mayReplace: mayReplace === IS_TRUE,
    unusable: [
      deletionTimestamp === undefined ? undefined : 'it is being deleted',
      dataText(data, 'usage-bootstrap-authentication') === IS_TRUE ? undefined : 'usage-bootstrap-authentication is not "true"',
      expiration !== '' && ends === undefined ? 'its expiration is no time in RFC 3339' : undefined,
      uses === undefined || uses === '1' ? undefined : `${ANNOTATIONS.uses} is not "1"`,
      usedBy !== undefined && usedByHash === undefined ? `${ANNOTATIONS.usedBy} is no hash of a key` : undefined,
      usedBy !== undefined && annotation('usedFor') === undefined ? `${ANNOTATIONS.usedFor} is missing` : undefined,
    ].find((why) => why !== undefined),
  };
}

export interface NewToken extends BootstrapToken {
  readonly description: string;
  readonly expiration: Date;
  readonly nodeName: string | undefined;
  readonly isSingleUse: boolean;
  readonly mayReplace: boolean;
}

/** The Secret of a new token. It is for joining alone: with `usage-bootstrap-signing` it would be made public in part. */
export function newTokenSecret({ id, secret, description, expiration, nodeName, isSingleUse, mayReplace }: NewToken): JsonObject {
  const annotations: JsonObject = {
    ...(nodeName === undefined ? {} : { [ANNOTATIONS.nodeName]: nodeName }),
    ...(isSingleUse ? { [ANNOTATIONS.uses]: '1' } : {}),
    ...(mayReplace ? { [ANNOTATIONS.mayReplace]: IS_TRUE } : {}),
  };
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: tokenSecretName(id), namespace: TOKEN_NAMESPACE, annotations },
    type: TOKEN_TYPE,
    stringData: {
      'token-id': id,
      'token-secret': secret,
      description,
      expiration: `${expiration.toISOString().slice(0, 19)}Z`,
      'usage-bootstrap-authentication': IS_TRUE,
    },
  };
}

/** Merge patch that marks a token as used, only if it is still as it was read. */
export function usedPatch({ resourceVersion }: StoredToken, key: KeyHash, nodeName: string, at: Date): JsonObject {
  const { usedBy, usedFor, usedAt } = ANNOTATIONS;
  return { metadata: { resourceVersion, annotations: { [usedBy]: key, [usedFor]: nodeName, [usedAt]: at.toISOString() } } };
}

/** RFC 3339, section 5.6, as far as a Date goes: with upper-case letters, as all that write tokens do. */
const TIME = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?(Z|[+-]\d{2}:\d{2})$/;

function readTime(text: string): Date | undefined {
  const at = TIME.test(text) ? new Date(text) : undefined;
  return at === undefined || Number.isNaN(at.getTime()) ? undefined : at;
}

/** A value of a Secret's data, which is base64 of its bytes. */
function dataText(data: JsonObject, key: string): string | undefined {
  const value = textOf(data[key]);
  return value === undefined ? undefined : Buffer.from(value, 'base64').toString('utf8');
}

function textOf(value: JsonValue | undefined): string | undefined {
  return typeof value === 'string' ? value : undefined;
}
