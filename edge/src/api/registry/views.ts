import { type ApiResource, apiVersionOf, type KubeObject, resourceById } from '@hawser/protocol';
import type { StorageKey } from '../storage.ts';
import type { Target } from './context.ts';
import { eventFromCore, eventToCore } from './event-view.ts';

/**
 * Some objects are served under two resources: events are stored in their core form and shown as `events.k8s.io/v1` too.
 */
export function storageIdOf(resource: ApiResource): string {
  return resource.id === NEW_EVENTS ? CORE_EVENTS : resource.id;
}

const NEW_EVENTS = 'events.k8s.io/events';
const CORE_EVENTS = 'events';

export function storageKey(target: Target): StorageKey {
  return { resource: storageIdOf(target.resource), namespace: target.namespace, name: target.name };
}

/** The resource as the Storage and the policy see it. */
export function storedResource(resource: ApiResource): ApiResource {
  return resourceById(storageIdOf(resource)) ?? resource;
}

/** A stored object in the form of the resource under which it was asked for. */
export function fromStored(resource: ApiResource, object: KubeObject): KubeObject {
  return resource.id === NEW_EVENTS ? eventFromCore(object, apiVersionOf(resource)) : object;
}

/** An object that was sent for that resource in the form in which it is stored. */
export function toStored(resource: ApiResource, object: KubeObject): KubeObject {
  return resource.id === NEW_EVENTS ? eventToCore(object) : object;
}
