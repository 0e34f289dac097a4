import type { WriteClass } from './row.ts';
import type { WriteVerb } from './types.ts';

/**
 * Which writes of the device the cloud is told, and how. Which there are at all, and who answers them, stands in `api/device/surface.ts`:
 * those that only the cloud answers never come to the store.
 */

/** Made on the device without end, and never sent down: their number is bounded (StoreLimits.events). */
const EVENT_RESOURCES: ReadonlySet<string> = new Set(['events', 'events.k8s.io/events']);

export function writeClass(resource: string, verb: WriteVerb): WriteClass {
  // A node may not delete its Node. It takes one back that the cloud has lost, to register anew, which is no news to the cloud.
  if (resource === 'nodes' && verb === 'delete') return 'local';
  return verb === 'patch' ? 'state' : 'entry';
}

export function isEvent(resource: string): boolean {
  return EVENT_RESOURCES.has(resource);
}
