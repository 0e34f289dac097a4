import { HawserError, type JsonObject, resourceById, resourcePath } from '@hawser/protocol';
import { AGENT_VERSION_ANNOTATION, LINKED_CONDITION } from '../locating/index.ts';
import { type LinkState, microTime } from '../replicas/index.ts';
import type { ApiCall } from '../upstream/index.ts';
import { LINKED_STATUS, type LinkedWrite } from './linked.ts';
import { LEASE_DURATION_SECONDS, type Renewal } from './renewals.ts';

/** Where the cluster looks for node Leases (Kubernetes, "Leases", node heartbeats). */
const NAMESPACE = 'kube-node-lease';

/** For people; the same text always, so that a node that is linked at another replica changes nothing. */
const LINKED_WORDS = {
  up: { reason: 'LinkOpen', message: 'the agent of this node is linked to a relay' },
  down: { reason: 'LinkLost', message: 'the agent of this node has no link to a relay' },
  unknown: {
    reason: 'RelayGone',
    message: 'the relay that had the link of this node has gone, and its agent has not linked anew',
  },
} as const satisfies Record<LinkState, object>;

/** The call of a renewal, as the node. `at` is the time of the wall. */
export function leaseCall({ node, action }: Renewal, at: Date): ApiCall {
  const leases = tableEntry('coordination.k8s.io/leases');
  const spec = { holderIdentity: node, leaseDurationSeconds: LEASE_DURATION_SECONDS, renewTime: microTime(at.getTime()) };
  const owners = (uid: string) => [{ apiVersion: 'v1', kind: 'Node', name: node, uid }];
  if (action.type === 'create') {
    const metadata = { name: node, namespace: NAMESPACE, ownerReferences: owners(action.ownerUid) };
    const lease = { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata, spec };
    return { method: 'POST', path: resourcePath(leases, NAMESPACE, ''), ...json(lease, 'application/json') };
  }
  const metadata = {
    ...(action.version === undefined ? {} : { resourceVersion: action.version }),
    ...(action.ownerUid === undefined ? {} : { ownerReferences: owners(action.ownerUid) }),
  };
  const patch = { ...(Object.keys(metadata).length === 0 ? {} : { metadata }), spec };
  return { method: 'PATCH', path: resourcePath(leases, NAMESPACE, node), ...json(patch, 'application/merge-patch+json') };
}

/** The call of a write of the condition and its annotation, as the node. A Node that was made anew since is not met: it has another uid. */
export function linkedCall({ node, uid, condition, agentVersion }: LinkedWrite, since: Date | undefined): ApiCall {
  const metadata = { uid, ...(agentVersion === undefined ? {} : { annotations: { [AGENT_VERSION_ANNOTATION]: agentVersion } }) };
  const time = since === undefined ? undefined : `${since.toISOString().slice(0, 19)}Z`;
  const conditions =
    condition === undefined || time === undefined
      ? undefined
      : [
          {
            type: LINKED_CONDITION,
            status: LINKED_STATUS[condition.state],
            ...LINKED_WORDS[condition.state],
            lastHeartbeatTime: time,
            lastTransitionTime: time,
          },
        ];
  const patch = { metadata, ...(conditions === undefined ? {} : { status: { conditions } }) };
  const path = resourcePath(tableEntry('nodes'), '', node, 'status');
  return { method: 'PATCH', path, ...json(patch, 'application/strategic-merge-patch+json') };
}

function json(body: JsonObject, contentType: string): { readonly body: string; readonly contentType: string } {
  return { body: JSON.stringify(body), contentType };
}

function tableEntry(id: string) {
  const resource = resourceById(id);
  if (resource === undefined) throw new HawserError('unsupported', `no ${id} in the resource table`);
  return resource;
}
