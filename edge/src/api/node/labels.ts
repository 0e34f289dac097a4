/** Labels below kubernetes.io and k8s.io that a kubelet may set on its own Node. */
const ALLOWED = new Set([
  'kubernetes.io/hostname',
  'kubernetes.io/arch',
  'kubernetes.io/os',
  'beta.kubernetes.io/arch',
  'beta.kubernetes.io/os',
  'beta.kubernetes.io/instance-type',
  'node.kubernetes.io/instance-type',
  'failure-domain.beta.kubernetes.io/zone',
  'failure-domain.beta.kubernetes.io/region',
  'failure-domain.kubernetes.io/zone',
  'failure-domain.kubernetes.io/region',
  'topology.kubernetes.io/zone',
  'topology.kubernetes.io/region',
]);
/** Allowed as a whole, with everything below them. */
const ALLOWED_DOMAINS = ['kubelet.kubernetes.io', 'node.kubernetes.io'];
/** Domains that belong to Kubernetes; `node-restriction.kubernetes.io` is one of them and in no list of exceptions. */
const RESERVED_DOMAINS = ['kubernetes.io', 'k8s.io'];

/** The labels that differ and that a node may not change by itself, sorted. */
export function forbiddenLabelChanges(
  labels: Readonly<Record<string, string>>,
  previous: Readonly<Record<string, string>>,
): string[] {
  const names = new Set([...Object.keys(labels), ...Object.keys(previous)]);
  return [...names].filter((name) => labels[name] !== previous[name] && isForbidden(name)).sort();
}

function isForbidden(label: string): boolean {
  const domain = label.includes('/') ? label.slice(0, label.indexOf('/')) : '';
  if (!RESERVED_DOMAINS.some((reserved) => isWithin(domain, reserved)) || ALLOWED.has(label)) return false;
  return !ALLOWED_DOMAINS.some((allowed) => isWithin(domain, allowed));
}

function isWithin(domain: string, parent: string): boolean {
  return domain === parent || domain.endsWith(`.${parent}`);
}
