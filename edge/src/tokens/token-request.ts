import type { JsonObject } from '@hawser/protocol';
import * as v from 'valibot';
import type { SpecialRequest } from '../api/policy.ts';
import { badRequest, forbidden, notFound, type ResourceName } from '../api/status.ts';
import type { TokenKey } from '../store/index.ts';
import { namesAudience, podFacts } from './pod-facts.ts';

const SERVICE_ACCOUNTS: ResourceName = { group: '', resource: 'serviceaccounts' };
/** What a request without one gets (authentication.k8s.io/v1, TokenRequestSpec), in seconds. */
const DEFAULT_SECONDS = 3600;
/** Characters; a longer audience is refused before anything is made of it. */
const MAX_AUDIENCE_LENGTH = 4_096;

const Text = v.optional(v.string(), '');
const Spec = v.object({
  audiences: v.optional(v.nullable(v.array(v.string())), []),
  expirationSeconds: v.optional(v.nullable(v.pipe(v.number(), v.safeInteger())), DEFAULT_SECONDS),
  boundObjectRef: v.optional(v.nullable(v.object({ kind: Text, apiVersion: Text, name: Text, uid: Text }))),
});
const TokenRequest = v.object({
  apiVersion: v.picklist(['', 'authentication.k8s.io/v1']),
  kind: v.picklist(['', 'TokenRequest']),
  spec: v.optional(v.nullable(Spec), {}),
});

/** What is asked for, as far as the rules look at it. */
export type TokenRequestFacts = TokenKey;

/**
 * A request for a token as NodeRestriction would judge it, over what the device holds: the ServiceAccount of a pod of this node,
 * bound to that pod by name and uid, for one audience at most. Whether a CSI driver asks for the audience, and all else, the cloud
 * judges when it is asked.
 * @throws ApiError 400, 403, 404 in the API server's words
 */
export function judgeTokenRequest(request: SpecialRequest, nodeName: string): TokenRequestFacts {
  const { namespace, name: serviceAccount, storage } = request;
  const parsed = v.safeParse(TokenRequest, request.body);
  if (!parsed.success) throw badRequest(`no TokenRequest of authentication.k8s.io/v1: ${where(parsed.issues[0])}`);
  const { audiences, expirationSeconds, boundObjectRef: bound } = parsed.output.spec ?? v.parse(Spec, {});
  const refuse = (why: string) => forbidden(SERVICE_ACCOUNTS, serviceAccount, why);
  if (bound?.kind !== 'Pod' || bound.apiVersion !== 'v1') throw refuse('node requested token not bound to a pod');
  if (bound.uid === '') throw refuse('node requested token with a pod binding without a uid');
  const pod = storage.get({ resource: 'pods', namespace, name: bound.name });
  // The API server looks into a cache here whose errors name the kind in the singular.
  if (pod === undefined) throw notFound({ group: '', resource: 'pod' }, bound.name);
  if (pod.metadata.uid !== bound.uid) throw refuse(otherUid(bound.uid));
  const facts = podFacts(pod);
  if (facts.nodeName !== nodeName) throw refuse('node requested token bound to a pod scheduled on a different node');
  if (facts.serviceAccount !== serviceAccount) {
    throw badRequest(
      `cannot bind token for serviceaccount ${JSON.stringify(serviceAccount)} to pod running with different serviceaccount name.`,
    );
  }
  const asked = [...new Set(audiences ?? [])].sort();
  if (asked.length > 1) throw refuse('node may only request 0 or 1 audiences');
  const [audience = ''] = asked;
  if (audience.length > MAX_AUDIENCE_LENGTH) throw badRequest(`an audience has at most ${MAX_AUDIENCE_LENGTH} characters`);
  if (audience !== '' && !namesAudience(facts, audience))
    throw refuse(`audience ${JSON.stringify(audience)} not found in pod spec volume`);
  return {
    namespace,
    podName: bound.name,
    podUid: bound.uid,
    serviceAccount,
    audiences: audience === '' ? [] : [audience],
    expirationSeconds: expirationSeconds ?? DEFAULT_SECONDS,
  };
}

/** The body that the cloud is asked with: only what the rules have looked at. */
export function tokenRequestOf({ podName, podUid, audiences, expirationSeconds }: TokenRequestFacts): JsonObject {
  return {
    apiVersion: 'authentication.k8s.io/v1',
    kind: 'TokenRequest',
    spec: {
      ...(audiences.length === 0 ? {} : { audiences: [...audiences] }),
      expirationSeconds,
      boundObjectRef: { kind: 'Pod', apiVersion: 'v1', name: podName, uid: podUid },
    },
  };
}

function otherUid(uid: string): string {
  return (
    `the UID in the bound object reference (${uid}) does not match the UID in record. ` +
    'The object might have been deleted and then recreated'
  );
}

/** The first thing that is wrong, without the value: it may be a token that strayed. */
function where(issue: v.BaseIssue<unknown>): string {
  const path = v.getDotPath(issue);
  return path === null ? `must be ${issue.expected}` : `${path}: must be ${issue.expected}`;
}
