import type { KubeObject } from '@hawser/protocol';
import type { Miss } from '../api/policy.ts';
import { ApiError, detailsAbout, isStatusReason, serviceUnavailable } from '../api/status.ts';
import type { CloudLookup, Lookup } from './lookup.ts';
import { DEFAULT_QUERY_MS } from './queries.ts';
import { OFFLINE_RETRY_SECONDS, retrySeconds } from './retry.ts';

/**
 * What the local API says of an object that the device does not hold: the cloud is asked, and without a link what it has said before.
 * "Not found" is only what the cluster has said; where nothing is known that is what is said (503).
 */
export function createElsewhere(lookup: CloudLookup): (miss: Miss) => Promise<KubeObject | undefined> {
  return async (miss) => {
    const { key, signal } = miss;
    const deadlineMs = Math.max(1, Math.min(miss.deadlineMs ?? DEFAULT_QUERY_MS, DEFAULT_QUERY_MS));
    return told(miss, await lookup.look(key, { deadlineMs, ...(signal === undefined ? {} : { signal }) }));
  };
}

/** @throws ApiError */
function told({ resource, key, warn }: Miss, lookup: Lookup): KubeObject | undefined {
  switch (lookup.type) {
    case 'found':
    case 'notFound':
      if (lookup.source === 'kept') warn(keptWarning(lookup.ageMs));
      return lookup.type === 'found' ? lookup.object : undefined;
    case 'forbidden':
    case 'refused': {
      const { code, reason, message } = lookup;
      const words = lookup.type === 'forbidden' ? `${message} (${WHY_ASKED})` : message;
      throw new ApiError(code, isStatusReason(reason) ? reason : undefined, words, detailsAbout(resource, key.name));
    }
    case 'unavailable':
      throw serviceUnavailable(lookup.message, retrySeconds(lookup.retryAfterMs));
    case 'unknownOffline':
      throw serviceUnavailable(`${resource.resource} ${JSON.stringify(key.name)}: ${lookup.message}`, OFFLINE_RETRY_SECONDS);
  }
}

const WHY_ASKED =
  'the cluster was asked for this device, which may see what its pods need; all else is read and changed in the cluster';

function keptWarning(ageMs: number | undefined): string {
  const age = ageMs === undefined ? 'earlier' : `${Math.floor(ageMs / 1000)} s ago`;
  return `kept on this device, as the cluster has said it ${age}: there is no link to ask it now`;
}
