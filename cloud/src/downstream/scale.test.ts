import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { apiVersionOf, type ObjectKey, objectKey, resourceById } from '@hawser/protocol';
import { EDGE_LABEL, SERVICE_SCOPE_ANNOTATION } from '../locating/index.ts';
import type { Observed } from '../merge/change.ts';
import { resourceOf } from '../store/index.ts';
import { createDownstream } from './downstream.ts';
import { WATCHED_RESOURCES } from './sync-status.ts';
import { ManualClock } from './testing/manual-clock.ts';
import { silentLogger } from './testing/silent-logger.ts';
import type { Downstream } from './types.ts';

/** A fleet in which every node has pods of some namespaces, and a few nodes want all Services. */
const NODES = 1_000;
const PODS_PER_NODE = 20;
const NAMESPACES = 50;
const SERVICES_PER_NAMESPACE = 40;
/** Every so many nodes have the scope of the cluster. */
const CLUSTER_SCOPE_EVERY = 20;

let revision = 0;

function observe(key: ObjectKey, fields: object, metadata: object = {}): Observed {
  revision += 1;
  const resource = resourceById(resourceOf(key));
  assert.ok(resource);
  const [name, namespace] = key.split('/').reverse();
  const uid = `00000000-0000-4000-8000-${String(revision).padStart(12, '0')}`;
  const head = { name, ...(namespace === '' ? {} : { namespace }), uid, resourceVersion: String(revision), ...metadata };
  const type = { apiVersion: apiVersionOf(resource), kind: resource.kind };
  return { key, uid, resourceVersion: String(revision), text: JSON.stringify({ metadata: head, ...fields }), type };
}

function fleetNode(n: number): Observed {
  const annotations = n % CLUSTER_SCOPE_EVERY === 0 ? { [SERVICE_SCOPE_ANNOTATION]: 'cluster' } : {};
  return observe(objectKey('nodes', '', `edge-${n}`), {}, { labels: { [EDGE_LABEL]: '' }, annotations });
}

/** Pods of one node are in five namespaces; every fifth has a volume. What they name is shared as in a real fleet. */
function fleetPod(n: number): Observed {
  const node = Math.floor(n / PODS_PER_NODE);
  const namespace = namespaceOf(node + (n % 5));
  const env = Array.from({ length: 30 }, (_, index) => ({ name: `V${index}`, value: 'x'.repeat(20) }));
  const envFrom = [{ configMapRef: { name: `settings-${n % 7}` } }, { secretRef: { name: `key-${n % 3}` } }];
  const volumes = [
    { name: 'ca', configMap: { name: 'kube-root-ca.crt' } },
    ...(n % 5 === 0 ? [{ name: 'data', persistentVolumeClaim: { claimName: `data-${n}` } }] : []),
  ];
  const containers = [{ name: 'main', image: 'registry.example/app:1', env, envFrom }];
  const spec = { nodeName: `edge-${node}`, serviceAccountName: 'runner', containers, volumes };
  return observe(objectKey('pods', namespace, `pod-${n}`), { spec, status: { phase: 'Running' } });
}

function namespaceOf(n: number): string {
  return `team-${n % NAMESPACES}`;
}

