import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { request } from 'node:https';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import type { KubeObject } from '@hawser/protocol';
import { parse } from 'yaml';
import type { RequestCount } from '../apiserver/request-counts.ts';
import { embeddedOnly } from '../kubernetes/which.ts';
import { SERVING_USAGES, servingRequest } from '../support/certificate-request.ts';
import { atDevice, type Fleet, type FleetAgent } from '../support/fleet.ts';
import { until } from '../support/until.ts';
import { configMap, fleetFor, nodeReady, podOn, secret } from './harness.ts';

const NODE = 'edge-1';
const AS_NODE = `system:node:${NODE}`;

/** In a namespace that no pod of the device is in: nothing there is synced to it, and a node may read Services. */
function service(name: string, port = 80): KubeObject {
  const spec = { selector: { app: name }, ports: [{ port }] };
  return { apiVersion: 'v1', kind: 'Service', metadata: { name, namespace: 'far' }, spec };
}

interface Answer {
  readonly type: string;
  readonly source?: string;
  readonly ageMs?: number;
  readonly object?: KubeObject;
  readonly message?: string;
}

async function scene(t: TestContext, options: Partial<Parameters<typeof fleetFor>[1]> = {}) {
  const fleet = await fleetFor(t, { agents: [NODE], counts: true, faults: true, keepData: true, ...options });
  const [agent] = fleet.agents;
  assert.ok(agent);
  await nodeReady(fleet.kube, NODE);
  await fleet.kube.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'far' } });
  return { fleet, agent, kube: fleet.kube };
}

/** As the command says it in JSON, with its exit code. */
async function query(agent: FleetAgent, ...args: string[]): Promise<Answer & { code: number | null; stderr: string }> {
  const { code, stdout, stderr } = await agent.command('query', ...args, '-o', 'answer');
  assert.notEqual(stdout, '', stderr);
  return { ...(JSON.parse(stdout) as Answer), code, stderr };
}

/** Without the time that a command takes to start. */
async function ask(agent: FleetAgent, name: string, timeoutMs = 60_000): Promise<Answer> {
  const { status, body } = await agent.local.raw('GET', queryPath(name, timeoutMs));
  assert.equal(status, 200, JSON.stringify(body));
  return body as Answer;
}

function queryPath(name: string, timeoutMs: number): string {
  return `/hawser/v1/query?resource=services&namespace=far&name=${name}&timeoutMs=${timeoutMs}`;
}

/** Reads of Services that the API server was asked for as the node. */
async function serviceReads(fleet: Fleet): Promise<number> {
  const { body } = await fleet.kube.raw('GET', '/-/requests');
  return (body as RequestCount[])
    .filter(({ as, method, resource }) => as === AS_NODE && method === 'GET' && resource === 'services')
    .reduce((sum, { count }) => sum + count, 0);
}

function heldRequests(fleet: Fleet, count: number) {
  return until(`${count} questions at the API server`, 60_000, undefined, async () => (await fleet.held()).requests === count);
}

/** The next question about it waits at the API server until it is released or given up. */
const holdService = (name: string) => ({
  do: 'add',
  fault: { type: 'hold' },
  as: AS_NODE,
  pathPrefix: `/api/v1/namespaces/far/services/${name}`,
});

function linkState(agent: FleetAgent, state: string) {
  return until(
    `link ${state}`,
    60_000,
    undefined,
    async () => ((await agent.status()).link as { state: string }).state === state,
  );
}

test('forbidden, not found, no answer now and not known offline are four things up to the caller', {
  timeout: 360_000,
}, async (t) => {
  const { fleet, agent, kube } = await scene(t);
  await kube.create(secret('nobodys', { key: 'value' }));

  const apiStatus = async (path: string) => (await agent.local.raw('GET', path)).status;
  assert.equal(await apiStatus('/api/v1/namespaces/default/secrets/nobodys'), 403);
  assert.equal(await apiStatus('/api/v1/namespaces/far/services/nothing'), 404);
  const forbidden = await query(agent, 'secret', 'nobodys');
  assert.deepEqual([forbidden.type, forbidden.code], ['forbidden', 4]);
  assert.match(forbidden.message ?? '', /no relationship found between node 'edge-1' and this object/);
  assert.match(forbidden.stderr, /secrets "nobodys" in the namespace default: forbidden: /);

  const notFound = await query(agent, 'svc', 'nothing', '-n', 'far');
  assert.deepEqual([notFound.type, notFound.source, notFound.code], ['notFound', 'cloud', 3]);

  const refused = await query(agent, 'deployments.apps', 'web');
  assert.deepEqual([refused.type, refused.code], ['refused', 7]);

  await fleet.apiServer()?.stop();
  const unavailable = await query(agent, 'svc', 'other', '-n', 'far');
  assert.deepEqual([unavailable.type, unavailable.code], ['unavailable', 5]);
  await fleet.startApiServer();

  agent.link.cut();
  await linkState(agent, 'down');
  const unknown = await query(agent, 'svc', 'other', '-n', 'far');
  assert.deepEqual([unknown.type, unknown.code], ['unknownOffline', 6]);
  assert.match(unknown.stderr, /not known without a link/);
  const clientSays = await agent.local.raw('GET', '/api/v1/namespaces/far/services/other');
  assert.equal(clientSays.status, 503, 'nor is it "not found" to a client of the API');
  const stillForbidden = await query(agent, 'secret', 'nobodys');
  assert.deepEqual([stillForbidden.type, stillForbidden.code], ['unknownOffline', 6], 'a refusal is no answer for later');
});

