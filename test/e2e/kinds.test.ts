import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { apiVersionOf, type JsonObject, type KubeObject, resourceById } from '@hawser/protocol';
import { embeddedOnly } from '../kubernetes/which.ts';
import type { FleetAgent } from '../support/fleet.ts';
import type { KubeClient } from '../support/kube.ts';
import { findKubectl } from '../support/kubectl.ts';
import { until } from '../support/until.ts';
import { fleetFor, nodeReady } from './harness.ts';
import { emptyOutbox } from './kubelet.ts';

const KINDS = [
  'nodes',
  'pods',
  'namespaces',
  'serviceaccounts',
  'configmaps',
  'secrets',
  'persistentvolumeclaims',
  'persistentvolumes',
  'storage.k8s.io/volumeattachments',
  'services',
  'endpoints',
  'discovery.k8s.io/endpointslices',
  'node.k8s.io/runtimeclasses',
  'storage.k8s.io/csidrivers',
];

/** `resource/namespace/name` with what the object says, for the cluster to make. */
function objectOf(key: string, fields: JsonObject, labels: Record<string, string> = {}): KubeObject {
  const [name = '', namespace = '', ...rest] = key.split('/').reverse();
  const resource = resourceById(rest.reverse().join('/'));
  assert.ok(resource, key);
  const metadata = { name, ...(namespace === '' ? {} : { namespace }), labels };
  return { apiVersion: apiVersionOf(resource), kind: resource.kind, metadata, ...fields };
}

const serviceSpec = { ports: [{ port: 80 }], selector: { app: 'web' } };
const sliceOf = (name: string) => ({ 'kubernetes.io/service-name': name });
const slice = { addressType: 'IPv4', endpoints: [{ addresses: ['10.1.2.3'] }], ports: [{ port: 80, protocol: 'TCP' }] };
const diskSpec = {
  capacity: { storage: '1Gi' },
  accessModes: ['ReadWriteOnce'],
  claimRef: { apiVersion: 'v1', kind: 'PersistentVolumeClaim', namespace: 'shop', name: 'data' },
  csi: { driver: 'csi.example', volumeHandle: 'disk', nodeStageSecretRef: { name: 'login', namespace: 'storage' } },
};
const claimSpec = {
  accessModes: ['ReadWriteOnce'],
  resources: { requests: { storage: '1Gi' } },
  volumeName: 'disk',
};
const attachment = (nodeName: string) => ({
  spec: { attacher: 'csi.example', nodeName, source: { persistentVolumeName: 'disk' } },
});
const POD_SPEC = {
  nodeName: 'edge-1',
  serviceAccountName: 'runner',
  containers: [{ name: 'main', image: 'registry.example/main:1', envFrom: [{ configMapRef: { name: 'settings' } }] }],
  volumes: [{ name: 'data', persistentVolumeClaim: { claimName: 'data' } }],
};

const CLUSTER: readonly KubeObject[] = [
  ...['shop', 'bank', 'storage'].map((name) => objectOf(`namespaces//${name}`, {})),
  objectOf('serviceaccounts/shop/runner', {}),
  objectOf('configmaps/shop/settings', { data: { greeting: 'hello' } }),
  objectOf('configmaps/shop/unrelated', {}),
  objectOf('secrets/storage/login', { type: 'Opaque', stringData: { user: 'disk' } }),
  objectOf('secrets/storage/unrelated', { type: 'Opaque' }),
  objectOf('persistentvolumes//disk', { spec: diskSpec }),
  objectOf('persistentvolumes//unrelated', { spec: { ...diskSpec, claimRef: { namespace: 'bank', name: 'data' } } }),
  objectOf('persistentvolumeclaims/shop/data', { spec: claimSpec }),
  objectOf('storage.k8s.io/volumeattachments//ours', attachment('edge-1')),
  objectOf('storage.k8s.io/volumeattachments//theirs', attachment('elsewhere')),
  objectOf('services/shop/web', { spec: serviceSpec }),
  objectOf('endpoints/shop/web', {}),
  objectOf('discovery.k8s.io/endpointslices/shop/web-1', slice, sliceOf('web')),
  objectOf('services/bank/ledger', { spec: serviceSpec }),
  objectOf('endpoints/bank/ledger', {}),
  objectOf('discovery.k8s.io/endpointslices/bank/ledger-1', slice, sliceOf('ledger')),
  objectOf('node.k8s.io/runtimeclasses//gvisor', { handler: 'runsc' }),
  objectOf('storage.k8s.io/csidrivers//csi.example', { spec: {} }),
];

const ALWAYS = ['nodes//edge-1', 'node.k8s.io/runtimeclasses//gvisor', 'storage.k8s.io/csidrivers//csi.example'];
const ATTACHED = ['storage.k8s.io/volumeattachments//ours'];
const OF_API = ['services', 'endpoints', 'discovery.k8s.io/endpointslices'].map((kind) => `${kind}/default/kubernetes`);
const OF_SHOP = ['services/shop/web', 'endpoints/shop/web', 'discovery.k8s.io/endpointslices/shop/web-1'];
const OF_BANK = ['services/bank/ledger', 'endpoints/bank/ledger', 'discovery.k8s.io/endpointslices/bank/ledger-1'];
const OF_POD = [
  'pods/shop/cart',
  'namespaces//shop',
  'serviceaccounts/shop/runner',
  'configmaps/shop/settings',
  'configmaps/shop/kube-root-ca.crt',
  'persistentvolumeclaims/shop/data',
  'persistentvolumes//disk',
  'secrets/storage/login',
];