function* fleet(): Generator<Observed> {
  const pods = NODES * PODS_PER_NODE;
  for (let n = 0; n < NODES; n += 1) yield fleetNode(n);
  for (let n = 0; n < pods; n += 1) yield fleetPod(n);
  for (let n = 0; n < pods; n += 5) {
    const namespace = namespaceOf(Math.floor(n / PODS_PER_NODE) + (n % 5));
    const csi = { nodeStageSecretRef: { namespace: 'storage', name: 'login' } };
    const claimRef = { namespace, name: `data-${n}` };
    yield observe(objectKey('persistentvolumeclaims', namespace, `data-${n}`), { spec: { volumeName: `disk-${n}` } });
    yield observe(objectKey('persistentvolumes', '', `disk-${n}`), { spec: { claimRef, csi } });
  }
  for (let n = 0; n < NAMESPACES; n += 1) {
    const namespace = namespaceOf(n);
    yield observe(objectKey('namespaces', '', namespace), {});
    yield observe(objectKey('serviceaccounts', namespace, 'runner'), {});
    yield observe(objectKey('configmaps', namespace, 'kube-root-ca.crt'), { data: { 'ca.crt': 'x'.repeat(1_100) } });
    for (let of = 0; of < 7; of += 1) yield observe(objectKey('configmaps', namespace, `settings-${of}`), { data: {} });
    for (let of = 0; of < 3; of += 1) yield observe(objectKey('secrets', namespace, `key-${of}`), { data: {} });
    for (let of = 0; of < SERVICES_PER_NAMESPACE; of += 1) {
      for (const kind of ['services', 'endpoints', 'discovery.k8s.io/endpointslices']) {
        yield observe(objectKey(kind, namespace, `service-${of}`), { spec: {} });
      }
    }
  }
  yield observe(objectKey('secrets', 'storage', 'login'), {});
  yield observe(objectKey('services', 'default', 'kubernetes'), {});
}

/** After two full collections, in bytes. */
function heapUsed(): number {
  setFlagsFromString('--expose-gc');
  const collect: () => void = runInNewContext('gc');
  setFlagsFromString('--no-expose-gc');
  collect();
  collect();
  return process.memoryUsage().heapUsed;
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}

function apply(downstream: Downstream, object: Observed): void {
  const isWanted = downstream.wantsText(object.key);
  downstream.apply({ type: 'upsert', object: isWanted ? object : { ...object, text: undefined } });
}

/** Figures of this machine, printed and not judged. */
describe('a fleet in one relay', () => {
  test(`${NODES * PODS_PER_NODE} pods on ${NODES} edge nodes are located, with volumes and Services`, (t) => {
    const before = heapUsed();
    let missing = 0;
    const downstream = createDownstream({
      logger: silentLogger,
      clock: new ManualClock(),
      requestBody: () => {
        missing += 1;
      },
    });
    let milliseconds = 0;
    let objects = 0;
    for (const object of fleet()) {
      const began = performance.now();
      apply(downstream, object);
      milliseconds += performance.now() - began;
      objects += 1;
    }
    downstream.setSynced(
      WATCHED_RESOURCES.map((resource) => ({ resource, state: 'synced', detail: '', resourceVersion: String(revision) })),
    );
    const { bodies, bodyCharacters } = downstream.stats();
    const heap = heapUsed() - before;
    assert.equal(missing, 0, 'in the order of the stages every body was kept as it came');
    assert.equal(bodies, objects);

    const perNode = Array.from({ length: NODES }, (_, n) => downstream.open(`edge-${n}`, () => undefined).stats().needed);
    const ofCluster = NAMESPACES * SERVICES_PER_NAMESPACE * 3 + 1;
    assert.ok(perNode.every((needed, n) => needed > ofCluster === (n % CLUSTER_SCOPE_EVERY === 0)));
    t.diagnostic(
      `${objects} objects in ${Math.round(milliseconds)} ms; heap ${megabytes(heap)}, of which bodies ${megabytes(bodyCharacters)}; ` +
        `${perNode.reduce((sum, needed) => sum + needed, 0)} needs of nodes`,
    );

    const scope = observe(
      objectKey('nodes', '', 'edge-1'),
      {},
      {
        labels: { [EDGE_LABEL]: '' },
        annotations: { [SERVICE_SCOPE_ANNOTATION]: 'cluster' },
      },
    );
    const began = performance.now();
    apply(downstream, scope);
    t.diagnostic(
      `one node given the scope of the cluster, ${ofCluster} Services and the like: ${(performance.now() - began).toFixed(1)} ms`,
    );
    downstream.close();
  });
});
