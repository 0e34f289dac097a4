import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { get } from 'node:https';
import { join } from 'node:path';
import { test } from 'node:test';
import { keySourceOf, openStore, sealOf, systemClock, type TokenKey } from '@hawser/edge';
import type { KubeObject } from '@hawser/protocol';
import Database from 'better-sqlite3';
import { pino } from 'pino';
import { embeddedOnly } from '../kubernetes/which.ts';
import { atDevice, type FleetAgent, logOf } from '../support/fleet.ts';
import type { KubeClient } from '../support/kube.ts';
import { until } from '../support/until.ts';
import { fleetFor, nodeReady, podInCloud, podOn } from './harness.ts';

const FAULTS = { skip: embeddedOnly('faults') };

/** A row of the store's table of tokens. */
interface KeptRow {
  readonly number: number;
  readonly pod_uid: string;
  readonly namespace: string;
  readonly service_account: string;
  readonly audiences: string;
  readonly expiration_seconds: number;
  readonly token: string;
}

const databaseOf = (device: FleetAgent) => join(device.dataDir, 'agent.db');
const sealOfDevice = (device: FleetAgent) => sealOf(keySourceOf(undefined, device.dataDir, undefined));

/** What lies on the device's disk, beside its running agent. */
function keptTokens(device: FleetAgent): KeptRow[] {
  const database = new Database(databaseOf(device), { readonly: true });
  try {
    const rows = database
      .prepare<[], Omit<KeptRow, 'token'> & { sealed: Buffer }>('SELECT * FROM tokens ORDER BY audiences')
      .all();
    const seal = sealOfDevice(device)(undefined);
    return rows.map(({ sealed, ...row }) => {
      const about = [row.pod_uid, row.namespace, row.service_account, row.audiences, row.expiration_seconds];
      const { status } = JSON.parse(seal.open(sealed, JSON.stringify(about)) ?? '') as { status: { token: string } };
      return { ...row, token: status.token };
    });
  } finally {
    database.close();
  }
}

/** The stopped device's tokens as they are when nine tenths of their life are over. */
function ageTokens(device: FleetAgent, pod: KubeObject): void {
  const store = openStore({
    path: databaseOf(device),
    seal: sealOfDevice(device),
    logger: pino({ level: 'silent' }),
    clock: systemClock,
  });
  try {
    for (const [audiences, expirationSeconds] of [
      [[], 3607],
      [['vault'], 1200],
    ] as const) {
      const { name: podName = '', uid: podUid = '', namespace = '' } = pod.metadata;
      const key: TokenKey = { namespace, podName, podUid, serviceAccount: 'default', audiences, expirationSeconds };
      const kept = store.tokens.get(key);
      assert.ok(kept, `there is one for ${audiences}`);
      const age = expirationSeconds * 900;
      const [issuedAt, keptAt, expiresAt] = [kept.issuedAt - age, kept.keptAt - age, kept.expiresAt - age];
      const request = JSON.parse(kept.body) as KubeObject & { status: object };
      const status = { ...request.status, expirationTimestamp: new Date(expiresAt).toISOString() };
      store.tokens.put(key, { ...kept, issuedAt, keptAt, expiresAt, body: JSON.stringify({ ...request, status }) });
    }
  } finally {
    store.close();
  }
}

/** How many requests for tokens had that outcome, since the agent began. */
async function requests(device: FleetAgent, outcome: string): Promise<number> {
  const { opsPort } = await device.process().line('its start', ({ msg }) => msg === 'agent started');
  const text = await (await fetch(`http://127.0.0.1:${opsPort}/metrics`)).text();
  return Number(new RegExp(`^hawser_agent_token_requests_total\\{outcome="${outcome}"\\} (\\d+)$`, 'm').exec(text)?.[1]);
}

interface Review {
  readonly authenticated?: boolean;
  readonly user?: { readonly username?: string; readonly extra?: Readonly<Record<string, readonly string[]>> };
}