/** Everything of these kinds that the device's API lists. */
async function listed(device: FleetAgent): Promise<string[]> {
  const keys = KINDS.map(async (kind) =>
    (await device.local.list(kind)).map(({ metadata }) => `${kind}/${metadata.namespace ?? ''}/${metadata.name}`),
  );
  return (await Promise.all(keys)).flat().sort();
}

/** Waits until the device has exactly these. */
async function has(device: FleetAgent, ...expected: readonly (readonly string[])[]): Promise<void> {
  const wanted = expected.flat().sort();
  await until(`${wanted.length} objects, and no others, at ${device.name}`, 60_000, undefined, async () => {
    assert.deepEqual(await listed(device), wanted);
    return true;
  });
}

function setScope(kube: KubeClient, scope: string | null): Promise<KubeObject> {
  return kube.patch('nodes', '', 'edge-1', { metadata: { annotations: { 'hawser.dev/service-scope': scope } } });
}

test('all kinds reach the device that needs them, and leave it with what led to them', {
  skip: embeddedOnly('EndpointSlices of discovery.k8s.io/v1 where it is of 1.20'),
  timeout: 360_000,
}, async (t) => {
  const fleet = await fleetFor(t, { agents: ['edge-1'] });
  const { kube } = fleet;
  const [device] = fleet.agents;
  assert.ok(device);
  await nodeReady(kube, 'edge-1');
  for (const object of CLUSTER) await kube.create(object);

  await t.test('a device without pods has its Node, what a kubelet lists cluster-wide, and the API server’s Service', () =>
    has(device, ALWAYS, ATTACHED, OF_API),
  );

  await t.test('with a pod come all objects that it leads to, and the Services of its namespace', async () => {
    await kube.create(objectOf('pods/shop/cart', { spec: POD_SPEC }));
    await has(device, ALWAYS, ATTACHED, OF_API, OF_POD, OF_SHOP);
    assert.equal(await device.local.get('namespaces', '', 'bank'), undefined);
    const held = await device.local.get('persistentvolumes', '', 'disk');
    assert.deepEqual(held?.spec, (await kube.get('persistentvolumes', '', 'disk'))?.spec);
  });

  await t.test('Services that come and go in the pod’s namespace come and go on the device', async () => {
    await kube.create(objectOf('services/shop/late', { spec: serviceSpec }));
    await has(device, ALWAYS, ATTACHED, OF_API, OF_POD, OF_SHOP, ['services/shop/late']);
    await kube.remove('services', 'shop', 'late');
    await has(device, ALWAYS, ATTACHED, OF_API, OF_POD, OF_SHOP);
  });

  await t.test('the service scope is changed while linked, both ways', async () => {
    await setScope(kube, 'cluster');
    await has(device, ALWAYS, ATTACHED, OF_API, OF_POD, OF_SHOP, OF_BANK);
    await setScope(kube, 'none');
    await has(device, ALWAYS, ATTACHED, OF_POD);
    await setScope(kube, null);
    await has(device, ALWAYS, ATTACHED, OF_API, OF_POD, OF_SHOP);
  });

  await t.test('kubectl and hawser-agent get show them', async (t) => {
    for (const kind of ['svc', 'pv', 'pvc', 'sa', 'ns', 'endpointslices', 'volumeattachments', 'runtimeclasses', 'csidrivers']) {
      const { code, stdout, stderr } = await device.command('get', kind, '-A');
      assert.equal(code, 0, stderr);
      assert.ok(stdout.split('\n').length > 2, `${kind}: ${stdout}`);
    }
    const kubectl = findKubectl();
    if (kubectl === undefined) {
      t.diagnostic('no kubectl on PATH or in KUBECTL: not tried');
      return;
    }
    const names = KINDS.map((kind) => kind.split('/').reverse().join('.')).join(',');
    const args = ['--kubeconfig', device.localKubeconfig, 'get', names, '-A', '-o', 'name'];
    const { stdout } = await promisify(execFile)(kubectl, args);
    assert.equal(stdout.trim().split('\n').length, (await listed(device)).length, stdout);
    const missing = promisify(execFile)(kubectl, ['--kubeconfig', device.localKubeconfig, '-n', 'bank', 'get', 'pod', 'x']);
    await assert.rejects(missing, /pods "x" not found/);
  });

  await t.test('a relay that starts anew finds the device as it should be, and asks and sends nothing', async () => {
    // A status that is still on its way would be sent once more, and come back as a change.
    await emptyOutbox(device);
    await until(
      'the relay to have sent all',
      30_000,
      undefined,
      async () => Object(await device.status()).session.state === 'inSync',
    );
    await fleet.relay().kill();
    await fleet.startRelay();
    const metrics = await until('the device in sync', 60_000, undefined, async () => {
      const text = await fleet.relayMetrics();
      return text.includes('hawser_relay_sessions{state="inSync"} 1\n') ? text : undefined;
    });
    for (const series of [
      'inventories_total 0',
      'operations_total{operation="upsert"} 0',
      'operations_total{operation="delete"} 0',
    ]) {
      assert.ok(metrics.includes(`hawser_relay_${series}\n`), series);
    }
    await has(device, ALWAYS, ATTACHED, OF_API, OF_POD, OF_SHOP);
  });

  await t.test(
    'with the last pod of a namespace go its Namespace, volumes and Services; a detached volume’s attachment goes',
    async () => {
      await kube.remove('pods', 'shop', 'cart', 1);
      await has(device, ALWAYS, ATTACHED, OF_API);
      await kube.remove('storage.k8s.io/volumeattachments', '', 'ours');
      await has(device, ALWAYS, OF_API);
    },
  );
});
