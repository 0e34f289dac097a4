import { createHash } from 'node:crypto';
import { apiVersionOf, type JsonObject, parseObjectKey, resourceById, resourcePath } from '@hawser/protocol';
import type { RefusedObject } from '../downstream/index.ts';

/** Who writes it, as `kubectl describe` and controllers see it. */
const COMPONENT = 'hawser-relay';
const REASON = 'RefusedByDevice';
/** Events of cluster-scoped objects live here (Kubernetes, client-go's event recorder). */
const CLUSTER_SCOPE_NAMESPACE = 'default';
/** Characters; the limit of an Event's note (events.k8s.io/v1), which the core form shares with it. */
const MAX_MESSAGE = 1024;
/** Hex digits of the name's hash: 96 bits, as short as what other recorders append. */
const NAME_DIGITS = 24;

/** Where an Event is, and what it says about one object that one device has refused for one reason. */
export interface EventPlan {
  /** Of the collection: `/api/v1/namespaces/web/events`. */
  readonly collection: string;
  readonly name: string;
  readonly involvedObject: JsonObject;
  readonly message: string;
}

/** Undefined where there is nothing to tell: the kind is not known, or the object is to be sent again whole anyway. */
export function planEvent({ node, key, version, reason, detail }: RefusedObject): EventPlan | undefined {
  const { resource: id, namespace, name } = parseObjectKey(key);
  const resource = resourceById(id);
  const events = resourceById('events');
  if (resource === undefined || events === undefined || reason === 'baseUnknown') return undefined;
  const { uid, resourceVersion } = version;
  const scope = namespace === '' ? {} : { namespace };
  return {
    collection: resourcePath(events, namespace === '' ? CLUSTER_SCOPE_NAMESPACE : namespace),
    // The same refusal has the same name whoever writes it, so that it is counted and not written anew.
    name: `refused-by-device.${createHash('sha256').update(`${uid}\0${node}\0${reason}`).digest('hex').slice(0, NAME_DIGITS)}`,
    involvedObject: { apiVersion: apiVersionOf(resource), kind: resource.kind, ...scope, name, uid, resourceVersion },
    message: `Node ${node} could not take this version: ${reason}${detail === '' ? '' : ` (${detail})`}`.slice(0, MAX_MESSAGE),
  };
}

/** Since when, until when, and how often. */
export interface Occurrences {
  readonly first: Date;
  readonly last: Date;
  readonly count: number;
}

/** The Event as it is first written (core/v1; the form that `kubectl get events` and `describe` read). */
export function newEvent(plan: EventPlan, { first, last, count }: Occurrences, instance: string): JsonObject {
  const namespace = plan.collection.split('/').at(-2) ?? CLUSTER_SCOPE_NAMESPACE;
  return {
    apiVersion: 'v1',
    kind: 'Event',
    metadata: { name: plan.name, namespace },
    involvedObject: plan.involvedObject,
    type: 'Warning',
    reason: REASON,
    message: plan.message,
    source: { component: COMPONENT },
    reportingComponent: COMPONENT,
    reportingInstance: instance,
    firstTimestamp: timestamp(first),
    lastTimestamp: timestamp(last),
    count,
  };
}

/** Merge patch of one that is there: only if nobody else has counted meanwhile. */
export function countedEvent(
  plan: EventPlan,
  { last, count }: Occurrences,
  current: { readonly count: number; readonly resourceVersion: string },
): JsonObject {
  return {
    metadata: { resourceVersion: current.resourceVersion },
    involvedObject: { resourceVersion: plan.involvedObject.resourceVersion ?? null },
    message: plan.message,
    lastTimestamp: timestamp(last),
    count: current.count + count,
  };
}

/** metav1.Time: RFC 3339 in whole seconds. */
function timestamp(date: Date): string {
  return `${date.toISOString().slice(0, 19)}Z`;
}
