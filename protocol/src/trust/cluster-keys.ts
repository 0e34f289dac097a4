import { createHash } from 'node:crypto';

/**
 * By what the ServiceAccount tokens of a cluster are verified without asking it (OpenID Connect Discovery 1.0; Kubernetes, "Service account
 * issuer discovery"). All of it is public.
 */
export interface ClusterKeys {
  /** `iss` of its tokens, at most MAX_ISSUER_LENGTH characters. */
  readonly issuer: string;
  /** The API server's own, at most MAX_AUDIENCES: `aud` of a token that is meant for it holds one of them. */
  readonly audiences: readonly string[];
  /** A JWK Set (RFC 7517, section 5) in JSON, at most MAX_KEY_SET_BYTES. What is in it is looked at by who verifies. */
  readonly keySet: string;
}

/** A URL; an API server takes any text. */
export const MAX_ISSUER_LENGTH = 1_024;
/** An API server has one, or two while they are changed. */
export const MAX_AUDIENCES = 16;
/** A key has some 400 bytes, and a cluster one or two; four while they are rotated. */
export const MAX_KEY_SET_BYTES = 64 * 1024;

/** Tells one state of the keys from another: the first 8 bytes, as hex digits, of the SHA-256 over issuer, audiences and JWK Set in JSON. */
export function clusterKeysDigest({ issuer, audiences, keySet }: ClusterKeys): string {
  const text = JSON.stringify([issuer, audiences, keySet]);
  return createHash('sha256').update(text).digest('hex').slice(0, 16);
}
