import assert from 'node:assert/strict';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { keySourceOf, openStore, sealOf, systemClock, type TokenKey } from '@hawser/edge';
import type { KubeObject } from '@hawser/protocol';
import { pino } from 'pino';
import { fieldsOf, itemsOf } from '../apiserver/policy/fields.ts';
import type { Happening } from '../kubelet/happenings.ts';
import { type KubeletProcess, mountedFile, mountedToken, startKubeletProcess } from '../kubelet/process.ts';
import { atDevice, type FleetAgent } from '../support/fleet.ts';
import { freePort } from '../support/free-port.ts';
import type { KubeClient } from '../support/kube.ts';
import { until } from '../support/until.ts';
import { configMap, fleetFor, nodeReady, podInCloud, podOn, secret } from './harness.ts';

const PODS = Array.from({ length: 10 }, (_, n) => `app-${n}`);
const WAIT_MS = 60_000;
/** A kubelet's own times, shortened; nothing is waited for that only they bring about, but for a token that is past its time. */
const QUICK = ['--sync-ms', '1000', '--lease-ms', '2000'];

function appOn(node: string, name: string): KubeObject {
  const pod = podOn(node, name, { secrets: ['login'] });
  return { ...pod, spec: { ...fieldsOf(pod.spec), volumes: [{ name: 'cfg', configMap: { name: 'settings' } }] } };
}

function restartsOf(pod: KubeObject): unknown[] {
  return itemsOf(fieldsOf(pod.status).containerStatuses).map(({ restartCount }) => restartCount);
}

async function isAccepted(kube: KubeClient, token: string | undefined): Promise<boolean> {
  const review = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenReview', spec: { token } };
  const { body } = await kube.raw('POST', '/apis/authentication.k8s.io/v1/tokenreviews', review);
  return fieldsOf(fieldsOf(body).status).authenticated === true;
}

/** The stopped device's token of that pod as it is when it has ended a minute ago. */
function endToken(device: FleetAgent, { metadata }: KubeObject): void {
  const seal = sealOf(keySourceOf(undefined, device.dataDir, undefined));
  const logger = pino({ level: 'silent' });
  const store = openStore({ path: join(device.dataDir, 'agent.db'), seal, logger, clock: systemClock });
  try {
    const { name: podName = '', uid: podUid = '', namespace = '' } = metadata;
    const key: TokenKey = { namespace, podName, podUid, serviceAccount: 'default', audiences: [], expirationSeconds: 3607 };
    const kept = store.tokens.get(key);
    assert.ok(kept, `a token of ${podName} is kept`);
    const ended = Date.now() - 60_000;
    const status = { ...fieldsOf(fieldsOf(JSON.parse(kept.body)).status), expirationTimestamp: new Date(ended).toISOString() };
    const body = JSON.stringify({ ...JSON.parse(kept.body), status });
    store.tokens.put(key, { body, issuedAt: ended - 3_607_000, keptAt: ended - 3_607_000, expiresAt: ended, validUntil: ended });
  } finally {
    store.close();
  }
}