test('answers are kept: they serve with their age without a link, after kill -9, and with no agent at all', {
  timeout: 360_000,
}, async (t) => {
  const { agent, kube } = await scene(t);
  await kube.create(service('shop', 8080));
  await kube.create(podOn(NODE, 'reader', { configMaps: ['settings'] }));
  await kube.create(configMap('settings', { a: '1' }));
  await atDevice(agent, 'configmaps', 'default', 'settings');

  const online = await query(agent, 'service/shop', '-n', 'far');
  assert.deepEqual([online.type, online.source, online.ageMs, online.code], ['found', 'cloud', 0, 0]);
  const gone = await query(agent, 'services', 'gone', '-n', 'far');
  assert.deepEqual([gone.type, gone.source], ['notFound', 'cloud']);
  const synced = await query(agent, 'cm', 'settings');
  assert.deepEqual([synced.type, synced.source, synced.ageMs], ['found', 'synced', 0]);
  const live = await query(agent, 'cm', 'settings', '--live');
  assert.deepEqual([live.type, live.source, live.object?.data], ['found', 'cloud', { a: '1' }]);

  const checkOffline = async (when: string) => {
    const kept = await query(agent, 'service', 'shop', '-n', 'far');
    assert.deepEqual([kept.type, kept.source, kept.code], ['found', 'kept', 0], when);
    assert.deepEqual(kept.object?.spec, online.object?.spec);
    assert.match(kept.stderr, /Kept on this device, as it was \d+s ago\.\n/);
    const keptAbsence = await query(agent, 'service', 'gone', '-n', 'far');
    assert.deepEqual([keptAbsence.type, keptAbsence.source, keptAbsence.code], ['notFound', 'kept', 3], when);
    const last = await query(agent, 'cm', 'settings', '--live');
    assert.deepEqual([last.type, last.source], ['found', 'synced'], when);
    const never = await query(agent, 'service', 'never', '-n', 'far');
    assert.deepEqual([never.type, never.code], ['unknownOffline', 6], when);
    return kept.ageMs ?? 0;
  };
  agent.link.cut();
  await linkState(agent, 'down');
  await kube.remove('services', 'far', 'shop');
  const first = await checkOffline('with the link cut');
  const { status, body } = await agent.local.raw('GET', '/api/v1/namespaces/far/services/shop');
  assert.deepEqual([status, (body as KubeObject).spec], [200, online.object?.spec], 'a client of the API gets the same');
  await agent.process().kill();
  const second = await checkOffline('without an agent');
  assert.ok(second > first, 'its age rises');
  await agent.start();
  await checkOffline('after the restart');

  agent.link.restore();
  await linkState(agent, 'open');
  const after = await until('the truth', 60_000, undefined, async () => {
    const answer = await query(agent, 'service', 'shop', '-n', 'far');
    return answer.source === 'cloud' ? answer : undefined;
  });
  assert.equal(after.type, 'notFound');
});

