/** The audit log of a kube-apiserver, as far as it tells which rights the relay asked for and was not given. */
import { RELAY_USER } from '../apiserver/relay-identity.ts';

/** Writes down what the relay does, with its bodies left out, and nobody else's requests. */
export const AUDIT_POLICY = {
  apiVersion: 'audit.k8s.io/v1',
  kind: 'Policy',
  omitStages: ['RequestReceived', 'ResponseStarted'],
  rules: [{ level: 'Metadata', users: [RELAY_USER] }, { level: 'None' }],
};

/** What the relay asks at its start to know which form of impersonation there is, and is refused where it is the older one. */
export const ASKED_AS_PROBE = 'create authentication.k8s.io/selfsubjectreviews';

interface AuditEvent {
  readonly verb: string;
  readonly requestURI: string;
  readonly user?: { readonly username?: string };
  /** Set once the impersonation was allowed: what follows is decided by the rights of that user. */
  readonly impersonatedUser?: { readonly username?: string };
  readonly objectRef?: { readonly resource?: string; readonly apiGroup?: string; readonly subresource?: string };
  readonly responseStatus?: { readonly code?: number };
}

/**
 * Rights that the relay lacked, each once, in order: `list secrets`, `create leases`. Refusals of what it asked as a node are not among them:
 * those are of the node's rights. Nor is what it was given another time: an API server that has just started refuses until it has read the roles.
 */
export function deniedByAudit(log: string): readonly string[] {
  const denied = new Set<string>();
  const given = new Set<string>();
  for (const event of eventsOf(log)) {
    if (event.user?.username !== RELAY_USER || event.impersonatedUser !== undefined) continue;
    const right = `${event.verb} ${askedFor(event)}`;
    if (event.responseStatus?.code === 403) denied.add(right);
    else if (event.responseStatus?.code !== undefined) given.add(right);
  }
  return [...denied].filter((right) => !given.has(right)).sort();
}

function askedFor({ objectRef, requestURI }: AuditEvent): string {
  if (objectRef?.resource === undefined) return requestURI;
  const { apiGroup = '', resource, subresource = '' } = objectRef;
  return `${apiGroup === '' ? '' : `${apiGroup}/`}${resource}${subresource === '' ? '' : `/${subresource}`}`;
}

/** Lists of that resource that the relay has asked for as itself; watches are not counted with them. */
export function listsByAudit(log: string, resource: string): number {
  return eventsOf(log).filter(
    ({ verb, user, impersonatedUser, objectRef }) =>
      verb === 'list' && user?.username === RELAY_USER && impersonatedUser === undefined && objectRef?.resource === resource,
  ).length;
}

/** The last line may be half written. */
function eventsOf(log: string): AuditEvent[] {
  return log
    .slice(0, log.lastIndexOf('\n') + 1)
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as AuditEvent);
}
