/** No query waits longer than this for its answer, in milliseconds. */
export const MAX_QUERY_MS = 10 * 60_000;

/** Queries of one session that may be without an answer; the relay answers one more with `unavailable`. */
export const MAX_OPEN_QUERIES = 64;

const HOUR = 3600;
const DAY = 24 * HOUR;

/**
 * How one kind of question is answered.
 * - rights `node`: by a call of the API server as the node, so that the cluster's Node authorizer decides, each time
 * - rights `relay`: with the relay's own rights, because a node may not read it; only where it is in the node's desired set or, where
 *   the relay watches no such resource, where a pod of the node refers to it
 */
export interface QueryRule {
  readonly resource: string;
  /** "" for the object itself. */
  readonly subresource: string;
  readonly type: 'get' | 'submit';
  readonly rights: 'node' | 'relay';
  /** `cache`: what the relay's watch has told; `live`: read from the API server for this question. */
  readonly from: 'cache' | 'live';
  /** What the device does with the answer: keeps the last one for the time without a link, or not. */
  readonly kept: boolean;
  /** For so long after it was read a kept answer serves without a link, in seconds; undefined: without an end, with its age. */
  readonly offlineSeconds: number | undefined;
}

function get(resource: string, rights: QueryRule['rights'], from: QueryRule['from'], offlineSeconds?: number): QueryRule {
  return { resource, subresource: '', type: 'get', rights, from, kept: offlineSeconds !== 0, offlineSeconds };
}

function submit(resource: string, subresource: string, kept: boolean): QueryRule {
  return { resource, subresource, type: 'submit', rights: 'node', from: 'live', kept, offlineSeconds: undefined };
}

const CERTIFICATE_REQUESTS = 'certificates.k8s.io/certificatesigningrequests';

/**
 * The one signer to which requests of devices are passed on: certificates with which a kubelet serves. One with which it would be a client
 * of the API server itself would outlive the device's being revoked.
 */
export const PASSED_SIGNER = 'kubernetes.io/kubelet-serving';

/** Everything that may be asked, for both sides. What a pod needs to start serves offline without an end. */
export const QUERY_TABLE: readonly QueryRule[] = [
  get('configmaps', 'node', 'live'),
  get('secrets', 'node', 'live'),
  get('services', 'node', 'live'),
  get('endpoints', 'relay', 'cache', DAY),
  get('discovery.k8s.io/endpointslices', 'relay', 'cache', DAY),
  get('persistentvolumes', 'node', 'live'),
  get('persistentvolumeclaims', 'node', 'live'),
  get('storage.k8s.io/volumeattachments', 'node', 'live'),
  get('nodes', 'node', 'live', DAY),
  get('pods', 'node', 'live', DAY),
  // A heartbeat of yesterday is none.
  get('coordination.k8s.io/leases', 'node', 'live', 0),
  get('storage.k8s.io/csinodes', 'node', 'live'),
  get('namespaces', 'relay', 'cache'),
  get('serviceaccounts', 'relay', 'cache'),
  get('storage.k8s.io/storageclasses', 'relay', 'live'),
  get('storage.k8s.io/csidrivers', 'node', 'live'),
  get('node.k8s.io/runtimeclasses', 'node', 'live'),
  get('scheduling.k8s.io/priorityclasses', 'relay', 'live'),
  // Of the node's own. One that waits for its certificate is asked about all the time: nothing of it is worth keeping.
  get(CERTIFICATE_REQUESTS, 'node', 'live', 0),
  // Serves until the `exp` of its JWT, by rules of its own.
  submit('serviceaccounts', 'token', true),
  submit('pods', 'eviction', false),
  // One is made: the question has no name.
  submit(CERTIFICATE_REQUESTS, '', false),
];

/** The rule for a question, or undefined for what may not be asked. */
export function queryRule(type: QueryRule['type'], resource: string, subresource = ''): QueryRule | undefined {
  return QUERY_TABLE.find((rule) => rule.type === type && rule.resource === resource && rule.subresource === subresource);
}
