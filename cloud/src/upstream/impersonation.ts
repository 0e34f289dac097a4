import { HawserError, isJsonObject, type JsonValue } from '@hawser/protocol';
import type { NodeApi, NodeUser } from './node-api.ts';

/**
 * How the relay acts as a node (Kubernetes impersonation).
 * - constrained: the user alone; the server checks the rights `impersonate:arbitrary-node` and `impersonate-on:arbitrary-node:VERB`
 *   and adds the groups itself. With a group in the request it refuses.
 * - groups: user and group system:nodes, with the right `impersonate` on both; without the group the Node authorizer says no.
 */
export type ImpersonationForm = 'constrained' | 'groups';

const NODES_GROUP = 'system:nodes';
/** A name that no Node has to bear: who a reviewer would be is asked, nothing is read or written. */
const PROBE_NODE = 'hawser-probe';
const TIMEOUT_MS = 10_000;
const REVIEW_PATH = '/apis/authentication.k8s.io/v1/selfsubjectreviews';
const REVIEW = JSON.stringify({ apiVersion: 'authentication.k8s.io/v1', kind: 'SelfSubjectReview' });

export function nodeUser(name: string, form: ImpersonationForm): NodeUser {
  return { user: `system:node:${name}`, groups: form === 'groups' ? [NODES_GROUP] : [] };
}

/**
 * The form that this server grants us: the constrained one where a review under it shows the group system:nodes, the older one
 * elsewhere, whether granted or not: what is missing then shows in the first answer to a report.
 * @throws HawserError `unreachable` when the server gave no answer to that question
 */
export async function probeImpersonation(api: NodeApi, signal: AbortSignal): Promise<ImpersonationForm> {
  const answer = await api.request({
    method: 'POST',
    path: REVIEW_PATH,
    body: REVIEW,
    contentType: 'application/json',
    impersonate: nodeUser(PROBE_NODE, 'constrained'),
    signal,
    timeoutMs: TIMEOUT_MS,
  });
  if (answer.status === 201) return groupsOf(answer.text).includes(NODES_GROUP) ? 'constrained' : 'groups';
  // Not granted, or a server that has no such review.
  if (answer.status === 403 || answer.status === 404) return 'groups';
  throw new HawserError('unreachable', `the API server answered ${answer.status} when asked who a node's user is`);
}

function groupsOf(text: string): readonly JsonValue[] {
  const review: JsonValue = JSON.parse(text);
  const status = isJsonObject(review) ? review.status : undefined;
  const userInfo = isJsonObject(status) ? status.userInfo : undefined;
  const groups = isJsonObject(userInfo) ? userInfo.groups : undefined;
  return Array.isArray(groups) ? groups : [];
}