test('questions run side by side, the same one goes to the API server once, and deadline and cancel reach it', {
  skip: embeddedOnly('faults'),
  timeout: 360_000,
}, async (t) => {
  const { fleet, agent, kube } = await scene(t, { agentFlags: { '--ops-port': '0' } });
  for (const name of ['slow', 'quick']) await kube.create(service(name));
  await fleet.fault(holdService('slow'));

  const before = await serviceReads(fleet);
  const same = [1, 2, 3].map(() => ask(agent, 'slow', 60_000));
  await heldRequests(fleet, 1);
  // Each of the three has its connection by now or soon: they are one question as long as it is open.
  await until('three askers', 60_000, undefined, async () => /hawser_agent_queries_asked_total 3\n/.test(await agent.metrics()));
  assert.equal((await ask(agent, 'quick')).type, 'found', 'a slow question holds up no other');
  await fleet.fault({ do: 'clear' });
  await fleet.fault({ do: 'releaseHeld' });
  assert.deepEqual(
    (await Promise.all(same)).map(({ type, source }) => [type, source]),
    Array(3).fill(['found', 'cloud']),
  );
  assert.equal((await serviceReads(fleet)) - before, 2, 'one for slow, one for quick');

  await fleet.fault(holdService('slow'));
  const late = await ask(agent, 'slow', 300);
  assert.equal(late.type, 'unavailable');
  assert.match(late.message ?? '', /no answer within 300 ms/);
  await heldRequests(fleet, 0);

  await fleet.fault({ do: 'clear' });
  await fleet.fault(holdService('slow'));
  const leaving = new AbortController();
  const left = fetchQuery(agent, 'slow', leaving.signal);
  await heldRequests(fleet, 1);
  leaving.abort();
  await assert.rejects(left);
  await heldRequests(fleet, 0);
  const metrics = await agent.metrics();
  assert.match(metrics, /hawser_agent_query_answers_total\{answer="abandoned"\} 1\n/);
  assert.match(metrics, /hawser_agent_queries\{state="open"\} 0\n/);
  assert.match(metrics, /hawser_agent_kept_answers 2\n/);
});

test('a question that is open when the link is lost is answered over the next one', {
  skip: embeddedOnly('faults'),
  timeout: 240_000,
}, async (t) => {
  const { fleet, agent, kube } = await scene(t);
  await kube.create(service('shop'));
  await fleet.fault(holdService('shop'));
  const asking = ask(agent, 'shop', 60_000);
  await heldRequests(fleet, 1);
  agent.link.cut();
  await heldRequests(fleet, 0);
  await fleet.fault({ do: 'clear' });
  agent.link.restore();
  const { type, source } = await asking;
  assert.deepEqual([type, source], ['found', 'cloud']);
});

test('what only the relay may read comes from its cache or with its rights, for what the pods of the device need', {
  timeout: 240_000,
}, async (t) => {
  const { agent, kube } = await scene(t);
  await kube.create({
    apiVersion: 'storage.k8s.io/v1',
    kind: 'StorageClass',
    metadata: { name: 'fast' },
    provisioner: 'csi.example',
  });
  await kube.create({ apiVersion: 'v1', kind: 'Endpoints', metadata: { name: 'db', namespace: 'far' }, subsets: [] });
  for (const [kind, ...args] of [
    ['storageclass', 'fast'],
    ['endpoints', 'db', '-n', 'far'],
  ] as const) {
    const outside = await query(agent, kind, ...args);
    assert.deepEqual([outside.type, outside.code], ['forbidden', 4], kind);
  }
  await kube.create({
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    metadata: { name: 'data', namespace: 'default' },
    spec: { storageClassName: 'fast', accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } },
  });
  const pod = podOn(NODE, 'writer');
  await kube.create({
    ...pod,
    spec: { ...(pod.spec as object), volumes: [{ name: 'data', persistentVolumeClaim: { claimName: 'data' } }] },
  });
  await atDevice(agent, 'persistentvolumeclaims', 'default', 'data');
  const referred = await query(agent, 'sc', 'fast');
  assert.deepEqual([referred.type, referred.source], ['found', 'cloud']);
  const namespace = await query(agent, 'ns', 'default', '--live');
  assert.deepEqual([namespace.type, namespace.source], ['found', 'relayCache']);
});

