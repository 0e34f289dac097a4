import type { PolicyRule, RuleBinding } from '@hawser/edge';

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

function everything(kind: 'resources' | 'paths'): PolicyRule {
  return kind === 'resources' ? { verbs: ['*'], apiGroups: ['*'], resources: ['*'] } : { verbs: ['*'], nonResourceURLs: ['*'] };
}
