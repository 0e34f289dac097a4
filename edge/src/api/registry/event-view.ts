import type { KubeObject } from '@hawser/protocol';

/** events.k8s.io/v1 field → core/v1 field; both kinds of Event are one stored object (Kubernetes: pkg/apis/events/v1). */
const NEW_TO_CORE: Readonly<Record<string, string>> = {
  regarding: 'involvedObject',
  note: 'message',
  reportingController: 'reportingComponent',
  deprecatedSource: 'source',
  deprecatedFirstTimestamp: 'firstTimestamp',
  deprecatedLastTimestamp: 'lastTimestamp',
  deprecatedCount: 'count',
};

const CORE_TO_NEW: Readonly<Record<string, string>> = Object.fromEntries(
  Object.entries(NEW_TO_CORE).map(([newName, coreName]) => [coreName, newName]),
);

/** A stored (core) event in the form of events.k8s.io. */
export function eventFromCore(event: KubeObject, apiVersion: string): KubeObject {
  return renamed(event, apiVersion, CORE_TO_NEW);
}

/** An event of events.k8s.io in the form in which it is stored. */
export function eventToCore(event: KubeObject): KubeObject {
  return renamed(event, 'v1', NEW_TO_CORE);
}

function renamed(event: KubeObject, apiVersion: string, names: Readonly<Record<string, string>>): KubeObject {
  const { kind, metadata, apiVersion: _replaced, ...fields } = event;
  const entries = Object.entries(fields).map(([key, value]) => [Object.hasOwn(names, key) ? names[key] : key, value]);
  return { kind, apiVersion, metadata, ...Object.fromEntries(entries) };
}
