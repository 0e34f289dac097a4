import { apiVersionOf, type JsonObject, parseObjectKey, resourceById, resourcePath } from '@hawser/protocol';
import type { RefusedObject } from '../downstream/index.ts';
import {
  CLUSTER_SCOPE_NAMESPACE,
  eventName,
  eventTime,
  MAX_EVENT_MESSAGE,
  type Occurrences,
  warningEvent,
} from '../warning-event.ts';

const REASON = 'RefusedByDevice';

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
    name: eventName('refused-by-device', [uid, node, reason]),
    involvedObject: { apiVersion: apiVersionOf(resource), kind: resource.kind, ...scope, name, uid, resourceVersion },
    message: `Node ${node} could not take this version: ${reason}${detail === '' ? '' : ` (${detail})`}`.slice(
      0,
      MAX_EVENT_MESSAGE,
    ),
  };
}

/** The Event as it is first written. */
export function newEvent(plan: EventPlan, occurrences: Occurrences, instance: string): JsonObject {
  const namespace = plan.collection.split('/').at(-2) ?? CLUSTER_SCOPE_NAMESPACE;
  return warningEvent({ ...plan, namespace, reason: REASON }, occurrences, instance);
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
    lastTimestamp: eventTime(last),
    count: current.count + count,
  };
}
