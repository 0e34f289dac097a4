import assert from 'node:assert/strict';
import { createPublicKey, X509Certificate } from 'node:crypto';
import { join } from 'node:path';
import { test } from 'node:test';
import { createAuthority } from '../../../../test/support/pki.ts';
import { createIdentityFolder } from '../../enroll/index.ts';
import { AGENT_FACTS } from '../../ops/facts.ts';
import { tellKubeletState } from '../../ops/kubelet-facts.ts';
import { storePath } from '../../ops/paths.ts';
import { openStore } from '../../store/index.ts';
import { CLUSTER, silent, storageKey, temporaryFolder, testObject, upsert, writeStatus } from '../../store/testing.ts';
import { cli } from '../testing.ts';

const NOW = new Date('2026-03-01T12:00:00.000Z');

const statusOf = (folder: string) => cli(['status', '--data-dir', folder], { now: () => NOW });

test('status lists the oldest of what waits in the words of the outbox, and says how much more there is', async (t) => {
  const folder = join(temporaryFolder(t), 'data');
  const store = openStore({ path: storePath(folder), logger: silent, clock: { now: () => NOW } });
  store.bindCluster(CLUSTER);
  const keys = [
    storageKey('nodes', 'edge-1', ''),
    ...Array.from({ length: 11 }, (_, index) => storageKey('pods', `web-${index}`, 'shop')),
  ];
  store.applyBatch(
    CLUSTER,
    keys.map((key) => upsert(key, '10', testObject(key, `uid-${key.name}`))),
  );
  for (const key of keys) writeStatus(store, key, { phase: 'Running' });
  store.close();

  const { code, out } = await statusOf(folder);
  assert.equal(code, 0);
  const lines = out.split('\n').map((line) => line.trim().replaceAll(/ +/g, ' '));
  const first = lines.findIndex((line) => /^Outbox: 12 waiting for the cloud, \d+ bytes, the oldest for 0s$/.test(line));
  assert.equal(lines[first + 1], 'change of status nodes/edge-1 since 2026-03-01T12:00:00.000Z');
  assert.equal(lines[first + 2], 'change of status pods/shop/web-0 since 2026-03-01T12:00:00.000Z');
  assert.equal(lines[first + 11], 'and 2 more: see "hawser-agent outbox"');
});

test('status of a device that has joined says so before its agent runs, and when that still runs, or ran, under another name', async (t) => {
  const folder = join(temporaryFolder(t), 'data');
  const authority = await createAuthority('relays');
  const identity = createIdentityFolder({ dataDir: folder, logger: silent });
  const spki = createPublicKey(identity.requestKey()).export({ type: 'spki', format: 'der' });
  const certificates = [new X509Certificate(await authority.certifyNode('truck-2', spki))];
  const authorities = [new X509Certificate(authority.certificatePem)];
  identity.writeJoined({ nodeName: 'truck-2', relays: ['wss://relay.example:8443'], certificates, authorities });
  const before = await statusOf(folder);
  assert.equal(before.code, 1);
  assert.match(before.err, /: this device has joined as truck-2, and its agent has not run yet: hawser-agent run\n$/);

  const store = openStore({ path: storePath(folder), logger: silent, clock: { now: () => NOW } });
  t.after(() => store.close());
  store.setFacts({ [AGENT_FACTS.nodeName]: 'truck-1' });
  assert.match(
    (await statusOf(folder)).out,
    /^Node: +truck-1\n +joined as truck-2: without tls\.cert the agent takes that name/m,
  );
  store.setFacts({ [AGENT_FACTS.nodeName]: 'truck-2' });
  assert.doesNotMatch((await statusOf(folder)).out, /joined as/);
});

test('status tells of the kubelet: why it does not run, and its last words', async (t) => {
  const folder = join(temporaryFolder(t), 'data');
  const store = openStore({ path: storePath(folder), logger: silent, clock: { now: () => NOW } });
  t.after(() => store.close());
  assert.doesNotMatch((await statusOf(folder)).out, /^Kubelet/m);
  store.setFacts({ [AGENT_FACTS.workload]: 'kubelet' });
  tellKubeletState({ name: 'running', pid: 7, version: 'v1.34.1', ends: 0 }, store, { now: () => NOW });
  store.setFacts({ [AGENT_FACTS.kubeletAlive]: 'true' });
  assert.match((await statusOf(folder)).out, /^Kubelet: +running, v1\.34\.1, since 2026-03-01T12:00:00\.000Z, alive\n +pid 7$/m);

  const lastLines = ['E1123 run.go:72] no containerd', 'goodbye'];
  tellKubeletState({ name: 'waiting', why: 'it has ended with code 1', ends: 4, lastLines }, store, { now: () => NOW });
  store.setFacts({ [AGENT_FACTS.kubeletAlive]: 'false' });
  const { out } = await statusOf(folder);
  assert.match(out, /^Kubelet: +waiting, v1\.34\.1, since .*, silent: it does not renew its Lease$/m);
  assert.match(out, /^ +it has ended with code 1, 4 times in a row\n +E1123 run\.go:72\] no containerd\n +goodbye$/m);

  tellKubeletState({ name: 'blocked', pids: [9] }, store, { now: () => NOW });
  const blocked = (await statusOf(folder)).out;
  assert.match(blocked, /^ +another kubelet runs with its configuration \(pid 9\): stop it$/m);
  assert.doesNotMatch(blocked, /goodbye/);
});