test("an eviction and a certificate request are the cluster's to answer, and who waits for a certificate sees it come", {
  skip: embeddedOnly('policy/v1, as it is of 1.20: test/kubernetes/real.test.ts asks for a certificate'),
  timeout: 360_000,
}, async (t) => {
  const { agent, kube } = await scene(t);
  const pod = podOn(NODE, 'web');
  await kube.create({ ...pod, metadata: { ...pod.metadata, labels: { app: 'web' } } });
  await until('the pod runs', 60_000, undefined, async () => {
    const status = (await kube.get('pods', 'default', 'web'))?.status as { phase?: string } | undefined;
    return status?.phase === 'Running';
  });
  const budget = { minAvailable: 1, selector: { matchLabels: { app: 'web' } } };
  await kube.create({
    apiVersion: 'policy/v1',
    kind: 'PodDisruptionBudget',
    metadata: { name: 'web', namespace: 'default' },
    spec: budget,
  });
  const evict = async () => {
    const body = { apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name: 'web', namespace: 'default' } };
    return (await agent.local.raw('POST', '/api/v1/namespaces/default/pods/web/eviction', body)).status;
  };
  assert.equal(await evict(), 429);
  await kube.remove('policy/poddisruptionbudgets', 'default', 'web');

  const requests = '/apis/certificates.k8s.io/v1/certificatesigningrequests';
  const spec = { request: (await servingRequest('edge-1')).base64, usages: SERVING_USAGES };
  const ask = (signerName: string) =>
    asKubelet(agent, 'POST', requests, { metadata: { generateName: 'csr-' }, spec: { ...spec, signerName } });
  assert.equal((await ask('kubernetes.io/kube-apiserver-client-kubelet')).status, 403);
  const made = await ask('kubernetes.io/kubelet-serving');
  assert.equal(made.status, 201, JSON.stringify(made.body));
  const { name = '' } = made.body.metadata;
  const there = (await kube.get('certificates.k8s.io/certificatesigningrequests', '', name)) as KubeObject & { spec: object };
  assert.deepEqual([there.spec], [{ ...there.spec, username: AS_NODE, signerName: 'kubernetes.io/kubelet-serving' }]);
  const approval = { type: 'Approved', status: 'True', reason: 'Test', message: '' };
  const approved = await kube.raw('PUT', `${requests}/${name}/approval`, { ...there, status: { conditions: [approval] } });
  assert.equal(approved.status, 200, JSON.stringify(approved.body));
  const certificate = await until('the certificate at the device', 60_000, undefined, async () => {
    const { body } = await asKubelet(agent, 'GET', `${requests}?fieldSelector=metadata.name%3D${name}`);
    const [only] = (body as unknown as { items: KubeObject[] }).items;
    return (only?.status as { certificate?: string } | undefined)?.certificate;
  });
  const signed = new X509Certificate(Buffer.from(certificate, 'base64'));
  assert.match(signed.subject, /CN=system:node:edge-1/);
  assert.match(String(signed.subjectAltName), /192\.0\.2\.7/);
  const refused = await asKubelet(agent, 'POST', requests, {
    metadata: { generateName: 'csr-' },
    spec: { ...spec, request: (await servingRequest('edge-2')).base64, signerName: 'kubernetes.io/kubelet-serving' },
  });
  assert.equal(refused.status, 403, 'of another node');

  agent.link.cut();
  await linkState(agent, 'down');
  assert.equal(await evict(), 503);
  assert.equal((await ask('kubernetes.io/kubelet-serving')).status, 503);
  agent.link.restore();
  await linkState(agent, 'open');
  assert.equal(await evict(), 201);
  await until('the pod is gone', 90_000, undefined, async () => (await kube.get('pods', 'default', 'web')) === undefined);
});

test("the path that answers it is for the device's administrator, and takes only questions", { timeout: 240_000 }, async (t) => {
  const { agent } = await scene(t);
  const status = async (path: string, method = 'GET') => (await agent.local.raw(method, path)).status;
  assert.equal(await status('/hawser/v1/query?resource=services&namespace=far&name=x'), 200);
  for (const wrong of [
    'resource=gizmos&name=x',
    'resource=services&name=x',
    'resource=nodes&namespace=a&name=x',
    'resource=nodes&name=a%2Fb',
    'resource=nodes&name=x&timeoutMs=0',
    '',
  ]) {
    assert.equal(await status(`/hawser/v1/query?${wrong}`), 400, wrong);
  }
  assert.ok([403, 405].includes(await status('/hawser/v1/query?resource=nodes&name=x', 'POST')));
  const answer = await fetchQuery(agent, 'x', new AbortController().signal, 'wrong');
  assert.equal(answer, 401);
});

/** As the kubelet beside the agent. */
async function asKubelet(
  agent: FleetAgent,
  method: string,
  path: string,
  body?: object,
): Promise<{ status: number; body: KubeObject }> {
  const { clusters } = parse(await readFile(agent.localKubeconfig, 'utf8'));
  const ca = Buffer.from(clusters[0].cluster['certificate-authority-data'], 'base64');
  const token = (await readFile(join(agent.dataDir, 'kubelet.token'), 'utf8')).trim();
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
  return new Promise((resolve, reject) => {
    request(new URL(path, agent.local.server), { ca, method, headers, agent: false }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk)).on('error', reject);
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body: JSON.parse(Buffer.concat(chunks).toString()) }));
    })
      .on('error', reject)
      .end(body === undefined ? undefined : JSON.stringify(body));
  });
}

/** One request of its own, so that it can be broken off. @returns the HTTP status */
async function fetchQuery(agent: FleetAgent, name: string, signal: AbortSignal, token?: string): Promise<number> {
  const { clusters, users } = parse(await readFile(agent.localKubeconfig, 'utf8'));
  const ca = Buffer.from(clusters[0].cluster['certificate-authority-data'], 'base64');
  const url = new URL(queryPath(name, 60_000), agent.local.server);
  return new Promise((resolve, reject) => {
    const headers = { authorization: `Bearer ${token ?? users[0].user.token}` };
    request(url, { ca, headers, signal, agent: false }, (response) => {
      response.resume().on('end', () => resolve(response.statusCode ?? 0));
    })
      .on('error', reject)
      .end();
  });
}
