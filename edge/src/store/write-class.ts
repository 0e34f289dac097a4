import type { WriteClass } from './row.ts';
import type { WriteVerb } from './types.ts';

/** Which writes of the device the cloud is told, and how. Writes that only the cloud can answer never come to the store. */

/**
 * Heartbeats do not cross the link: the relay renews the node's Lease while the session is alive. A renewal each ten seconds is not
 * worth a write to a flash memory either: they are kept in memory, and never come to the database.
 */
const VOLATILE_RESOURCES: ReadonlySet<string> = new Set(['coordination.k8s.io/leases']);

/** Made on the device without end, and never sent down: their number is bounded (StoreLimits.events). */
const EVENT_RESOURCES: ReadonlySet<string> = new Set(['events', 'events.k8s.io/events']);

export function writeClass(resource: string, verb: WriteVerb): WriteClass {
  // A node may not delete its Node. It takes one back that the cloud has lost, to register anew, which is no news to the cloud.
  if (resource === 'nodes' && verb === 'delete') return 'local';
  return verb === 'patch' ? 'state' : 'entry';
}

export function isVolatile(resource: string): boolean {
  return VOLATILE_RESOURCES.has(resource);
}

export function isEvent(resource: string): boolean {
  return EVENT_RESOURCES.has(resource);
}
