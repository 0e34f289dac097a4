import { type JsonObject, type ObjectKey, objectKey } from '@hawser/protocol';
import type { Cluster, Facts, Stored } from './cluster.ts';
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
const CLAIMS = ['disk', 'cache'];
const VOLUMES = ['v1', 'v2', 'v3'];
const EDGE_LABEL = 'node-role.kubernetes.io/edge';
const SCOPE_ANNOTATION = 'hawser.dev/service-scope';
/** Of the body of a large ConfigMap, in characters: above a batch's bytes, below and above a window's. */
const LARGE = 2_500;

export class Workload {
  readonly cluster: Cluster;
  #writes = 0;
  /** Of ConfigMaps and Secrets: so that often the same one changes again while its last change is under way. */
  #lastConfig: ObjectKey | undefined;

  constructor(cluster: Cluster) {
    this.cluster = cluster;
  }

  begin(random: Random): void {
    for (const node of NODES) this.putNode(node, true);
    for (let n = 0; n < 5; n += 1) this.putConfig(random);
    for (let n = 0; n < 3; n += 1) this.putPod(random);
    for (let n = 0; n < 4; n += 1) this.putOther(random);
    if (random.oneIn(8)) this.putMany(random);
  }

  putNode(node: string, isEdge: boolean, scope?: Facts['scope']): void {
    const labels: JsonObject = isEdge ? { [EDGE_LABEL]: '' } : {};
    const annotations: JsonObject = scope === undefined ? {} : { [SCOPE_ANNOTATION]: scope };
    const key = objectKey('nodes', '', node);
    const status = this.cluster.objects.get(key)?.fields.status;
    const fields = {
      metadata: { labels, ...(scope === undefined ? {} : { annotations }) },
      ...(status === undefined ? {} : { status }),
    };
    this.cluster.put(key, fields, { isEdge, ...(scope === undefined ? {} : { scope }) });
  }

  putPod(random: Random): void {
    const namespace = random.pick(NAMESPACES) ?? '';
    const key = objectKey('pods', namespace, random.pick(PODS) ?? '');
    const before = this.cluster.objects.get(key);
    // A binding is for good.
    const node = before?.facts.node ?? random.pick([...NODES, 'edge-1', 'edge-1', ELSEWHERE, undefined]);
    this.#put(key, podOf(namespace, node, random.some(CONFIGS), random.some(CLAIMS)), before?.fields);
  }

  /** A pod that needs so much that its end is most of the set's. */
  putMany(random: Random): void {
    const namespace = random.pick(NAMESPACES) ?? '';
    for (const name of MANY_CONFIGS)
      this.#put(objectKey('configmaps', namespace, name), { fields: { data: { name } }, facts: {} });
    const key = objectKey('pods', namespace, 'many');
    const before = this.cluster.objects.get(key);
    this.#put(key, podOf(namespace, before?.facts.node ?? random.pick(NODES), MANY_CONFIGS), before?.fields);
  }

