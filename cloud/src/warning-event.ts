import { createHash } from 'node:crypto';
import type { JsonObject } from '@hawser/protocol';

/** Who writes Events, as `kubectl describe` and controllers see it. */
const COMPONENT = 'hawser-relay';
/** Events of cluster-scoped objects live here (Kubernetes, client-go's event recorder). */
export const CLUSTER_SCOPE_NAMESPACE = 'default';
/** Characters; the limit of an Event's note (events.k8s.io/v1), which the core form shares with it. */
export const MAX_EVENT_MESSAGE = 1024;
/** Hex digits of a name's hash: 96 bits, as short as what other recorders append. */
const NAME_DIGITS = 24;

/** Since when, until when, and how often. */
export interface Occurrences {
  readonly first: Date;
  readonly last: Date;
  readonly count: number;
}

export interface WarningEvent {
  readonly name: string;
  readonly namespace: string;
  readonly involvedObject: JsonObject;
  readonly reason: string;
  readonly message: string;
}

/** An Event as it is first written (core/v1; the form that `kubectl get events` and `describe` read). */
export function warningEvent(event: WarningEvent, { first, last, count }: Occurrences, instance: string): JsonObject {
  return {
    apiVersion: 'v1',
    kind: 'Event',
    metadata: { name: event.name, namespace: event.namespace },
    involvedObject: event.involvedObject,
    type: 'Warning',
    reason: event.reason,
    message: event.message.slice(0, MAX_EVENT_MESSAGE),
    source: { component: COMPONENT },
    reportingComponent: COMPONENT,
    reportingInstance: instance,
    firstTimestamp: eventTime(first),
    lastTimestamp: eventTime(last),
    count,
  };
}

/** One that happened once, now. */
export function once(now: Date): Occurrences {
  return { first: now, last: now, count: 1 };
}

/** The same parts give the same name whoever writes the Event, so that it is counted, or not written twice. */
export function eventName(prefix: string, parts: readonly string[]): string {
  return `${prefix}.${createHash('sha256').update(parts.join('\0')).digest('hex').slice(0, NAME_DIGITS)}`;
}

/** A node's kubelet and its controllers name a Node by its name in place of the uid, and so does who looks for its Events. */
export function involvedNode(name: string): JsonObject {
  return { apiVersion: 'v1', kind: 'Node', name, uid: name };
}

export function eventsPath(namespace: string): string {
  return `/api/v1/namespaces/${namespace}/events`;
}

/** metav1.Time: RFC 3339 in whole seconds. */
export function eventTime(date: Date): string {
  return `${date.toISOString().slice(0, 19)}Z`;
}
