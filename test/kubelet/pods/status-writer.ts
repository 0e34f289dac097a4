import { diffStrategicMergePatch, type JsonObject, type KubeObject } from '@hawser/protocol';
import { type Fields, fieldsOf, itemsOf, textOf } from '../../apiserver/policy/fields.ts';
import type { Surroundings } from '../reflector.ts';

/**
 * - written: the API has it now, or had it already
 * - gone: there is no such pod any more, or another under its name
 * - failed: to be tried again
 */
export type Written =
  | { readonly type: 'written'; readonly pod: KubeObject }
  | { readonly type: 'gone' }
  | { readonly type: 'failed'; readonly message: string };

/**
 * As a kubelet writes it: the pod is read first, and what differs is patched, with the uid, so that no successor gets it.
 * @param want the status that is wanted of the pod as it was read
 */
export async function writeStatus(
  { client, happen }: Surroundings,
  { namespace = '', name = '', uid = '' }: KubeObject['metadata'],
  want: (pod: KubeObject) => Fields,
): Promise<Written> {
  const path = `/api/v1/namespaces/${namespace}/pods/${name}`;
  const read = await client.call('GET', path);
  if (read.status === 404 || (read.object !== undefined && read.status === 200 && read.object.metadata.uid !== uid)) {
    return { type: 'gone' };
  }
  if (read.status !== 200 || read.object === undefined) return failed('GET', read.status, read.object);
  const wanted = want(read.object);
  const patch = statusPatch(uid, fieldsOf(read.object.status), wanted);
  if (patch === undefined) return { type: 'written', pod: read.object };
  const { status, object } = await client.call('PATCH', `${path}/status`, { patch });
  happen({ event: 'podStatus', pod: name, namespace, uid, status, phase: wanted.phase, ready: readyOf(wanted) });
  if (status === 404) return { type: 'gone' };
  return status === 200 && object !== undefined ? { type: 'written', pod: object } : failed('PATCH', status, object);
}

/** Undefined where nothing differs. */
export function statusPatch(uid: string, from: Fields, to: Fields): JsonObject | undefined {
  const [before, after] = [withoutNulls({ status: from }), withoutNulls({ status: to })];
  const patch = diffStrategicMergePatch({ apiVersion: 'v1', kind: 'Pod' }, before, after);
  if (patch === undefined) return undefined;
  const status = fieldsOf(patch.status);
  const order =
    status.conditions === undefined
      ? {}
      : { '$setElementOrder/conditions': itemsOf(to.conditions).map(({ type }) => ({ type: textOf(type) })) };
  return { metadata: { uid }, status: { ...order, ...status } as JsonObject };
}

/** A null in an object and an absent field say the same, and a patch can only say the second. */
function withoutNulls(value: Fields): JsonObject {
  const clean = (item: unknown): unknown => {
    if (Array.isArray(item)) return item.map(clean);
    if (typeof item !== 'object' || item === null) return item;
    return Object.fromEntries(
      Object.entries(item)
        .filter(([, inner]) => inner !== null && inner !== undefined)
        .map(([key, inner]) => [key, clean(inner)]),
    );
  };
  return clean(value) as JsonObject;
}

function failed(method: string, status: number, object: KubeObject | undefined): Written {
  return { type: 'failed', message: `${method}: ${status} ${textOf(object?.message)}` };
}

function readyOf(status: Fields): boolean {
  return itemsOf(status.conditions).some((condition) => condition.type === 'Ready' && condition.status === 'True');
}
