import {
  type Decision,
  type Identity,
  type RequestAttributes,
  type SpecialAnswer,
  type SpecialRequest,
  type SpecialResource,
  type Storage,
  timestamp,
} from '@hawser/edge';
import type { KubeObject } from '@hawser/protocol';
import { type Fields, fieldsOf, isFields, textOf, textsOf } from '../fields.ts';
import { nodeNameOf } from '../node-authorizer.ts';
import type { RuleBinding } from '../rules.ts';
import { ISSUER, type ServiceAccountTokens } from '../service-account-tokens.ts';

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

export interface ReviewContext {
  readonly tokens: ServiceAccountTokens;
  /** A static token's identity, or undefined. */
  readonly staticIdentity: (token: string) => Identity | undefined;
  readonly authorize: (identity: Identity, attributes: RequestAttributes) => Decision;
  readonly bindings: readonly RuleBinding[];
}

/** Answers the review, or undefined when the resource is none of them. */
export function answerReview(request: SpecialRequest, context: ReviewContext): SpecialAnswer | undefined {
  const kind = REVIEW_RESOURCES.find(({ group, resource }) => group === request.group && resource === request.resource)?.kind;
  if (kind === undefined) return undefined;
  const spec = fieldsOf(request.body?.spec);
  switch (kind) {
    case 'SelfSubjectReview':
      return answer(request, kind, undefined, { userInfo: userInfo(request.identity) });
    case 'TokenReview':
      return answer(request, kind, spec, reviewToken(context, spec, request.storage, request.now));
    case 'SelfSubjectRulesReview':
      return answer(request, kind, {}, reviewRules(context.bindings, request.identity, textOf(spec.namespace)));
    case 'SelfSubjectAccessReview':
      return answer(request, kind, spec, reviewAccess(context, request.identity, spec));
    default:
      return answer(request, kind, spec, reviewAccess(context, subjectOf(spec), spec));
  }
}

function answer(request: SpecialRequest, kind: string, spec: Fields | undefined, status: Fields): SpecialAnswer {
  const body: KubeObject = {
    kind,
    apiVersion: `${request.group}/v1`,
    metadata: kind === 'SelfSubjectReview' ? { creationTimestamp: timestamp(request.now) } : {},
    ...(spec === undefined ? {} : { spec }),
    status,
  };
  return { status: 201, body };
}

function reviewToken(context: ReviewContext, spec: Fields, storage: Storage, now: Date): Fields {
  const token = textOf(spec.token);
  const asked = textsOf(spec.audiences);
  const audiences = asked.length === 0 ? [ISSUER] : asked;
  const known = context.staticIdentity(token);
  if (known !== undefined) return { authenticated: true, user: userInfo(known), audiences };
  const verdict = context.tokens.check(token, audiences, storage, now);
  switch (verdict.type) {
    case 'valid':
      return { authenticated: true, user: userInfo(verdict.identity), audiences: verdict.audiences };
    case 'wrongAudience':
      return {
        user: {},
        error: `[invalid bearer token, token audiences ${printed(verdict.audiences)} is invalid for the target audiences ${printed(audiences)}]`,
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

function subjectOf(spec: Fields): Identity {
  return { name: textOf(spec.user), groups: textsOf(spec.groups) };
}

function reviewRules(bindings: readonly RuleBinding[], identity: Identity, namespace: string): Fields {
  const rules = bindings
    .filter(
      ({ subject, namespace: limit }) =>
        ('user' in subject ? subject.user === identity.name : identity.groups.includes(subject.group)) &&
        (limit === undefined || limit === namespace),
    )
    .flatMap((binding) => binding.rules);
  return {
    resourceRules: rules.filter((rule) => rule.resources !== undefined),
    nonResourceRules: rules.filter((rule) => rule.nonResourceURLs !== undefined),
    // What the Node authorizer allows depends on objects and has no form as rules.
    incomplete: nodeNameOf(identity) !== undefined,
    ...(nodeNameOf(identity) === undefined ? {} : { evaluationError: 'node authorizer does not support user rule resolution' }),
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
