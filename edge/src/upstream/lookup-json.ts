import { HawserError, MAX_QUERY_MS, type ObjectKeyParts, objectKey, parseJson, resourceById } from '@hawser/protocol';
import * as v from 'valibot';
import type { Lookup } from './lookup.ts';

/** Where the device's API answers `QUERY_PATH?resource=…&namespace=…&name=…&timeoutMs=…&live=true` with a {@link Lookup}, to its administrator. */
export const QUERY_PATH = '/hawser/v1/query';

export interface LookupQuestion extends ObjectKeyParts {
  readonly timeoutMs: number | undefined;
  readonly live: boolean;
}

export function questionToParams({ resource, namespace, name, timeoutMs, live }: LookupQuestion): URLSearchParams {
  const timeout = timeoutMs === undefined ? {} : { timeoutMs: String(timeoutMs) };
  return new URLSearchParams({ resource, namespace, name, live: String(live), ...timeout });
}

/** @throws HawserError `malformed_object`, with what is wrong */
export function questionFromParams(params: URLSearchParams): LookupQuestion {
  const [id, namespace, name] = ['resource', 'namespace', 'name'].map((field) => params.get(field) ?? '');
  const resource = resourceById(id ?? '');
  if (resource === undefined) throw malformed(`resource ${JSON.stringify(id)} is not known`);
  if (resource.namespaced !== (namespace !== '')) {
    throw malformed(`${resource.resource} ${resource.namespaced ? 'need a namespace' : 'have no namespace'}`);
  }
  objectKey(resource.id, namespace ?? '', name ?? '');
  const key = { resource: resource.id, namespace: namespace ?? '', name: name ?? '' };
  return { ...key, timeoutMs: timeoutOf(params.get('timeoutMs')), live: params.get('live') === 'true' };
}

function timeoutOf(text: string | null): number | undefined {
  if (text === null) return undefined;
  const timeoutMs = /^\d{1,9}$/.test(text) ? Number(text) : 0;
  if (timeoutMs >= 1 && timeoutMs <= MAX_QUERY_MS) return timeoutMs;
  throw malformed(`timeoutMs must be 1 to ${MAX_QUERY_MS}`);
}

const said = { source: v.picklist(['synced', 'cloud', 'relayCache', 'kept']), ageMs: v.optional(v.number()) };
const status = { code: v.number(), reason: v.string(), message: v.string() };
const object = v.looseObject({ apiVersion: v.string(), kind: v.string(), metadata: v.looseObject({ name: v.string() }) });

const lookup = v.variant('type', [
  v.object({ type: v.literal('found'), object, ...said }),
  v.object({ type: v.literal('notFound'), message: v.string(), ...said }),
  v.object({ type: v.picklist(['forbidden', 'refused']), ...status }),
  v.object({ type: v.literal('unavailable'), retryAfterMs: v.number(), message: v.string() }),
  v.object({ type: v.literal('unknownOffline'), message: v.string() }),
]);

/** The answer of {@link QUERY_PATH}. @throws HawserError `malformed_object` for what is none */
export function lookupFromJson(text: string): Lookup {
  try {
    const { ...answer } = v.parse(lookup, parseJson(text));
    return 'source' in answer ? { ...answer, ageMs: answer.ageMs } : answer;
  } catch {
    // The schema's error holds all of the answer, which may be a Secret.
    throw new HawserError('malformed_object', 'the answer of the agent is none that this version knows');
  }
}

function malformed(message: string): HawserError {
  return new HawserError('malformed_object', message);
}
