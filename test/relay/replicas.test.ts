import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { type Relay, resolveConfig, startRelay, systemClock } from '@hawser/cloud';
import { pino } from 'pino';
import { type EmbeddedApiServer, startEmbeddedApiServer } from '../apiserver/server.ts';
import { type KubeClient, kubeClient } from '../support/kube.ts';
import { type CertificateAuthority, createAuthority, issueNodeCertificate, writePair, writePem } from '../support/pki.ts';
import { until } from '../support/until.ts';
import { ScriptedAgent } from './scripted-agent.ts';

const LEASES = 'coordination.k8s.io/leases';
const NAMESPACE = 'hawser-system';
const STORES = { one: '1'.repeat(32), two: '2'.repeat(32) };

class Scene {
  readonly t: TestContext;
  readonly api: EmbeddedApiServer;
  readonly kube: KubeClient;
  readonly #folder: string;
  readonly #authority: CertificateAuthority;

  static async start(t: TestContext): Promise<Scene> {
    const api = await startEmbeddedApiServer();
    t.after(() => api.close());
    const folder = await mkdtemp(join(tmpdir(), 'hawser-replicas-'));
    t.after(() => rm(folder, { recursive: true }));
    const kube = await kubeClient(await writePem(folder, 'admin.kubeconfig', api.kubeconfig('admin')));
    t.after(() => kube.close());
    return new Scene(t, api, kube, folder, await createAuthority('agents'));
  }

  constructor(t: TestContext, api: EmbeddedApiServer, kube: KubeClient, folder: string, authority: CertificateAuthority) {
    this.t = t;
    this.api = api;
    this.kube = kube;
    this.#folder = folder;
    this.#authority = authority;
  }

