import { type ApiResource, isJsonObject, type JsonValue, parseJson, resourcePath } from '@hawser/protocol';
import { type ApiClient, type ApiRequest, readFailure, saysNotFound } from '../apiserver/index.ts';
import type { Action, Failed, Outcome } from './action.ts';
import { leaseText, readLease } from './lease.ts';

/** A write that takes longer is tried again; the answer is then not known. */
const CALL_TIMEOUT_MS = 10_000;

export interface Performer {
  readonly client: Pick<ApiClient, 'request'>;
  readonly leases: ApiResource;
  readonly namespace: string;
  readonly signal: AbortSignal;
  readonly now: () => Date;
}

/** Does one action, with the relay's own rights. Never rejects: no answer is an outcome too. */
export async function perform(performer: Performer, action: Action): Promise<Outcome> {
  const { client, signal, now } = performer;
  try {
    const answer = await client.request({ ...requestFor(performer, action), signal, timeoutMs: CALL_TIMEOUT_MS });
    return outcomeOf(action, answer, now());
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    return { type: 'failed', why: 'unreachable', message, retryAfterMs: undefined };
  }
}

function requestFor({ leases, namespace }: Performer, action: Action): ApiRequest {
  const { name } = action;
  const path = resourcePath(leases, namespace, action.type === 'create' ? '' : name);
  switch (action.type) {
    case 'create':
      return { method: 'POST', path, body: leaseText(action.fields, name) };
    case 'update':
      return { method: 'PUT', path, body: leaseText(action.fields, name, action) };
    case 'delete': {
      const { uid, resourceVersion } = action;
      const preconditions = { uid, ...(resourceVersion === undefined ? {} : { resourceVersion }) };
      const options = { apiVersion: 'v1', kind: 'DeleteOptions', preconditions };
      return { method: 'DELETE', path, body: JSON.stringify(options) };
    }
    case 'read':
      return { method: 'GET', path };
  }
}

interface Answer {
  readonly status: number;
  readonly headers: { readonly 'retry-after'?: string | undefined };
  readonly text: string;
}

/** Reads what the API server said (Kubernetes API conventions, "HTTP Status codes"). What a proxy says in its place is no answer. */
export function outcomeOf(action: Action, { status, headers, text }: Answer, now: Date): Outcome {
  if (status >= 200 && status < 300) {
    if (action.type === 'delete') return { type: 'absent' };
    const lease = readLease(text);
    if (lease !== undefined && lease.name === action.name) return { type: 'lease', lease };
    return kindOf(text) === 'Lease' ? { type: 'foreign' } : failed('unreachable', 'the answer is no Lease');
  }
  const { message, retryAfterMs } = readFailure(status, headers, text, now);
  const detail = `${status} ${message}`;
  if (status === 401 || status === 403) return failed('forbidden', detail, retryAfterMs);
  if (kindOf(text) !== 'Status' || status >= 500) return failed(status === 503 ? 'busy' : 'unreachable', detail, retryAfterMs);
  if (status === 429) return failed('busy', detail, retryAfterMs);
  if (status === 409) return { type: 'conflict' };
  if (status === 404 && action.type !== 'create' && saysNotFound(text, action.name)) return { type: 'absent' };
  return failed(status === 404 ? 'noNamespace' : 'refused', detail, retryAfterMs);
}

function failed(why: Failed['why'], message: string, retryAfterMs?: number): Failed {
  return { type: 'failed', why, message, retryAfterMs };
}

function kindOf(text: string): JsonValue | undefined {
  try {
    const value: JsonValue = parseJson(text);
    return isJsonObject(value) ? value.kind : undefined;
  } catch (error) {
    // A page of a proxy, or a body that was cut.
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}
