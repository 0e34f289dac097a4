import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import type { KubeObject } from '@hawser/protocol';
import { fieldsOf } from '../apiserver/policy/fields.ts';
import { type LocalDevice, startLocalDevice } from '../local/device.ts';
import { freePort } from '../support/free-port.ts';
import { runCommand, startProcess } from '../support/processes.ts';
import type { Happening } from './happenings.ts';
import { type KubeletOptions, type PlayedKubelet, startPlayedKubelet } from './kubelet.ts';
import { jsonEncoding } from './wire/encoding.ts';
import { protobufEncoding } from './wire/protobuf.ts';

const UID = '00000000-0000-4000-8000-0000000000';
const POD = `${UID}03`;
const POD_PATH = '/api/v1/namespaces/shop/pods/web';

const configMap: KubeObject = {
  ...{ apiVersion: 'v1', kind: 'ConfigMap', data: { greeting: 'hello' } },
  metadata: { name: 'settings', namespace: 'shop', uid: `${UID}01`, resourceVersion: '7' },
};
const secret: KubeObject = {
  ...{ apiVersion: 'v1', kind: 'Secret', data: { user: 'YW5uYQ==' }, type: 'Opaque' },
  metadata: { name: 'login', namespace: 'shop', uid: `${UID}02`, resourceVersion: '8' },
};
const pod: KubeObject = {
  ...{ apiVersion: 'v1', kind: 'Pod', status: { phase: 'Pending' } },
  metadata: { name: 'web', namespace: 'shop', uid: POD, resourceVersion: '9', generation: 1 },
  spec: {
    nodeName: 'edge-1',
    containers: [{ name: 'main', image: 'example.test/web:1', envFrom: [{ secretRef: { name: 'login' } }], readinessProbe: {} }],
    volumes: [{ name: 'cfg', configMap: { name: 'settings' } }],
  },
};

function newer(object: KubeObject, resourceVersion: string, more: Partial<KubeObject>): KubeObject {
  return { ...object, ...more, metadata: { ...object.metadata, ...more.metadata, resourceVersion } };
}

function kubeletOf(t: TestContext, device: LocalDevice, more: Partial<KubeletOptions> = {}): PlayedKubelet {
  const { node, url, access } = device;
  const options = { node, server: url, ca: access.cert, token: () => access.nodeToken, timings: { syncMs: 200 } };
  const kubelet = startPlayedKubelet({ ...options, ...more });
  t.after(kubelet.stop);
  return kubelet;
}