async function review(kube: KubeClient, token: string, audiences?: readonly string[]): Promise<Review> {
  const { status, body } = await kube.raw('POST', '/apis/authentication.k8s.io/v1/tokenreviews', {
    apiVersion: 'authentication.k8s.io/v1',
    kind: 'TokenReview',
    spec: { token, ...(audiences === undefined ? {} : { audiences }) },
  });
  assert.equal(status, 201);
  return (body as { status: Review }).status;
}

/** What the device's API answers to who shows that token. */
async function statusAt(device: FleetAgent, token: string, path = '/api/v1/services'): Promise<number> {
  const ca = await readFile(join(device.dataDir, 'api.crt'));
  const headers = { authorization: `Bearer ${token}` };
  return new Promise((resolve, reject) => {
    get(new URL(path, device.local.server), { ca, headers, agent: false }, (response) => {
      response.resume().on('end', () => resolve(response.statusCode ?? 0));
    }).on('error', reject);
  });
}

/** The one for the API server. */
function ownToken(rows: readonly KeptRow[], podUid: string | undefined): string {
  return rows.find(({ audiences, pod_uid }) => audiences === '[]' && pod_uid === podUid)?.token ?? assert.fail('it has none');
}

function podWithTokens(name: string): KubeObject {
  const pod = podOn('edge-1', name);
  const serviceAccountToken = { path: 'token', audience: 'vault', expirationSeconds: 1200 };
  return {
    ...pod,
    spec: { ...(pod.spec as object), volumes: [{ name: 'vault', projected: { sources: [{ serviceAccountToken }] } }] },
  };
}

