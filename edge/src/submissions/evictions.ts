import { isJsonObject, type JsonValue, type KubeObject } from '@hawser/protocol';
import { type Fields, fieldsOf } from '../api/fields.ts';
import type { SpecialAnswer, SpecialRequest } from '../api/policy.ts';
import { badRequest, conflict, notFound, quote, serviceUnavailable } from '../api/status.ts';
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
  const pod = request.storage.get(key);
  if (pod === undefined) throw notFound(PODS, name);
  const options = deleteOptionsOf(request, pod);
  const uid = synced(key)?.metadata.uid;
  if (uid === undefined) throw serviceUnavailable('the cluster has not heard of this pod yet', NOT_TOLD_RETRY_SECONDS);
  const body = JSON.stringify(evictionOf(request, options, uid));
  const question = { type: 'submit', resource: 'pods', namespace, name, subresource: 'eviction', body } as const;
  return { status: 201, body: statusOf(await passOn(queries, request, question)) };
}

/**
 * How the pod is to be deleted. What must be so of it is looked at here: its version is the device's own, which means nothing in the cluster.
 * @throws ApiError 400 for what is no Eviction of it, 409 where the pod that is here is not the one that was meant
 */
function deleteOptionsOf({ body, name, namespace }: SpecialRequest, { metadata }: KubeObject): Fields {
  const { kind = '', apiVersion = '', metadata: given, deleteOptions }: KubeObject = body ?? NO_BODY;
  if ((kind !== '' && kind !== 'Eviction') || (apiVersion !== '' && !/^policy\/v1(beta1)?$/.test(apiVersion))) {
    const shown = `no kind ${quote(kind.slice(0, 100))} of version ${quote(apiVersion.slice(0, 100))} is taken here`;
    throw badRequest(`the object provided is unrecognized (must be of type Eviction): ${shown}`);
  }
  if (given.name !== undefined && given.name !== name) {
    throw badRequest('name in URL does not match name in Eviction object');
  }
  if (given.namespace !== undefined && given.namespace !== namespace) {
    throw badRequest('the namespace of the provided object does not match the namespace sent on the request');
  }
  const { preconditions, ...options } = fieldsOf(deleteOptions);
  const { uid, resourceVersion } = fieldsOf(preconditions);
  requireSame(name, 'UID', uid, metadata.uid);
  requireSame(name, 'ResourceVersion', resourceVersion, metadata.resourceVersion);
  return options;
}

const NO_BODY: KubeObject = { apiVersion: '', kind: '', metadata: {} };

/** @throws ApiError 400, 409 */
function requireSame(name: string, field: string, asked: unknown, is: string | undefined): void {
  if (asked === undefined || asked === null || asked === is) return;
  if (typeof asked !== 'string') throw badRequest(`the ${field} in the precondition is no text`);
  const what = `the ${field} in the precondition (${asked.slice(0, 100)})`;
  throw conflict({ group: '', resource: 'Pod' }, name, `${what} does not match the ${field} in record (${is})`);
}

/** What was sent, with the uid, and with what else the path says. */
function evictionOf({ name, namespace, query }: SpecialRequest, options: Fields, uid: string): Fields {
  const isDryRun = query.getAll('dryRun').includes('All');
  return {
    apiVersion: 'policy/v1',
    kind: 'Eviction',
    metadata: { name, namespace },
    deleteOptions: { ...options, preconditions: { uid }, ...(isDryRun ? { dryRun: ['All'] } : {}) },
  };
}

function statusOf(answer: JsonValue): KubeObject {
  const status = isJsonObject(answer) ? answer : {};
  return { ...status, kind: 'Status', apiVersion: 'v1', metadata: {} };
}
