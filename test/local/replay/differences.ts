import type { KnownDifference } from '../../replay/known.ts';

/** In all scenarios of a kubelet, or of kubectl. */
const KUBELET = /^08-kubelet-/;
const KUBECTL = /^09-kubectl-/;

const OWN_EVENTS =
  'A device has the Events that it has made. Those of controllers, of the scheduler and of earlier runs are in the cluster.';
const FEWER = 'The device serves what it can speak for, with the verbs that it takes.';
const PROVISIONAL =
  'What is born here has a provisional uid until the cloud has said its own: told as a change. A kubelet keeps pods by uid, so to it one ends and another begins, as when a mirror is replaced.';
const MIRROR = 'What a cluster adds to a new pod by default comes down with the mirror; it is told without at first.';
const IN_THE_CLUSTER = 'What a kubelet does not write is changed in the cluster: 403 says so.';
const OWN_OPENAPI = 'OpenAPI names what is served, with hashes of its own; the index has no ETag.';

export const KNOWN_DIFFERENCES: readonly KnownDifference[] = [
  {
    scenario: /^0[89]-/,
    where: /^nulls$/,
    reason:
      'Go prints a time or list that is not set as null; a field without a value is left out here, which decodes to the same.',
  },
  {
    scenario: KUBECTL,
    where: /^lastApplied$/,
    reason:
      'What kubectl notes about its last apply does not cross the link: it is half of an object, and of use to kubectl only.',
  },
  {
    scenario: KUBELET,
    where: /^bookmarks$/,
    reason:
      'A bookmark between events comes when the server likes: here a second after the first events, if anything was written.',
  },
  {
    scenario: /^08-kubelet-|^09-kubectl-delete$/,
    request: / \/api(s\/[^/]+)?\/v1\/(namespaces\/[^/]+\/)?(nodes|services|csidrivers|runtimeclasses|pods)\?/,
    where: /^events\[0\]\.object\.(spec|status|handler)$/,
    reason: 'The object of a bookmark has metadata only, without the empty fields that its Go type would print.',
  },

  // The kubelet's own objects.
  {
    scenario: KUBELET,
    request: /^POST \/api\/v1\/nodes$/,
    where: /^body\.spec\.taints$/,
    reason: 'The taint of a new Node is set by the API server; it comes down with the Node.',
  },
  {
    scenario: /^08-kubelet-(json|protobuf)-1-/,
    exchanges: [0],
    where: /^renamed$/,
    live: 1,
    reason: PROVISIONAL,
  },
  {
    scenario: '08-kubelet-protobuf-4-kubelet-restart-with-pod',
    exchanges: [19],
    where: /^renamed$/,
    live: 2,
    reason: PROVISIONAL,
  },
  {
    scenario: /^08-kubelet-(json|protobuf)-1-/,
    exchanges: [0],
    where: /^events\.(missing\[[02]\]|extra\[[013]\])$/,
    reason: 'The same: a new Node is told as the kubelet has made it, and once more when it has come down.',
  },
  {
    scenario: KUBELET,
    request: /csinodes/,
    where: /^body\.spec\.drivers$/,
    reason: 'An empty list of drivers stays one; the API server answers null.',
  },
  {
    scenario: /^08-kubelet-(json|protobuf)-1-/,
    exchanges: [35, 37],
    where: /^body\.items(\.length|\[\d+\]\.metadata\.name)$/,
    reason: OWN_EVENTS,
  },
  { scenario: '08-kubelet-json-2-pod-created-to-running', exchanges: [17], where: /^body\.items/, reason: OWN_EVENTS },
  { scenario: '08-kubelet-protobuf-2-pod-created-to-running', exchanges: [18], where: /^body\.items/, reason: OWN_EVENTS },
  {
    scenario: '08-kubelet-protobuf-6-static-pod-mirror',
    exchanges: [0, 11],
    where: /^body\.(spec\.(priority|preemptionPolicy)|status\.qosClass)$/,
    reason: MIRROR,
  },
  {
    scenario: '08-kubelet-protobuf-4-kubelet-restart-with-pod',
    exchanges: [19],
    where: /^events\.(missing|extra)\[\d\]$/,
    reason: MIRROR,
  },

  // What a device answers in another way.
  {
    scenario: '08-kubelet-protobuf-2-pod-created-to-running',
    exchanges: [1, 2],
    reason:
      'The authorizer of a cluster lags behind a binding: 403 at first. The device knows of no pod before it has what the pod needs.',
  },
  {
    scenario: /^08-kubelet-protobuf-[67]-/,
    request: /^GET .*\/pods\/static-edge-1$/,
    where: /^(status|body\.(code|reason|message|details.*))$/,
    reason: 'Of a pod that is gone the authorizer of a cluster says 403 to a node, and the device that there is none.',
  },
  {
    scenario: '08-kubelet-protobuf-5-logs-and-webhook-auth',
    exchanges: [0],
    reason: 'Logs are not served.',
  },

  // What kubectl would do to the cluster.
  {
    scenario: KUBECTL,
    request: /^(POST|PATCH|DELETE) .*\/namespaces\/rec-kubectl\/(configmaps|pods)/,
    where: /^status$/,
    live: 403,
    reason: IN_THE_CLUSTER,
  },
  {
    scenario: KUBECTL,
    request: /^(POST|PATCH|DELETE) .*\/namespaces\/rec-kubectl\/(configmaps|pods)/,
    where: /^body\./,
    reason: IN_THE_CLUSTER,
  },

  // What kubectl reads.
  {
    scenario: '09-kubectl-version-and-api-resources',
    exchanges: [0],
    where: /^body\./,
    reason: 'The version says that this is another program.',
  },
  { scenario: '09-kubectl-version-and-api-resources', exchanges: [1, 2], where: /^body\.items/, reason: FEWER },
  { scenario: '09-kubectl-edit-verbs', exchanges: [13], where: /^body\.resources/, reason: FEWER },
  {
    scenario: '09-kubectl-edit-verbs',
    exchanges: [6],
    reason: `${FEWER} A kind of a group of which it serves nothing is answered as an unknown group.`,
  },
  { scenario: KUBECTL, request: /^GET \/openapi\/v3/, reason: OWN_OPENAPI },
  { scenario: '09-kubectl-describe-pod', exchanges: [2], where: /^body\.items/, reason: OWN_EVENTS },
  { scenario: '09-kubectl-logs', exchanges: [1], reason: 'Logs are not served.' },

  // Who comes to the kubelet's own server.
  {
    scenario: '08-kubelet-protobuf-5-logs-and-webhook-auth',
    exchanges: [1, 2],
    where: /^body\.status/,
    reason: 'Who only the cluster knows, be it its administrators, may nothing on a device: it has tokens and rules of its own.',
  },
];
