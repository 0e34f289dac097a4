import { isJsonObject, type JsonObject, type JsonValue, type KubeObject } from '@hawser/protocol';
import type { SpecialAnswer, SpecialRequest } from '../api/policy.ts';
import { badRequest, notFound, serviceUnavailable } from '../api/status.ts';
import type { StorageKey } from '../api/storage.ts';
import type { CloudQueries } from '../upstream/index.ts';
import { passOn } from './passed-on.ts';

export interface EvictionOptions {
  readonly queries: Pick<CloudQueries, 'ask'>;
  /** The object as the cloud has sent it; undefined for what is only here. */
  readonly synced: (key: StorageKey) => KubeObject | undefined;
}

const PODS = { group: '', resource: 'pods' };
/** A mirror pod that was just made is with the cluster within a moment, where there is a link. */
const NOT_TOLD_RETRY_SECONDS = 1;

/**
 * `create` of `pods/eviction`: whether a pod may be disrupted is for the cluster's budgets to say. It is meant for the pod that is here: its
 * uid goes along, so that it never meets a later one of that name.
 */
export async function evict({ queries, synced }: EvictionOptions, request: SpecialRequest): Promise<SpecialAnswer> {
  const { namespace, name } = request;
  const key = { resource: 'pods', namespace, name };
  if (request.storage.get(key) === undefined) throw notFound(PODS, name);
  const uid = synced(key)?.metadata.uid;
  if (uid === undefined) throw serviceUnavailable('the cluster has not heard of this pod yet', NOT_TOLD_RETRY_SECONDS);
  const body = JSON.stringify(evictionOf(request, uid));
  const question = { type: 'submit', resource: 'pods', namespace, name, subresource: 'eviction', body } as const;
  return { status: 201, body: statusOf(await passOn(queries, request, question)) };
}

/** What was sent, with the uid, and with what else the path says. @throws ApiError 400 */
function evictionOf({ body, name, namespace, query }: SpecialRequest, uid: string): JsonObject {
  const given = body?.metadata.name;
  if (given !== undefined && given !== name) {
    throw badRequest('name in URL does not match name in Eviction object');
  }
  const sent = isObject(body?.deleteOptions) ? body.deleteOptions : {};
  const preconditions = isObject(sent.preconditions) ? sent.preconditions : {};
  const isDryRun = query.getAll('dryRun').includes('All');
  return {
    apiVersion: 'policy/v1',
    kind: 'Eviction',
    metadata: { name, namespace },
    deleteOptions: { ...sent, preconditions: { uid, ...preconditions }, ...(isDryRun ? { dryRun: ['All'] } : {}) },
  };
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function statusOf(answer: JsonValue): KubeObject {
  const status = isJsonObject(answer) ? answer : {};
  return { ...status, kind: 'Status', apiVersion: 'v1', metadata: {} };
}