function temporaryFolder(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'hawser-kubelet-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

const is = (event: string) => (happening: Happening) => happening.event === event;
const isRunning = ({ event, phase, ready }: Happening) => event === 'podStatus' && phase === 'Running' && ready === true;
const mountedGreeting = (kubelet: PlayedKubelet) => kubelet.mounts(POD)?.get('cfg/greeting')?.toString();

async function deviceWithPod(t: TestContext, options: Parameters<typeof startLocalDevice>[0] = {}): Promise<LocalDevice> {
  const device = await startLocalDevice(options);
  t.after(device.close);
  device.put(configMap, secret, pod);
  return device;
}

for (const encoding of [jsonEncoding, protobufEncoding]) {
  for (const version of ['h2', 'http/1.1'] as const) {
    test(`in ${encoding.name} over ${version} it registers, brings a pod to Running, and ends it when that is ordered`, async (t) => {
      const device = await deviceWithPod(t);
      const kubelet = kubeletOf(t, device, { encoding, versions: version === 'h2' ? ['h2', 'http/1.1'] : ['http/1.1'] });
      await kubelet.expect('a connection', (happening) => is('connected')(happening) && happening.version === version);
      await kubelet.expect('the pod', isRunning);
      assert.equal(mountedGreeting(kubelet), 'hello');
      const { json } = await device.call('GET', POD_PATH);
      assert.equal(fieldsOf(json?.status).phase, 'Running');
      assert.equal(kubelet.watchedObjects(), 2);

      device.put(newer(configMap, '10', { data: { greeting: 'changed' } }));
      await kubelet.expect('the edit', () => mountedGreeting(kubelet) === 'changed');

      const ending = { deletionTimestamp: '2026-01-01T00:00:00Z', deletionGracePeriodSeconds: 1, generation: 2 };
      device.put(newer(pod, '11', { metadata: ending }));
      await kubelet.expect('the end', is('podGone'));
      assert.equal((await device.call('GET', POD_PATH)).status, 404);
      assert.deepEqual([kubelet.mounts(POD), kubelet.watchedObjects()], [undefined, 0]);
      assert.deepEqual(kubelet.podUids(), []);
    });
  }
}

test('started again, it finds its Node and leaves what runs as it is; after a power cut everything starts anew', async (t) => {
  const device = await deviceWithPod(t);
  const root = temporaryFolder(t);
  const first = kubeletOf(t, device, { root });
  await first.expect('the pod', isRunning);
  first.stop();

  const second = kubeletOf(t, device, { root });
  await second.expect('its Node', ({ event, status }) => event === 'registered' && status === 409);
  await second.expect('the pod', ({ event, phase }) => event === 'pod' && phase === 'running');
  assert.equal(mountedGreeting(second), 'hello');
  assert.ok(!second.happened.some(is('orphanEnded')));
  second.stop();

  const third = kubeletOf(t, device, { root, boot: 'second' });
  await third.expect('the pod', ({ event, phase }) => event === 'pod' && phase === 'running');
  const restarted = ({ event, phase, ready }: Happening) => event === 'podStatus' && phase === 'Running' && ready === true;
  await third.expect('its status', restarted);
  const { json } = await device.call('GET', POD_PATH);
  const [container] = fieldsOf(json?.status).containerStatuses as { restartCount: number }[];
  assert.equal(container?.restartCount, 1);
});

test('its watches go on from where they were when the server comes back', async (t) => {
  const port = await freePort();
  const device = await deviceWithPod(t, { port });
  const kubelet = kubeletOf(t, device);
  await kubelet.expect('the pod', isRunning);
  await device.stop();
  await kubelet.expect('that nobody is there', is('away'));
  const again = await startLocalDevice({ folder: device.folder, port });
  t.after(again.close);
  const lists = kubelet.happened.filter(is('listed')).length;
  again.put(newer(configMap, '12', { data: { greeting: 'after' } }));
  await kubelet.expect('the edit', () => mountedGreeting(kubelet) === 'after', 60_000);
  assert.equal(kubelet.happened.filter(is('listed')).length, lists);
});

test('told to come again, it waits as long as it is told, and takes no pod before it has heard of all', async (t) => {
  const device = await startLocalDevice({ synced: false });
  t.after(device.close);
  device.put(configMap, secret, pod);
  const kubelet = kubeletOf(t, device);
  // No container starts before the Services are known.
  const ofServices = ({ event, path }: Happening) => event === 'toldToWait' && String(path).startsWith('/api/v1/services');
  const { atMs: toldAt, seconds } = await kubelet.expect('to be told so', ofServices);
  device.complete();
  const { atMs: takenAt } = await kubelet.expect('the pod', isRunning, 60_000);
  assert.ok(takenAt - toldAt >= Number(seconds) * 1_000, `told ${seconds} s at ${toldAt} ms, went on at ${takenAt} ms`);
  assert.deepEqual(kubelet.happened.filter(is('orphanEnded')), []);
});

test('a static pod has a mirror, which comes back when it is deleted and goes with its manifest', async (t) => {
  const device = await startLocalDevice();
  t.after(device.close);
  const staticPods = temporaryFolder(t);
  const manifest = join(staticPods, 'beacon.yaml');
  writeFileSync(
    manifest,
    'apiVersion: v1\nkind: Pod\nmetadata: { name: beacon, namespace: shop }\nspec: { containers: [{ name: c, image: x }] }\n',
  );
  const kubelet = kubeletOf(t, device, { staticPods });
  await kubelet.expect('its status at the mirror', isRunning);
  const mirror = () => device.call('GET', '/api/v1/namespaces/shop/pods/beacon-edge-1');
  const { json: before } = await mirror();
  assert.equal(fieldsOf(before?.status).phase, 'Running');

  const uid = before?.metadata.uid;
  await device.call('DELETE', '/api/v1/namespaces/shop/pods/beacon-edge-1', {
    body: { kind: 'DeleteOptions', apiVersion: 'v1', gracePeriodSeconds: 0 },
  });
  await kubelet.expect('another mirror', (happening) => is('mirrorCreated')(happening) && happening.uid !== uid);
  rmSync(manifest);
  await kubelet.expect('its end', is('mirrorDeleted'));
  assert.equal((await mirror()).status, 404);
});

test('as a process it says what happens in lines of JSON, and writes nothing when it is ended', async (t) => {
  const device = await deviceWithPod(t);
  const folder = temporaryFolder(t);
  writeFileSync(join(folder, 'ca.crt'), device.access.cert);
  writeFileSync(join(folder, 'token'), device.access.nodeToken);
  const access = ['--server', device.url, '--ca', join(folder, 'ca.crt'), '--token-file', join(folder, 'token')];
  const args = ['test/kubelet/main.ts', '--node', device.node, ...access, '--root', join(folder, 'root'), '--requests'];
  const running = startProcess({ name: 'played kubelet', args });
  t.after(running.kill);
  await running.line('the pod', (line) => line.event === 'podStatus' && line.phase === 'Running' && line.ready === true);
  const writes = (await running.stop()) && running.lines.slice(running.lines.findIndex(({ event }) => event === 'stopped'));
  assert.deepEqual(
    writes.map(({ event }) => event),
    ['stopped'],
  );
});

test('a command line that lacks something is refused in words', async () => {
  const { code, stderr } = await runCommand({ name: 'played kubelet', args: ['test/kubelet/main.ts', '--node', 'edge-1'] });
  assert.deepEqual([code, stderr], [2, '--kubeconfig is missing, or --server, --ca and --token-file\n']);
});
