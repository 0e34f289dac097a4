import { type JsonObject, type ObjectKey, objectKey } from '@hawser/protocol';
import type { Cluster, Facts } from './cluster.ts';
import type { Random } from './random.ts';

/** What happens in the cluster: a handful of names, so that the same objects come, change, go and come again. */

export const NODES: readonly string[] = ['edge-1', 'edge-2'];
/** A node that is none of ours: its pods are bound to it, and no device has its name. */
const ELSEWHERE = 'plain';
const PODS = ['p', 'q', 'r', 's', 't', 'u'];
const CONFIGS = ['a', 'b', 'c', 'd', 'e', 'f'];
/** More than the few deletes that need no mark. */
const MANY_CONFIGS = Array.from({ length: 14 }, (_, n) => `m${n}`);
const NAMESPACES = ['shop', 'bank'];
const EDGE_LABEL = 'node-role.kubernetes.io/edge';
/** Of the body of a large ConfigMap, in characters: above a batch's bytes, below and above a window's. */
const LARGE = 2_500;

export class Workload {
  readonly cluster: Cluster;
  #writes = 0;

  constructor(cluster: Cluster) {
    this.cluster = cluster;
  }

  begin(random: Random): void {
    for (const node of NODES) this.putNode(node, true);
    for (let n = 0; n < 5; n += 1) this.putConfig(random);
    for (let n = 0; n < 3; n += 1) this.putPod(random);
    if (random.oneIn(8)) this.putMany(random);
  }

  putNode(node: string, isEdge: boolean): void {
    this.cluster.put(objectKey('nodes', '', node), { metadata: { labels: isEdge ? { [EDGE_LABEL]: '' } : {} } }, { isEdge });
  }

  putPod(random: Random): void {
    const namespace = random.pick(NAMESPACES) ?? '';
    const key = objectKey('pods', namespace, random.pick(PODS) ?? '');
    const before = this.cluster.objects.get(key);
    // A binding is for good.
    const node = before?.facts.node ?? random.pick([...NODES, 'edge-1', 'edge-1', ELSEWHERE, undefined]);
    this.#put(key, podOf(namespace, node, random.some(CONFIGS)), before?.fields);
  }

  /** A pod that needs so much that its end is most of the set's. */
  putMany(random: Random): void {
    const namespace = random.pick(NAMESPACES) ?? '';
    for (const name of MANY_CONFIGS)
      this.#put(objectKey('configmaps', namespace, name), { fields: { data: { name } }, facts: {} });
    this.#put(objectKey('pods', namespace, 'many'), podOf(namespace, random.pick(NODES), MANY_CONFIGS));
  }

  putConfig(random: Random): void {
    const resource = random.pick(['configmaps', 'secrets']) ?? '';
    const key = objectKey(resource, random.pick(NAMESPACES) ?? '', random.pick(CONFIGS) ?? '');
    const before = this.cluster.objects.get(key)?.fields.data;
    const data = typeof before === 'object' && !random.oneIn(6) ? before : this.#freshData(random);
    this.#writes += 1;
    this.#put(key, { fields: { data: { ...data, changed: String(this.#writes) } }, facts: {} });
  }

  /** Written again as it is: a new resourceVersion and nothing else. */
  touch(random: Random): void {
    const object = this.#anyObject(random);
    if (object !== undefined) this.cluster.put(object.key, object.fields, object.facts);
  }

  remove(random: Random): void {
    const object = this.#anyObject(random);
    if (object !== undefined) this.cluster.remove(object.key);
  }

  /** Deleted and made again under the same name. */
  recreate(random: Random): void {
    const object = this.#anyObject(random);
    if (object === undefined) return;
    this.cluster.remove(object.key);
    this.cluster.put(object.key, object.fields, object.facts);
  }

  /** As the cluster does with a pod of a node that it does not hear of. */
  writeCondition(random: Random): void {
    const object = this.#anyOf(random, 'pods/');
    if (object === undefined) return;
    const { status } = object.fields;
    this.#writes += 1;
    const fields = { ...object.fields, status: { ...(typeof status === 'object' ? status : {}), seen: `${this.#writes}` } };
    this.cluster.put(object.key, fields, object.facts);
  }

  #put(key: ObjectKey, { fields, facts }: { fields: JsonObject; facts: Facts }, before?: JsonObject): void {
    const status = before?.status;
    this.cluster.put(key, status === undefined ? fields : { ...fields, status }, facts);
  }

  #freshData(random: Random): JsonObject {
    const length = random.pick([0, 40, 300, 700, LARGE]) ?? 0;
    return { fill: noise(length, random), ...(random.oneIn(4) ? { more: 'the same words again and again '.repeat(20) } : {}) };
  }

  #anyObject(random: Random) {
    return this.#anyOf(random, random.oneIn(3) ? 'pods/' : random.oneIn(2) ? 'configmaps/' : 'secrets/');
  }

  #anyOf(random: Random, begin: string) {
    return random.pick([...this.cluster.objects.values()].filter(({ key }) => key.startsWith(begin)));
  }
}

function podOf(namespace: string, node: string | undefined, names: readonly string[]): { fields: JsonObject; facts: Facts } {
  const isConfigMap = (index: number) => index % 2 === 0;
  const volumes = names.map((name, index) =>
    isConfigMap(index) ? { name, configMap: { name } } : { name, secret: { secretName: name } },
  );
  const needs = names.map((name, index) => objectKey(isConfigMap(index) ? 'configmaps' : 'secrets', namespace, name));
  return {
    fields: { spec: { containers: [], volumes, ...(node === undefined ? {} : { nodeName: node }) } },
    facts: { needs, ...(node === undefined ? {} : { node }) },
  };
}

/** Text that does not compress to much less than three quarters. */
function noise(length: number, random: Random): string {
  let text = '';
  while (text.length < length) text += random.integer(0x1_0000_0000).toString(36);
  return text.slice(0, length);
}
