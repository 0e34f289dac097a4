import { timestamp } from '@hawser/edge';
import { diffStrategicMergePatch, type JsonObject, type KubeObject } from '@hawser/protocol';
import { fieldsOf, itemsOf } from '../../apiserver/policy/fields.ts';
import type { Recorder } from '../events.ts';
import type { Surroundings } from '../reflector.ts';
import { backoff, wait } from '../wait.ts';
import { csiNode, type NodeFacts, nodeConditions, nodeObject, START_EVENTS } from './node-object.ts';

/** As the kubelet waits between attempts to register, in milliseconds. */
const FIRST_RETRY_MS = 100;
const LONGEST_RETRY_MS = 7_000;
const TYPE = { apiVersion: 'v1', kind: 'Node' } as const;

/**
 * Makes the Node and its CSINode, or finds those of an earlier life, and says that it is Ready.
 * @returns the Node
 * @throws when the kubelet is stopped first
 */
export async function registerNode(around: Surroundings, facts: NodeFacts, recorder: Recorder): Promise<KubeObject> {
  const { client, clock, random, happen, signal } = around;
  const { name } = facts;
  const pause = backoff(FIRST_RETRY_MS, LONGEST_RETRY_MS, random, 0);
  /** Again and again until it is done; what is in the way is told. */
  const insist = async <T>(what: string, attempt: () => Promise<T | undefined>): Promise<T> => {
    for (;;) {
      const done = await attempt().catch((error: unknown) => {
        signal.throwIfAborted();
        happen({ event: 'notRegistered', what, message: error instanceof Error ? error.message : String(error) });
        return undefined;
      });
      if (done !== undefined) return done;
      await wait(clock, pause.next(), signal);
    }
  };
  const refused = (what: string, status: number, object: KubeObject | undefined) => {
    happen({ event: 'notRegistered', what, status, message: object?.message });
    return undefined;
  };

  await insist('resourceslices', async () => {
    const path = `/apis/resource.k8s.io/v1/resourceslices?fieldSelector=spec.nodeName%3D${name}`;
    const body = { kind: 'DeleteOptions', apiVersion: 'resource.k8s.io/v1' };
    const { status } = await client.call('DELETE', path, { body });
    // A server without the resource, too: then there are none.
    return status < 500 ? true : undefined;
  });
  for (const reason of START_EVENTS) {
    recorder.record({ kind: 'Node', object: nodeObject(facts, '') }, 'Normal', reason, `Node ${name} status is now: ${reason}`);
  }
  await wait(clock, FIRST_RETRY_MS, signal);
  const node = await insist('node', async () => {
    const { status, object } = await client.call('POST', '/api/v1/nodes', { body: nodeObject(facts, timestamp(clock.now())) });
    if (status !== 201 && status !== 409) return refused('node', status, object);
    happen({ event: 'registered', status });
    const read = await client.call('GET', `/api/v1/nodes/${name}`);
    return read.status === 200 ? read.object : refused('node', read.status, read.object);
  });
  await insist('status', async () => ((await patchStatus(around, node, false)) ? true : undefined));
  await insist('csinode', async () => {
    const path = '/apis/storage.k8s.io/v1/csinodes';
    const read = await client.call('GET', `${path}/${name}`);
    if (read.status === 200) return true;
    const { status, object } = await client.call('POST', path, { body: csiNode(name, node.metadata.uid ?? '') });
    return status === 201 || status === 409 ? true : refused('csinode', status, object);
  });
  recorder.record({ kind: 'Node', object: node }, 'Normal', 'NodeReady', `Node ${name} status is now: NodeReady`);
  await insist('status', async () => ((await patchStatus(around, node, true)) ? true : undefined));
  happen({ event: 'nodeReady' });
  return node;
}

/** Patches what differs of the Node's conditions, or nothing: then the patch is `{}`, as a kubelet sends it once. */
export async function patchStatus(around: Surroundings, node: KubeObject, isReady: boolean, beat = false): Promise<boolean> {
  const { client, clock } = around;
  const patch = nodePatch(node, isReady || readyOf(node), timestamp(clock.now()), beat) ?? {};
  const path = `/api/v1/nodes/${node.metadata.name}/status?timeout=10s`;
  const { status } = await client.call('PATCH', path, { patch });
  return status === 200;
}

/** @param beat whether heartbeat times are renewed; else they are only in conditions that change */
export function nodePatch(node: KubeObject, isReady: boolean, now: string, beat: boolean): JsonObject | undefined {
  const known = itemsOf(fieldsOf(node.status).conditions);
  const own = nodeConditions(isReady, now).map((condition) => {
    const before = known.find(({ type }) => type === condition.type);
    const isSame = before?.status === condition.status && before?.reason === condition.reason;
    if (before === undefined || !isSame) return { ...before, ...condition };
    return beat ? { ...before, lastHeartbeatTime: now } : before;
  });
  const others = known.filter(({ type }) => !own.some((condition) => condition.type === type));
  const [from, to] = [known, [...own, ...others]].map((conditions) => ({ status: { conditions } }) as JsonObject);
  const patch = diffStrategicMergePatch(TYPE, from ?? {}, to ?? {});
  if (patch === undefined) return undefined;
  const order = [...own, ...others].map(({ type }) => ({ type }));
  return { status: { '$setElementOrder/conditions': order, ...fieldsOf(patch.status) } as JsonObject };
}

function readyOf(node: KubeObject): boolean {
  return itemsOf(fieldsOf(node.status).conditions).some(({ type, status }) => type === 'Ready' && status === 'True');
}