test('a pod has its tokens, keeps them without the cloud, and they go with it', { timeout: 480_000 }, async (t) => {
  const fleet = await fleetFor(t, { agents: ['edge-1'], agentFlags: { '--ops-port': '0', '--api-pods': 'true' }, faults: true });
  const [device] = fleet.agents;
  assert.ok(device);
  const { kube } = fleet;
  const seen = new Set<string>();
  const kept = () => {
    const rows = keptTokens(device);
    for (const { token } of rows) seen.add(token);
    return rows;
  };
  await nodeReady(kube, 'edge-1');
  await kube.create(podWithTokens('web'));
  const pod = await podInCloud(kube, 'web', ({ phase }) => phase === 'Running');
  const first = kept();

  await t.test('one for each volume, which the API server takes for the pod', async () => {
    assert.deepEqual(
      first.map(({ pod_uid, audiences, expiration_seconds }) => [pod_uid, audiences, expiration_seconds]),
      [
        [pod.metadata.uid, '["vault"]', 1200],
        [pod.metadata.uid, '[]', 3607],
      ],
    );
    for (const { token, audiences } of first) {
      const { authenticated, user } = await review(kube, token, audiences === '[]' ? undefined : ['vault']);
      assert.equal(authenticated, true);
      assert.equal(user?.username, 'system:serviceaccount:default:default');
      assert.deepEqual(user?.extra?.['authentication.kubernetes.io/pod-uid'], [pod.metadata.uid]);
    }
    assert.equal(await requests(device, 'renewed'), 2);
  });

  await t.test('the local API knows the pod by the one for the API server, and gives it what pods get', async () => {
    const token = ownToken(first, pod.metadata.uid);
    await until('the keys of the cluster', 60_000, undefined, async () => (await statusAt(device, token)) === 200);
    for (const path of ['/api/v1/secrets', '/api/v1/pods', '/hawser/v1/query']) {
      assert.equal(await statusAt(device, token, path), 403, path);
    }
    const vault = first.find(({ audiences }) => audiences !== '[]')?.token ?? '';
    for (const other of [vault, `${token.slice(0, -8)}AAAAAAAA`]) assert.equal(await statusAt(device, other), 401);
  });

  await t.test('after a power cut, without the link and past their time, the pod starts with the same ones', async () => {
    device.link.cut();
    await device.process().kill();
    ageTokens(device, pod);
    await device.start();
    await until('both tokens given out from the store', 60_000, undefined, async () => (await requests(device, 'kept')) === 2);
    await atDevice(device, 'pods', 'default', 'web', ({ status }) => (status as { phase: string }).phase === 'Running');
    assert.deepEqual(
      kept().map(({ token }) => token),
      first.map(({ token }) => token),
    );
    assert.equal(await statusAt(device, ownToken(first, pod.metadata.uid)), 200, 'its keys are there too');
  });

  await t.test('the administrator of the device gets none', async () => {
    const path = '/api/v1/namespaces/default/serviceaccounts/default/token';
    const boundObjectRef = { kind: 'Pod', apiVersion: 'v1', name: 'web', uid: pod.metadata.uid };
    const { status } = await device.local.raw('POST', path, { spec: { boundObjectRef } });
    assert.equal(status, 403);
  });

  await t.test('with the link back they are renewed when the pod is looked at again', async () => {
    device.link.restore();
    await until('both tokens renewed', 240_000, undefined, async () => (await requests(device, 'renewed')) === 2);
    const renewed = kept();
    assert.equal(renewed.length, 2);
    for (const { token, audiences } of renewed) {
      assert.ok(!first.some((before) => before.token === token));
      assert.equal((await review(kube, token, audiences === '[]' ? undefined : ['vault'])).authenticated, true);
    }
  });

  await t.test('a restart while they are fresh asks the cloud for nothing', async () => {
    await device.process().kill();
    await device.start();
    await until('both tokens given out', 60_000, undefined, async () => (await requests(device, 'fresh')) === 2);
    assert.equal(await requests(device, 'renewed'), 0);
  });

  await t.test('a pod that gets none waits with a FailedMount Event, and runs when it gets them', FAULTS, async () => {
    const pathPrefix = '/api/v1/namespaces/default/serviceaccounts/default/token';
    const fault = { type: 'answer', status: 503, retryAfterSeconds: 1 };
    await fleet.fault({ do: 'add', method: 'POST', pathPrefix, times: 10_000, fault });
    await kube.create(podWithTokens('late'));
    const event = await until('the Event', 60_000, undefined, async () => {
      const events = await kube.list('events', 'default');
      return events.find(
        ({ reason, involvedObject }) => reason === 'FailedMount' && (involvedObject as { name: string }).name === 'late',
      );
    });
    assert.match(
      String(event.message),
      /^MountVolume\.SetUp failed for volume ".*" : failed to fetch token: no token of this pod is kept/,
    );
    const waiting = await podInCloud(
      kube,
      'late',
      ({ containerStatuses }) => containerStatuses?.[0]?.state.waiting !== undefined,
    );
    assert.equal((waiting.status as { phase: string }).phase, 'Pending');
    await fleet.fault({ do: 'clear' });
    await podInCloud(kube, 'late', ({ phase }) => phase === 'Running', 60_000);
    assert.equal(kept().length, 4);
  });

  await t.test('they go from the disk with their pod, and let nobody in any more', async () => {
    const before = kept();
    const token = ownToken(before, pod.metadata.uid);
    assert.equal(await statusAt(device, token), 200);
    await kube.remove('pods', 'default', 'web', 1);
    await until('the pod gone', 60_000, undefined, async () => (await kube.get('pods', 'default', 'web')) === undefined);
    await until('its tokens gone', 60_000, undefined, async () => {
      const rows = kept();
      return rows.length === before.length - 2 && rows.every(({ pod_uid }) => pod_uid !== pod.metadata.uid);
    });
    assert.equal(await statusAt(device, token), 401);
  });

  await t.test('no log has a token, nor has what the commands show', async () => {
    // Two of each pod, and those of the first renewed.
    assert.ok(seen.size >= (FAULTS.skip === false ? 6 : 4));
    const { stdout } = await device.command('get', 'pods', '-A', '-o', 'json');
    const texts = [stdout, JSON.stringify(await device.status())];
    for (const name of ['apiserver', 'relay', 'edge-1']) texts.push(await logOf(fleet, name));
    for (const token of seen)
      for (const text of texts) assert.ok(!text.includes(token) && !text.includes(token.split('.')[2] ?? ''));
  });
});
