import type { KubeObject } from '@hawser/protocol';
import { timestamp } from '../clock.ts';
import { type Fields, fieldsOf, isFields, textOf, textsOf } from '../fields.ts';
import { nodeNameOf } from '../node/authorizer.ts';
import type { Decision, Identity, RequestAttributes, SpecialAnswer, SpecialRequest, SpecialResource } from '../policy.ts';
import { badRequest } from '../status.ts';
import { bindingsOf, type RuleBinding } from './rules.ts';

const AUTHENTICATION = 'authentication.k8s.io';
const AUTHORIZATION = 'authorization.k8s.io';

/** Questions in the form of objects: created, answered, never stored. */
export const REVIEW_RESOURCES: readonly SpecialResource[] = [
  review(AUTHENTICATION, 'selfsubjectreviews', 'SelfSubjectReview'),
  review(AUTHENTICATION, 'tokenreviews', 'TokenReview'),
  { ...review(AUTHORIZATION, 'localsubjectaccessreviews', 'LocalSubjectAccessReview'), namespaced: true },
  review(AUTHORIZATION, 'selfsubjectaccessreviews', 'SelfSubjectAccessReview'),
  review(AUTHORIZATION, 'selfsubjectrulesreviews', 'SelfSubjectRulesReview'),
  review(AUTHORIZATION, 'subjectaccessreviews', 'SubjectAccessReview'),
];

/** What a token is worth to a server that asks about one. */
export type TokenReviewVerdict =
  | { readonly type: 'valid'; readonly identity: Identity; readonly audiences: readonly string[] }
  | { readonly type: 'wrongAudience'; readonly audiences: readonly string[]; readonly wanted: readonly string[] }
  | { readonly type: 'invalid' };

export interface ReviewContext {
  /** @param audiences of which one must be the token's, unless it is one that has none; undefined: the API server's own */
  readonly reviewToken: (token: string, audiences: readonly string[] | undefined) => TokenReviewVerdict;
  /** Without any effect: the question is not the request that it is about. */
  readonly authorize: (identity: Identity, attributes: RequestAttributes) => Decision;
  readonly bindings: readonly RuleBinding[];
}

/** Answers the review, or undefined when the resource is none of them. @throws ApiError 400 */
export function answerReview(request: SpecialRequest, context: ReviewContext): SpecialAnswer | undefined {
  const kind = REVIEW_RESOURCES.find(({ group, resource }) => group === request.group && resource === request.resource)?.kind;
  if (kind === undefined || request.verb !== 'create') return undefined;
  const spec = fieldsOf(request.body?.spec);
  switch (kind) {
    case 'SelfSubjectReview':
      return answer(request, kind, undefined, { userInfo: userInfo(request.identity) });
    case 'TokenReview':
      return answer(request, kind, spec, reviewToken(context, spec));
    case 'SelfSubjectRulesReview':
      return answer(request, kind, {}, reviewRules(context.bindings, request.identity, textOf(spec.namespace)));
    case 'SelfSubjectAccessReview':
      return answer(request, kind, spec, reviewAccess(context, request.identity, spec));
    case 'LocalSubjectAccessReview':
      requireSameNamespace(spec, request.namespace);
      return answer(request, kind, spec, reviewAccess(context, subjectOf(spec), spec));
    default:
      return answer(request, kind, spec, reviewAccess(context, subjectOf(spec), spec));
  }
}

function answer(request: SpecialRequest, kind: string, spec: Fields | undefined, status: Fields): SpecialAnswer {
  const metadata = kind === 'SelfSubjectReview' ? { creationTimestamp: timestamp(request.now) } : {};
  const body: KubeObject = {
    kind,
    apiVersion: `${request.group}/v1`,
    metadata: request.namespace === '' ? metadata : { ...metadata, namespace: request.namespace },
    ...(spec === undefined ? {} : { spec }),
    status,
  };
  return { status: 201, body };
}

function reviewToken(context: ReviewContext, spec: Fields): Fields {
  const asked = textsOf(spec.audiences);
  const verdict = context.reviewToken(textOf(spec.token), asked.length === 0 ? undefined : asked);
  switch (verdict.type) {
    case 'valid':
      return { authenticated: true, user: userInfo(verdict.identity), audiences: verdict.audiences };
    case 'wrongAudience':
      return {
        user: {},
        error: `[invalid bearer token, token audiences ${printed(verdict.audiences)} is invalid for the target audiences ${printed(verdict.wanted)}]`,
      };
    case 'invalid':
      return { user: {}, error: 'invalid bearer token' };
  }
}

function reviewAccess(context: ReviewContext, identity: Identity, spec: Fields): Fields {
  const decision = context.authorize(identity, attributesOf(spec));
  if (decision.allowed) return { allowed: true };
  return { allowed: false, ...(decision.reason === '' ? {} : { reason: decision.reason }) };
}

function attributesOf(spec: Fields): RequestAttributes {
  const path = spec.nonResourceAttributes;
  if (isFields(path)) return { verb: textOf(path.verb), path: textOf(path.path), resource: undefined };
  const asked = fieldsOf(spec.resourceAttributes);
  return {
    verb: textOf(asked.verb),
    path: '',
    resource: {
      group: textOf(asked.group),
      version: textOf(asked.version),
      resource: textOf(asked.resource),
      subresource: textOf(asked.subresource),
      namespace: textOf(asked.namespace),
      name: textOf(asked.name),
      fieldSelector: textOf(fieldsOf(asked.fieldSelector).rawSelector),
    },
  };
}

function requireSameNamespace(spec: Fields, namespace: string): void {
  if (textOf(fieldsOf(spec.resourceAttributes).namespace) === namespace) return;
  throw badRequest(`spec.resourceAttributes.namespace must match namespace: ${namespace}`);
}

/** Whoever asks about another says who that is, groups and all, as the API server takes it. */
function subjectOf(spec: Fields): Identity {
  const extra = Object.entries(fieldsOf(spec.extra)).map(([key, values]) => [key, textsOf(values)] as const);
  return {
    name: textOf(spec.user),
    groups: textsOf(spec.groups),
    ...(textOf(spec.uid) === '' ? {} : { uid: textOf(spec.uid) }),
    ...(extra.length === 0 ? {} : { extra: Object.fromEntries(extra) }),
  };
}

function reviewRules(bindings: readonly RuleBinding[], identity: Identity, namespace: string): Fields {
  const rules = bindingsOf(bindings, identity, namespace).flatMap((binding) => binding.rules);
  const isNode = nodeNameOf(identity) !== undefined;
  return {
    resourceRules: rules.filter((rule) => rule.resources !== undefined),
    nonResourceRules: rules.filter((rule) => rule.nonResourceURLs !== undefined),
    // What the Node authorizer allows depends on objects and has no form as rules.
    incomplete: isNode,
    ...(isNode ? { evaluationError: 'node authorizer does not support user rule resolution' } : {}),
  };
}

function userInfo(identity: Identity): Fields {
  return {
    username: identity.name,
    ...(identity.uid === undefined ? {} : { uid: identity.uid }),
    groups: identity.groups,
    ...(identity.extra === undefined ? {} : { extra: identity.extra }),
  };
}

/** A list of texts as Go prints it with %q. */
function printed(texts: readonly string[]): string {
  return `[${texts.map((text) => JSON.stringify(text)).join(' ')}]`;
}

function review(group: string, resource: string, kind: string): SpecialResource {
  return { group, version: 'v1', resource, kind, namespaced: false, verbs: ['create'] };
}