  async relay(name: string, flags: Record<string, string> = {}): Promise<{ relay: Relay; logs: Record<string, unknown>[] }> {
    const folder = this.#folder;
    const pair = await writePair(folder, name, await this.#authority.issueServer({ commonName: 'relay' }));
    const { settings } = resolveConfig({
      env: {},
      flags: new Map(
        Object.entries({
          kubeconfig: await writePem(folder, 'relay.kubeconfig', this.api.kubeconfig('relay')),
          'link.address': '127.0.0.1',
          'link.port': '0',
          'ops.address': '127.0.0.1',
          'ops.port': '0',
          'tls.cert': pair.certificateFile,
          'tls.key': pair.keyFile,
          'tls.clientCa': await writePem(folder, 'ca.crt', this.#authority.certificatePem),
          'replica.name': name,
          ...flags,
        }),
      ),
    });
    const logs: Record<string, unknown>[] = [];
    const logger = pino({}, { write: (line) => logs.push(JSON.parse(line)) });
    const relay = await startRelay({ settings, clock: systemClock, random: Math.random, logger });
    this.t.after(() => relay.stop());
    return { relay, logs };
  }

  async dial(relay: Relay, node: string, storeId: string): Promise<ScriptedAgent> {
    const pair = await issueNodeCertificate(this.#authority, node);
    return until(`${node} to link`, 10_000, undefined, async () => {
      if (relay.readiness().type !== 'ready') return undefined;
      return (await ScriptedAgent.dial(relay.linkPort, pair, this.#authority.certificatePem, { storeId })).agent;
    });
  }

  /** Once the Lease of the node is as wanted: its spec, and its annotations without their prefix. */
  leased(node: string, wanted: Record<string, unknown>): Promise<unknown> {
    const text = JSON.stringify(wanted);
    return until(`the Lease of ${node} to be ${text}`, 20_000, undefined, async () => {
      const lease = await this.kube.get(LEASES, NAMESPACE, `node-${node}`);
      if (lease === undefined) return undefined;
      const annotations = Object.entries(lease.metadata.annotations ?? {}).map(([name, value]) => [
        name.replace('hawser.dev/', ''),
        value,
      ]);
      const all: Record<string, unknown> = { ...(lease.spec as object), ...Object.fromEntries(annotations) };
      return Object.entries(wanted).every(([name, value]) => all[name] === value);
    });
  }
}

test('a Lease says which replica has a node, of which store and version, and that its link is down a while after', async (t) => {
  const scene = await Scene.start(t);
  const { relay } = await scene.relay('a');
  const agent = await scene.dial(relay, 'edge-1', STORES.one);
  await scene.leased('edge-1', {
    holderIdentity: 'a',
    leaseTransitions: 1,
    node: 'edge-1',
    'store-id': STORES.one,
    'agent-version': 'scripted',
    'link-state': 'up',
  });
  agent.close();
  await scene.leased('edge-1', { holderIdentity: 'a', leaseTransitions: 1, 'link-state': 'down' });
});

test('the older link is told at which replica the newer one is, and to wait if it is another device', async (t) => {
  const scene = await Scene.start(t);
  const [a, b] = [await scene.relay('a'), await scene.relay('b')];
  const older = await scene.dial(a.relay, 'edge-1', STORES.one);
  await scene.leased('edge-1', { holderIdentity: 'a' });
  const other = await scene.dial(b.relay, 'edge-1', STORES.two);
  const goodbye = await older.message('the goodbye', ({ type }) => type === 'goodbye');
  assert.deepEqual(goodbye, {
    type: 'goodbye',
    reason: 'replaced',
    detail: 'another device has linked under the name of this node at replica b',
    retryAfterMs: 60_000,
  });
  assert.equal(await older.closed, 4001);
  const warning = a.logs.find(({ msg }) => msg === 'two devices under one node name');
  assert.deepEqual([warning?.storeId, warning?.newerStoreId, warning?.newerReplica], [STORES.one, STORES.two, 'b']);
  const same = await scene.dial(a.relay, 'edge-1', STORES.two);
  const farewell = await other.message('the goodbye', ({ type }) => type === 'goodbye');
  assert.deepEqual([farewell.type === 'goodbye' && farewell.retryAfterMs, await other.closed], [0, 4001]);
  same.close();
});

test('while the API server takes no Leases, links open at once; it is written when it does again', async (t) => {
  const scene = await Scene.start(t);
  const { relay, logs } = await scene.relay('a');
  await until('the own Lease', 10_000, undefined, () => scene.kube.get(LEASES, NAMESPACE, 'relay-a'));
  const path = `/apis/coordination.k8s.io/v1/namespaces/${NAMESPACE}/leases`;
  scene.api.faults.add({ method: 'POST', pathPrefix: path, times: 3, fault: { type: 'answer', status: 503 } });
  const agent = await scene.dial(relay, 'edge-1', STORES.one);
  assert.ok(agent.messages.some(({ type }) => type === 'welcome'));
  await scene.leased('edge-1', { holderIdentity: 'a', 'link-state': 'up' });
  const failing = logs.filter(({ msg }) => msg === 'leases not written');
  assert.deepEqual([failing.length, failing[0]?.why], [1, 'busy'], 'said once for a row of failures');
  assert.ok(logs.some(({ msg, failures }) => msg === 'leases are written again' && failures === 3));
});

test('an API server that was restored from before the connect is noticed by the Leases, which are then written anew', async (t) => {
  const scene = await Scene.start(t);
  const { relay, logs } = await scene.relay('a', { 'replica.renewSeconds': '1' });
  await until('the own Lease', 10_000, undefined, () => scene.kube.get(LEASES, NAMESPACE, 'relay-a'));
  const backup = scene.api.storage.revision();
  const agent = await scene.dial(relay, 'edge-1', STORES.one);
  await scene.leased('edge-1', { holderIdentity: 'a' });
  for (let n = 0; n < 20; n += 1) await scene.kube.apply({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: `n${n}` } });
  scene.api.faults.rewind(backup);
  await agent.closed;
  assert.ok(logs.some(({ msg }) => String(msg).startsWith('API server was restored from a backup')));
  await scene.dial(relay, 'edge-1', STORES.one);
  await scene.leased('edge-1', { holderIdentity: 'a', 'store-id': STORES.one, 'link-state': 'up' });
  await until('the own Lease', 10_000, undefined, () => scene.kube.get(LEASES, NAMESPACE, 'relay-a'));
});

test('a relay that stops deletes its own Lease; with replica.leases false there is none', async (t) => {
  const scene = await Scene.start(t);
  const { relay } = await scene.relay('a');
  const alone = await scene.relay('alone', { 'replica.leases': 'false' });
  await until('the own Lease', 10_000, undefined, () => scene.kube.get(LEASES, NAMESPACE, 'relay-a'));
  await scene.dial(alone.relay, 'edge-2', STORES.two);
  await relay.stop();
  assert.deepEqual(await scene.kube.list(LEASES, NAMESPACE), []);
});
