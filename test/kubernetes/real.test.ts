import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { cp, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import type { KubeObject } from '@hawser/protocol';
import { configMap, nodeReady, podInCloud, podOn, secret } from '../e2e/harness.ts';
import { refusalsOf } from '../e2e/kubelet.ts';
import { certificateRequest, SERVING_USAGES, servingRequest } from '../support/certificate-request.ts';
import { atDevice, type Fleet, type FleetAgent, startFleet } from '../support/fleet.ts';
import { type KubeClient, kubeClient } from '../support/kube.ts';
import { writePem } from '../support/pki.ts';
import { until } from '../support/until.ts';
import { clusterKind, VARIABLE, withoutPrograms } from './which.ts';

const REQUESTS = '/apis/certificates.k8s.io/v1/certificatesigningrequests';
const REQUEST_KIND = 'CertificateSigningRequest';

/** What only etcd and a kube-apiserver can show; the rest is test/e2e on a real cluster. */

async function runningPod(t: TestContext): Promise<{ fleet: Fleet; device: FleetAgent }> {
  const dir = await mkdtemp(join(tmpdir(), 'hawser-real-'));
  let fleet: Fleet | undefined;
  t.after(async () => {
    await fleet?.stop();
    await rm(dir, { recursive: true, force: true });
  });
  fleet = await startFleet({ dir, cluster: 'real', identities: 'joined', agents: ['edge-1'] });
  const [device] = fleet.agents;
  assert.ok(device);
  await nodeReady(fleet.kube, 'edge-1', 60_000);
  await fleet.kube.create(configMap('settings', { n: '0' }));
  await fleet.kube.create(secret('key', { token: 'planted-secret-value' }));
  await fleet.kube.create(podOn('edge-1', 'web', { configMaps: ['settings'], secrets: ['key'] }));
  await podInCloud(fleet.kube, 'web', ({ phase }) => phase === 'Running', 60_000);
  return { fleet, device };
}

async function edit({ kube }: Fleet, n: number): Promise<void> {
  await kube.patch('configmaps', 'default', 'settings', { data: { n: String(n) } });
}

function arrives(device: FleetAgent, n: number) {
  return atDevice(device, 'configmaps', 'default', 'settings', ({ data }) => (data as { n: string }).n === String(n), 120_000);
}

/** The device's API as its kubelet has it. */
async function kubeletOf(t: TestContext, fleet: Fleet, device: FleetAgent): Promise<KubeClient> {
  const token = (await readFile(join(device.dataDir, 'kubelet.token'), 'utf8')).trim();
  const text = await readFile(device.localKubeconfig, 'utf8');
  const client = await kubeClient(await writePem(fleet.dir, 'kubelet.kubeconfig', text.replace(/token: .*/, `token: ${token}`)));
  t.after(() => client.close());
  return client;
}

test('a device joins a real cluster; its API server restarts, and is restored from a backup of etcd', {
  skip: clusterKind() === 'real' ? withoutPrograms() : `${VARIABLE}=real runs it`,
  timeout: 900_000,
}, async (t) => {
  const { fleet, device } = await runningPod(t);
  const { kube } = fleet;

  await t.test('the pod has the tokens and the authority that every pod of the cluster has', async () => {
    const pod = await atDevice(device, 'pods', 'default', 'web');
    assert.match(JSON.stringify(pod.spec), /serviceAccountToken.*kube-root-ca\.crt/);
    await atDevice(device, 'configmaps', 'default', 'kube-root-ca.crt');
  });

  await t.test("a kubelet's certificate request is signed by the cluster's own signer once it is approved", async () => {
    const kubelet = await kubeletOf(t, fleet, device);
    const spec = {
      request: (await servingRequest('edge-1')).base64,
      signerName: 'kubernetes.io/kubelet-serving',
      usages: SERVING_USAGES,
    };
    const metadata = { generateName: 'csr-' };
    const made = await kubelet.raw('POST', REQUESTS, {
      apiVersion: 'certificates.k8s.io/v1',
      kind: REQUEST_KIND,
      metadata,
      spec,
    });
    assert.equal(made.status, 201, JSON.stringify(made.body));
    const { name = '' } = (made.body as KubeObject).metadata;
    const there = await kube.get('certificates.k8s.io/certificatesigningrequests', '', name);
    assert.equal((there?.spec as { username?: string } | undefined)?.username, 'system:node:edge-1');
    const conditions = [{ type: 'Approved', status: 'True', reason: 'Test', message: '' }];
    const approved = await kube.raw('PUT', `${REQUESTS}/${name}/approval`, { ...there, status: { conditions } });
    assert.equal(approved.status, 200, JSON.stringify(approved.body));
    const certificate = await until('the certificate at the device', 120_000, undefined, async () => {
      const { body } = await kubelet.raw('GET', `${REQUESTS}?fieldSelector=metadata.name%3D${name}`);
      const [only] = (body as { items: KubeObject[] }).items;
      return (only?.status as { certificate?: string } | undefined)?.certificate;
    });
    const { subject } = new X509Certificate(Buffer.from(certificate, 'base64'));
    assert.match(subject, /CN=system:node:edge-1/);
  });

  await t.test('what is no request the server refuses, and its signer what breaks the rules', async () => {
    const kubelet = await kubeletOf(t, fleet, device);
    const ask = async (name: string, request: string) => {
      const spec = { request, signerName: 'kubernetes.io/kubelet-serving', usages: SERVING_USAGES };
      const asked = { apiVersion: 'certificates.k8s.io/v1', kind: REQUEST_KIND, metadata: { name }, spec };
      const { status, body } = await kubelet.raw('POST', REQUESTS, asked);
      return { status, message: (body as { message?: string }).message ?? '' };
    };
    const none = await ask('none', 'LS0t');
    assert.equal(none.status, 422, none.message);
    assert.match(none.message, /spec\.request: Invalid value: .*: PEM block type must be CERTIFICATE REQUEST$/);
    const { base64 } = await certificateRequest('CN=system:node:edge-1', [{ type: 'dns', value: 'edge-1' }]);
    assert.equal((await ask('no-node', base64)).status, 201);
    const there = await kube.get('certificates.k8s.io/certificatesigningrequests', '', 'no-node');
    const conditions = [{ type: 'Approved', status: 'True', reason: 'Test', message: '' }];
    await kube.raw('PUT', `${REQUESTS}/no-node/approval`, { ...there, status: { conditions } });
    const failed = await until('what the signer says', 120_000, undefined, async () => {
      const request = await kube.get('certificates.k8s.io/certificatesigningrequests', '', 'no-node');
      const said = (request?.status ?? {}) as { conditions?: { type: string; message: string }[] };
      return said.conditions?.find(({ type }) => type === 'Failed');
    });
    assert.equal(failed.message, 'subject organization is not system:nodes');
  });

  await t.test('an API server that restarts, and remembers no version from before, is followed', async () => {
    for (let n = 1; n <= 20; n += 1) await edit(fleet, n);
    await arrives(device, 20);
    await fleet.apiServer()?.stop();
    await fleet.startApiServer();
    await edit(fleet, 21);
    await arrives(device, 21);
    assert.deepEqual(refusalsOf(device), [], 'nothing that the device has said was refused');
  });

  await t.test('what etcd was restored to is what the device has in the end, in a new epoch', async () => {
    const etcd = join(fleet.dir, 'apiserver', 'etcd');
    const backup = join(fleet.dir, 'backup');
    await fleet.apiServer()?.stop();
    await cp(etcd, backup, { recursive: true });
    await fleet.startApiServer();
    for (let n = 22; n <= 80; n += 1) await edit(fleet, n);
    await kube.create(podOn('edge-1', 'late', { configMaps: ['settings'] }));
    await podInCloud(kube, 'late', ({ phase }) => phase === 'Running', 60_000);
    await arrives(device, 80);

    await fleet.apiServer()?.stop();
    await rm(etcd, { recursive: true });
    await cp(backup, etcd, { recursive: true });
    await fleet.startApiServer();
    await arrives(device, 21);
    await until('the pod that the backup lacks is gone from the device', 120_000, undefined, async () => {
      return (await device.local.get('pods', 'default', 'late')) === undefined;
    });
    await podInCloud(kube, 'web', ({ phase }) => phase === 'Running', 120_000);
    assert.match(await fleet.relayMetrics(), /^hawser_relay_epoch 2$/m);
    await edit(fleet, 99);
    await arrives(device, 99);
  });
});
