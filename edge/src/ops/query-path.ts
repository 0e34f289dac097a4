import { HawserError } from '@hawser/protocol';
import type { OwnPath } from '../api/http/own-path.ts';
import { badRequest } from '../api/status.ts';
import { type CloudLookup, type LookupQuestion, questionFromParams } from '../upstream/index.ts';

/** The local API's `/hawser/v1/query`: what is known of an object, asked by the administrator of the device. */
export function createQueryPath(lookup: CloudLookup): OwnPath {
  return {
    async get({ query, signal }) {
      const { timeoutMs, live, ...key } = question(query);
      return lookup.look(key, { signal, live, ...(timeoutMs === undefined ? {} : { deadlineMs: timeoutMs }) });
    },
  };
}

/** @throws ApiError 400 */
function question(query: URLSearchParams): LookupQuestion {
  try {
    return questionFromParams(query);
  } catch (cause) {
    if (cause instanceof HawserError) throw badRequest(cause.message, { cause });
    throw cause;
  }
}