  putConfig(random: Random): void {
    const resource = random.pick(['configmaps', 'secrets']) ?? '';
    const another = objectKey(resource, random.pick(NAMESPACES) ?? '', random.pick(CONFIGS) ?? '');
    const key = random.oneIn(2) ? (this.#lastConfig ?? another) : another;
    this.#lastConfig = key;
    const before = this.cluster.objects.get(key)?.fields.data;
    const data = typeof before === 'object' && !random.oneIn(6) ? before : this.#freshData(random);
    this.#writes += 1;
    this.#put(key, { fields: { data: { ...data, changed: String(this.#writes) } }, facts: {} });
  }

  /** One of all those that a pod, a node or everybody needs beside ConfigMaps and Secrets. */
  putOther(random: Random): void {
    const { key, fields, facts } = otherObject(random);
    this.#writes += 1;
    this.#put(key, { fields: { ...fields, changed: `${this.#writes}` }, facts });
  }

  /** The object changes, a little. */
  change({ key, fields, facts }: Stored): void {
    this.#writes += 1;
    this.#put(key, { fields: { ...fields, changed: `${this.#writes}` }, facts });
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

  /** As the cluster does with a pod, or the Node, of a device that it does not hear of. */
  writeCondition(random: Random): void {
    const object = this.#anyOf(random, random.oneIn(4) ? 'nodes/' : 'pods/');
    if (object === undefined) return;
    const { status } = object.fields;
    this.#writes += 1;
    const fields = { ...object.fields, status: { ...(typeof status === 'object' ? status : {}), seen: `${this.#writes}` } };
    this.cluster.onForeign(this.cluster.put(object.key, fields, object.facts));
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
    const last = this.#lastConfig === undefined ? undefined : this.cluster.objects.get(this.#lastConfig);
    if (last !== undefined && random.oneIn(3)) return last;
    const begin = random.pick(['pods/', 'configmaps/', 'secrets/', '']) ?? '';
    return begin === '' ? this.#anyButOfDevices(random) : this.#anyOf(random, begin);
  }

  /** Nodes have steps of their own, and nobody but its device writes an Event. */
  #anyButOfDevices(random: Random) {
    return random.pick([...this.cluster.objects.values()].filter(({ key }) => !/^(nodes|events)\//.test(key)));
  }

  #anyOf(random: Random, begin: string) {
    return random.pick([...this.cluster.objects.values()].filter(({ key }) => key.startsWith(begin)));
  }
}

function podOf(
  namespace: string,
  node: string | undefined,
  names: readonly string[],
  claims: readonly string[] = [],
): { fields: JsonObject; facts: Facts } {
  const isConfigMap = (index: number) => index % 2 === 0;
  const configs = names.map((name, index) =>
    isConfigMap(index) ? { name, configMap: { name } } : { name, secret: { secretName: name } },
  );
  const volumes = [...configs, ...claims.map((claimName) => ({ name: claimName, persistentVolumeClaim: { claimName } }))];
  const serviceAccountName = names.length % 2 === 0 ? 'default' : 'builder';
  const needs = [
    objectKey('namespaces', '', namespace),
    objectKey('serviceaccounts', namespace, serviceAccountName),
    ...names.map((name, index) => objectKey(isConfigMap(index) ? 'configmaps' : 'secrets', namespace, name)),
    ...claims.map((name) => objectKey('persistentvolumeclaims', namespace, name)),
  ];
  return {
    fields: { spec: { containers: [], serviceAccountName, volumes, ...(node === undefined ? {} : { nodeName: node }) } },
    facts: { needs, ...(node === undefined ? {} : { node }) },
  };
}

interface Written {
  readonly key: ObjectKey;
  readonly fields: JsonObject;
  readonly facts: Facts;
}

function otherObject(random: Random): Written {
  const namespace = random.pick([...NAMESPACES, 'default']) ?? '';
  const plain = (resource: string, where: string, names: readonly string[]): Written => ({
    key: objectKey(resource, where, random.pick(names) ?? ''),
    fields: {},
    facts: {},
  });
  switch (random.integer(10)) {
    case 0:
      return plain('namespaces', '', NAMESPACES);
    case 1:
      return plain('serviceaccounts', namespace, ['default', 'builder']);
    case 2: {
      const volume = random.pick(VOLUMES) ?? '';
      return {
        key: objectKey('persistentvolumeclaims', random.pick(NAMESPACES) ?? '', random.pick(CLAIMS) ?? ''),
        fields: { spec: { volumeName: volume } },
        facts: { volume: objectKey('persistentvolumes', '', volume) },
      };
    }
    case 3:
      return volumeObject(random);
    case 4: {
      const node = random.pick([...NODES, ELSEWHERE]) ?? '';
      // An attachment's node is for good, so it stands in its name.
      const key = objectKey('storage.k8s.io/volumeattachments', '', `attached-to-${node}`);
      return { key, fields: { spec: { nodeName: node } }, facts: { node } };
    }
    case 5:
    case 6:
      return plain(random.pick(['services', 'endpoints']) ?? '', namespace, ['front', 'kubernetes']);
    case 7: {
      const service = random.pick(['front', 'kubernetes']) ?? '';
      const key = objectKey('discovery.k8s.io/endpointslices', namespace, random.pick(['one', 'two']) ?? '');
      return { key, fields: { metadata: { labels: { 'kubernetes.io/service-name': service } } }, facts: { service } };
    }
    case 8:
      return plain('node.k8s.io/runtimeclasses', '', ['gvisor']);
    default:
      return plain('storage.k8s.io/csidrivers', '', ['disks.example.com']);
  }
}

/** Free, or of a claim; then the device needs its driver's Secret too. */
function volumeObject(random: Random): Written {
  const key = objectKey('persistentvolumes', '', random.pick(VOLUMES) ?? '');
  if (random.oneIn(3)) return { key, fields: { spec: {} }, facts: {} };
  const namespace = random.pick(NAMESPACES) ?? '';
  const claimRef = { namespace, name: random.pick(CLAIMS) ?? '' };
  const secret = random.pick(CONFIGS) ?? '';
  return {
    key,
    fields: { spec: { claimRef, csi: { nodePublishSecretRef: { namespace, name: secret } } } },
    facts: {
      claim: objectKey('persistentvolumeclaims', namespace, claimRef.name),
      needs: [objectKey('secrets', namespace, secret)],
    },
  };
}

/** Text that does not compress to much less than three quarters. */
function noise(length: number, random: Random): string {
  let text = '';
  while (text.length < length) text += random.integer(0x1_0000_0000).toString(36);
  return text.slice(0, length);
}
