import type { ObjectKey } from '@hawser/protocol';
import { resourceOf } from '../store/index.ts';
import { attachmentNode, claimFacts, podFacts, sliceService, volumeFacts } from './facts.ts';
import type { Locator } from './locator.ts';
import type { NeedChange } from './need-graph.ts';
import { isScoped, isScopedByLabel } from './scopes.ts';

/** What these hold says which node needs what, so their texts are always read; of all others the key is enough. */
const LOCATING_RESOURCES: ReadonlySet<string> = new Set([
  'nodes',
  'pods',
  'persistentvolumeclaims',
  'persistentvolumes',
  'storage.k8s.io/volumeattachments',
]);

export function isLocatedByText(key: ObjectKey): boolean {
  return LOCATING_RESOURCES.has(resourceOf(key)) || isScopedByLabel(key);
}

export interface Located {
  readonly changes: NeedChange[];
  /** It is a pod that names more than MAX_REFERENCES: not all of them are located. */
  readonly truncated: boolean;
}

/**
 * Tells the locator of an object that is new or has changed. Nodes are not located here: whether one is an edge node is not in its text alone.
 * @param json as it came from the API server; read where `isLocatedByText`
 * @throws HawserError `malformed_object` when that is no JSON object: the locator keeps what it knew
 */
export function locate(locator: Locator, key: ObjectKey, json: string): Located {
  if (resourceOf(key) !== 'pods') return { changes: locateOther(locator, key, json), truncated: false };
  const facts = podFacts(json);
  return { changes: locator.setPod(key, facts), truncated: facts.truncated };
}

function locateOther(locator: Locator, key: ObjectKey, json: string): NeedChange[] {
  switch (resourceOf(key)) {
    case 'persistentvolumeclaims':
      return locator.setClaim(key, claimFacts(json));
    case 'persistentvolumes':
      return locator.setVolume(key, volumeFacts(json));
    case 'storage.k8s.io/volumeattachments':
      return locator.setAttachment(key, attachmentNode(json));
    default:
      if (!isScoped(key)) return [];
      return locator.setScoped(key, isScopedByLabel(key) ? sliceService(json) : undefined);
  }
}
