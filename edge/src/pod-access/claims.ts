import type { JsonObject } from '@hawser/protocol';
import * as v from 'valibot';

const Name = v.pipe(v.string(), v.minLength(1), v.maxLength(253));
const Uid = v.pipe(v.string(), v.minLength(1), v.maxLength(128));
const Reference = v.object({ name: Name, uid: Uid });
const Second = v.pipe(v.number(), v.finite());

/** What the API server puts into a token that is bound to a pod (Kubernetes, "Managing Service Accounts", "Schema for … private claims"). */
const Claims = v.object({
  iss: v.string(),
  sub: v.string(),
  aud: v.union([
    v.pipe(v.array(v.string()), v.minLength(1)),
    v.pipe(
      v.string(),
      v.transform((one) => [one]),
    ),
  ]),
  exp: Second,
  nbf: Second,
  jti: v.optional(v.pipe(v.string(), v.maxLength(128))),
  'kubernetes.io': v.object({
    namespace: Name,
    serviceaccount: Reference,
    pod: Reference,
    node: v.optional(v.object({ name: Name, uid: v.optional(Uid) })),
  }),
});

export interface PodClaims {
  readonly issuer: string;
  readonly audiences: readonly string[];
  /** Milliseconds since 1970. */
  readonly expiresAt: number;
  readonly notBefore: number;
  readonly id: string | undefined;
  readonly namespace: string;
  readonly serviceAccount: { readonly name: string; readonly uid: string };
  readonly pod: { readonly name: string; readonly uid: string };
  readonly node: { readonly name: string; readonly uid?: string | undefined } | undefined;
}

/** Undefined for a token that is bound to no pod, or whose subject is another than the account that it names. */
export function readClaims(payload: JsonObject): PodClaims | undefined {
  const parsed = v.safeParse(Claims, payload);
  if (!parsed.success) return undefined;
  const { iss, sub, aud, exp, nbf, jti, 'kubernetes.io': bound } = parsed.output;
  const { namespace, serviceaccount, pod, node } = bound;
  if (sub !== `system:serviceaccount:${namespace}:${serviceaccount.name}`) return undefined;
  return {
    ...{ issuer: iss, audiences: aud, expiresAt: exp * 1000, notBefore: nbf * 1000, id: jti },
    ...{ namespace, serviceAccount: serviceaccount, pod, node },
  };
}
