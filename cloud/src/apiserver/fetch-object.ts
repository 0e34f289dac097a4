import { HawserError, type ObjectKey, parseObjectKey, resourceById, resourcePath } from '@hawser/protocol';
import { type Clock, systemClock } from '../clock.ts';
import type { Observed } from '../merge/change.ts';
import { readFailure, saysNotFound } from './answer.ts';
import { pause } from './backoff.ts';
import type { ApiClient } from './client.ts';
import { observe } from './observe.ts';

/** A server that asks for a wait is asked again so often; after that the caller decides. */
const MAX_TRIES = 3;
/** A longer wait is the caller's to make. */
const MAX_WAIT_MS = 30_000;

export interface FetchOptions {
  readonly clock?: Clock;
  readonly signal?: AbortSignal;
}

/**
 * One live read, from etcd and not from a cache (no resourceVersion: Kubernetes API concepts, "Semantics for get and list"), so
 * it is never older than anything that was watched before. `notFound` is said only when the API server says so of this object.
 * @throws HawserError `unreachable` for every other answer, `unauthorized` for 401 and 403, `malformed_object`, `unsupported` for a
 * resource that the table does not have
 */
export async function fetchObject(client: ApiClient, key: ObjectKey, options: FetchOptions = {}): Promise<Observed | 'notFound'> {
  const { clock = systemClock, signal = new AbortController().signal } = options;
  const { resource: id, namespace, name } = parseObjectKey(key);
  const resource = resourceById(id);
  if (resource === undefined) throw new HawserError('unsupported', `no resource ${id} in the resource table`);
  for (let tries = 1; ; tries += 1) {
    const answer = await client.request({ method: 'GET', path: resourcePath(resource, namespace, name), signal });
    if (answer.status === 200) {
      const bytes = Buffer.from(answer.text, 'utf8');
      const observation = observe(resource, bytes, { from: 0, to: bytes.length }, () => true);
      if (observation.type === 'unreadable') throw new HawserError('malformed_object', `${key} ${observation.reason}`);
      if (observation.object.key !== key)
        throw new HawserError('malformed_object', `asked for ${key}, got ${observation.object.key}`);
      return observation.object;
    }
    const failure = readFailure(answer.status, answer.headers, answer.text, clock.now());
    if (answer.status === 404 && saysNotFound(answer.text, name)) return 'notFound';
    const { retryAfterMs } = failure;
    if (
      (answer.status === 429 || answer.status === 503) &&
      retryAfterMs !== undefined &&
      retryAfterMs <= MAX_WAIT_MS &&
      tries < MAX_TRIES
    ) {
      await pause(clock, retryAfterMs, signal);
      continue;
    }
    const isRefused = answer.status === 401 || answer.status === 403;
    const message = `GET ${key}: ${answer.status} ${failure.reason} ${failure.message}`;
    throw new HawserError(isRefused ? 'unauthorized' : 'unreachable', message);
  }
}
