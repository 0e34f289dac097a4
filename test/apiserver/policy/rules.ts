import type { Identity, RequestAttributes } from '@hawser/edge';

/** One rule in the form of rbac.authorization.k8s.io/v1. "*" stands for all. */
export interface PolicyRule {
  readonly verbs: readonly string[];
  readonly apiGroups?: readonly string[];
  /** `pods`, `pods/status`, `*`. */
  readonly resources?: readonly string[];
  /** Absent or empty: every name, and requests without a name. */
  readonly resourceNames?: readonly string[];
  /** Paths that are no resource; a `*` at the end stands for any rest. */
  readonly nonResourceURLs?: readonly string[];
}

/** Rules given to one user or group, everywhere or in one namespace: role and binding in one. */
export interface RuleBinding {
  readonly subject: { readonly user: string } | { readonly group: string };
  /** Absent: cluster-wide. */
  readonly namespace?: string;
  readonly rules: readonly PolicyRule[];
}

const SELF_REVIEWS = ['selfsubjectaccessreviews', 'selfsubjectrulesreviews'];
const PUBLIC_PATHS = ['/healthz', '/livez', '/readyz', '/version', '/version/'];
const DISCOVERY_PATHS = ['/api', '/api/*', '/apis', '/apis/*', '/healthz', '/livez', '/openapi', '/openapi/*', '/readyz'];

/** What Kubernetes binds by itself: health and version to everyone, discovery and questions about oneself to who is known. */
export const DEFAULT_BINDINGS: readonly RuleBinding[] = [
  { subject: { group: 'system:unauthenticated' }, rules: [{ verbs: ['get'], nonResourceURLs: PUBLIC_PATHS }] },
  {
    subject: { group: 'system:authenticated' },
    rules: [
      { verbs: ['create'], apiGroups: ['authorization.k8s.io'], resources: SELF_REVIEWS },
      { verbs: ['create'], apiGroups: ['authentication.k8s.io'], resources: ['selfsubjectreviews'] },
      { verbs: ['get'], nonResourceURLs: PUBLIC_PATHS },
      { verbs: ['get'], nonResourceURLs: ['/.well-known', '/.well-known/*'] },
      { verbs: ['get'], nonResourceURLs: [...DISCOVERY_PATHS, '/version', '/version/'] },
    ],
  },
  { subject: { group: 'system:masters' }, rules: [everything('resources'), everything('paths')] },
  {
    subject: { group: 'system:bootstrappers' },
    rules: [
      {
        verbs: ['create', 'get', 'list', 'watch'],
        apiGroups: ['certificates.k8s.io'],
        resources: ['certificatesigningrequests'],
      },
    ],
  },
];

/** Whether any binding of that identity allows the request. */
export function bindingsAllow(bindings: readonly RuleBinding[], identity: Identity, request: RequestAttributes): boolean {
  return bindings.some(
    (binding) =>
      isSubject(binding.subject, identity) &&
      (binding.namespace === undefined || binding.namespace === request.resource?.namespace) &&
      binding.rules.some((rule) => ruleAllows(rule, request)),
  );
}

/** Whether one rule allows the request; identity and namespace are the binding's matter. */
export function ruleAllows(rule: PolicyRule, request: RequestAttributes): boolean {
  if (!matches(rule.verbs, request.verb)) return false;
  const { resource } = request;
  if (resource === undefined) {
    return (rule.nonResourceURLs ?? []).some((pattern) =>
      pattern.endsWith('*') ? request.path.startsWith(pattern.slice(0, -1)) : pattern === request.path,
    );
  }
  const asked = resource.subresource === '' ? resource.resource : `${resource.resource}/${resource.subresource}`;
  const names = rule.resourceNames ?? [];
  return (
    matches(rule.apiGroups ?? [], resource.group) &&
    matches(rule.resources ?? [], asked) &&
    (names.length === 0 || names.includes(resource.name))
  );
}

function isSubject(subject: RuleBinding['subject'], identity: Identity): boolean {
  return 'user' in subject ? subject.user === identity.name : identity.groups.includes(subject.group);
}

function matches(allowed: readonly string[], value: string): boolean {
  return allowed.includes('*') || allowed.includes(value);
}

function everything(kind: 'resources' | 'paths'): PolicyRule {
  return kind === 'resources' ? { verbs: ['*'], apiGroups: ['*'], resources: ['*'] } : { verbs: ['*'], nonResourceURLs: ['*'] };
}
