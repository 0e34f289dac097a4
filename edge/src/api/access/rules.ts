import type { Identity, RequestAttributes } from '../policy.ts';

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

/** The bindings that speak of that identity in that namespace. */
export function bindingsOf(bindings: readonly RuleBinding[], identity: Identity, namespace: string): RuleBinding[] {
  return bindings.filter(
    (binding) => isSubject(binding.subject, identity) && (binding.namespace === undefined || binding.namespace === namespace),
  );
}

function isSubject(subject: RuleBinding['subject'], identity: Identity): boolean {
  return 'user' in subject ? subject.user === identity.name : identity.groups.includes(subject.group);
}

function matches(allowed: readonly string[], value: string): boolean {
  return allowed.includes('*') || allowed.includes(value);
}
