import type { ApiResource } from '@hawser/protocol';
import type { Clock } from '../clock.ts';
import type { ApiPolicy } from '../policy.ts';
import type { Storage } from '../storage.ts';

/** What every operation of the API works with. */
export interface ApiContext {
  readonly storage: Storage;
  readonly policy: ApiPolicy;
  readonly clock: Clock;
  /** A new uid (RFC 4122). */
  readonly newUid: () => string;
  /** At least 0, below 1; for generated names. */
  readonly random: () => number;
}

/** A collection or an object. `namespace` "" means all namespaces or a cluster-scoped resource; `name` "" means the collection. */
export interface Target {
  readonly resource: ApiResource;
  readonly namespace: string;
  readonly name: string;
  /** "" for the main resource. */
  readonly subresource: string;
}

export function hasSubresource(resource: ApiResource, subresource: string): boolean {
  return resource.subresources.includes(subresource);
}