test('a kubelet lives beside an agent: restarts of either, a power cut without a network', { timeout: 600_000 }, async (t) => {
  // Its kubelet knows the device's API by its port, through restarts.
  const agentFlags = { '--workload': 'none', '--api-port': String(await freePort()) };
  const fleet = await fleetFor(t, { agents: ['edge-1'], agentFlags });
  const [device] = fleet.agents;
  assert.ok(device);
  const { kube } = fleet;
  const root = join(fleet.dir, 'kubelet');
  const staticPods = join(fleet.dir, 'static');
  mkdirSync(staticPods);
  const server = device.local.server;
  const start = (boot: string, ...more: readonly string[]): KubeletProcess => {
    const logFile = join(fleet.dir, 'kubelet.log');
    const { node, dataDir } = device;
    const started = startKubeletProcess({ node, dataDir, server, root, boot, staticPods, flags: [...QUICK, ...more], logFile });
    t.after(started.kill);
    return started;
  };
  const uids = new Map<string, string>();
  const uidOf = (name: string) => uids.get(name) ?? assert.fail(`${name} is not known`);
  const greetings = () => PODS.map((name) => mountedFile(root, uidOf(name), 'cfg/greeting'));
  const tokens = () => PODS.map((name) => mountedToken(root, uidOf(name)));
  const everywhere = (greeting: string) =>
    until(`"${greeting}" in all pods`, WAIT_MS, undefined, async () => greetings().every((found) => found === greeting));
  const edit = (greeting: string) => kube.patch('configmaps', 'default', 'settings', { data: { greeting } });
  /** Nothing that runs was ended. */
  const ended = ({ event }: Happening) => ['podGone', 'orphanEnded', 'mirrorDeleted'].includes(event);
  let kubelet = start('first');

  await t.test('it registers, and brings ten pods to Running with ConfigMap, Secret and token', async () => {
    await nodeReady(kube, 'edge-1');
    await kube.create(configMap('settings', { greeting: 'hello' }));
    await kube.create(secret('login', { user: 'anna' }));
    for (const name of PODS) {
      const { metadata } = await kube.create(appOn('edge-1', name));
      uids.set(name, metadata.uid ?? '');
    }
    for (const name of PODS) await podInCloud(kube, name, ({ phase }) => phase === 'Running', WAIT_MS);
    await everywhere('hello');
    for (const token of tokens()) assert.equal(await isAccepted(kube, token), true);
  });

  await t.test('what is edited in the cluster arrives where it is mounted', async () => {
    await edit('changed');
    await everywhere('changed');
  });

  await t.test('the mirror of a static pod is in the cluster, and comes back when it is deleted there', async () => {
    const spec = { containers: [{ name: 'main', image: 'registry.example/beacon:1' }], terminationGracePeriodSeconds: 1 };
    const manifest = { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'beacon', namespace: 'default' }, spec };
    writeFileSync(join(staticPods, 'beacon.json'), JSON.stringify(manifest));
    const first = await podInCloud(kube, 'beacon-edge-1', ({ phase }) => phase === 'Running', WAIT_MS);
    await kube.remove('pods', 'default', 'beacon-edge-1');
    const isAnother = ({ metadata, status }: KubeObject) =>
      metadata.uid !== first.metadata.uid && fieldsOf(status).phase === 'Running';
    const second = await until('another mirror', WAIT_MS, undefined, async () => {
      const mirror = await kube.get('pods', 'default', 'beacon-edge-1');
      return mirror !== undefined && isAnother(mirror) && mirror;
    });
    rmSync(join(staticPods, 'beacon.json'));
    await until('no mirror', WAIT_MS, undefined, async () => (await kube.get('pods', 'default', 'beacon-edge-1')) === undefined);
    // The cluster has it before the kubelet says it, and its containers may end later still.
    const { uid } = second.metadata;
    await kubelet.line('the deletion', (line) => line.event === 'mirrorDeleted' && line.uid === uid, WAIT_MS);
    await kubelet.line('its end', ({ event, pod }) => event === 'podGone' && pod === 'beacon-edge-1', WAIT_MS);
  });

  await t.test('an agent that is killed and started takes nothing from pods that run', async () => {
    const before = tokens();
    const since = kubelet.happened.length;
    await device.process().kill();
    await until('that nobody is there', WAIT_MS, undefined, async () =>
      kubelet.happened.slice(since).some(({ event }) => event === 'away'),
    );
    await device.start();
    await edit('after');
    await everywhere('after');
    assert.deepEqual(tokens(), before);
    const happened = kubelet.happened.slice(since);
    assert.deepEqual(happened.filter(ended), []);
    assert.deepEqual(
      happened.filter(({ event }) => event === 'listed' || event === 'listFailed'),
      [],
      'watches went on from where they were',
    );
  });

  await t.test('a kubelet that is ended and started finds its pods as they were', async () => {
    await kubelet.stop();
    kubelet = start('first');
    await kubelet.line('its Node', ({ event, status }) => event === 'registered' && status === 409, WAIT_MS);
    for (const name of PODS) {
      await kubelet.line(name, ({ event, pod, phase }) => event === 'pod' && pod === name && phase === 'running', WAIT_MS);
    }
    await edit('again');
    await everywhere('again');
    assert.deepEqual(kubelet.happened.filter(ended), []);
    for (const name of PODS) {
      const pod = await podInCloud(kube, name, ({ phase }) => phase === 'Running', WAIT_MS);
      assert.deepEqual(restartsOf(pod), [0]);
    }
  });

  await t.test('a pod that is deleted in the cluster is ended, and is gone then', async () => {
    const { metadata } = await kube.create(appOn('edge-1', 'extra'));
    await podInCloud(kube, 'extra', ({ phase }) => phase === 'Running', WAIT_MS);
    await kube.remove('pods', 'default', 'extra', 5);
    await until('extra gone', WAIT_MS, undefined, async () => (await kube.get('pods', 'default', 'extra')) === undefined);
    await kubelet.line('its end', ({ event, uid }) => event === 'podGone' && uid === metadata.uid, WAIT_MS);
    assert.equal(mountedFile(root, metadata.uid ?? '', 'cfg/greeting'), undefined);
  });

  await t.test('after a power cut without a network all pods run again, with tokens, one of them past its time', async () => {
    const before = tokens();
    device.link.cut();
    await kubelet.kill();
    await device.process().kill();
    const pod = await kube.get('pods', 'default', 'app-0');
    assert.ok(pod);
    endToken(device, pod);
    const began = performance.now();
    await device.start();
    const servesMs = performance.now() - began;
    kubelet = start('second', '--protobuf');
    for (const name of PODS) {
      const isUp = ({ status }: KubeObject) => fieldsOf(status).phase === 'Running';
      const again = await atDevice(device, 'pods', 'default', name, (one) => isUp(one) && restartsOf(one)[0] === 1, WAIT_MS);
      assert.deepEqual(restartsOf(again), [1]);
    }
    t.diagnostic(
      `10 pods ${Math.round(performance.now() - began)} ms after power came, the API after ${Math.round(servesMs)} ms`,
    );
    assert.deepEqual(tokens(), before);
    await everywhere('again');
    const late = await kubelet.line('its token', ({ event, pod: of }) => event === 'token' && of === 'app-0', WAIT_MS);
    assert.equal(late.isExpired, true);
    assert.ok(fieldsOf(late.marks)['hawser.dev/token-expired'], 'it is marked');
  });

  await t.test('with the link back it is renewed, and the cluster hears of the restarts', async () => {
    const [old] = tokens();
    device.link.restore();
    await until('another token of app-0', WAIT_MS, undefined, async () => tokens()[0] !== old);
    assert.equal(await isAccepted(kube, tokens()[0]), true);
    for (const name of PODS) {
      await until(`${name} with its restart`, WAIT_MS, undefined, async () => {
        const pod = await kube.get('pods', 'default', name);
        return pod !== undefined && restartsOf(pod)[0] === 1;
      });
    }
    await edit('linked');
    await everywhere('linked');
  });
});
