import assert from 'node:assert/strict';
import { once } from 'node:events';
import { request } from 'node:https';
import { after, before, describe, test } from 'node:test';
import {
  API_RESOURCES,
  apiVersionOf,
  ENROL_PATHS,
  encodeLateRenewalRequest,
  type JsonObject,
  objectKey,
  QUERY_TABLE,
  type Question,
  type Report,
  type ReportOperation,
  renewalProof,
  signProof,
} from '@hawser/protocol';
import { WebSocket } from 'ws';
import type { ScriptedAgent } from '../relay/scripted-agent.ts';
import { deviceKey, EnrolClient, joinOver, renewalRequest } from '../support/enrol-client.ts';
import { until } from '../support/until.ts';
import { A, B, LINES_A_MINUTE, type LogLine, NAMESPACE, startTwoDevices, type TwoDevices } from './two-devices.ts';

/**
 * Device A was taken over: whoever has it holds a valid certificate and its key, and says whatever the protocol can say. What it tries is
 * refused, counted, and logged with A's name, and B and its objects are after each part as they were before.
 */

const ends: (() => unknown)[] = [];
let world: TwoDevices;
let agent: ScriptedAgent;
let untouched: ReadonlyMap<string, string>;
let messagesOfB: number;

before(async () => {
  world = await startTwoDevices({ after: (end) => void ends.push(end) });
  agent = await world.dialA();
  untouched = world.snapshot();
  messagesOfB = world.agentB.messages.length;
});

after(async () => {
  for (const end of ends.toReversed()) await end();
});

/** B has been told nothing, its objects and its Node are as they were, and its session goes on. */
async function assertUntouched(): Promise<void> {
  assert.deepEqual(world.snapshot(), untouched);
  assert.equal(world.agentB.messages.length, messagesOfB, 'B was told something');
  const answer = await world.agentB.ask({ type: 'get', resource: 'secrets', namespace: NAMESPACE, name: `${B}-secret` });
  assert.equal(answer.type, 'found');
  messagesOfB += 1;
}

/** Each of them counted once, and each told in a line with A's name, or counted in the next line as untold. */
async function assertDenied(what: 'query' | 'report', tries: readonly (() => Promise<string>)[]): Promise<void> {
  const series = `hawser_relay_denied_total{what="${what}"}`;
  for (let at = 0; at < tries.length; at += LINES_A_MINUTE) {
    world.nextMinute();
    const some = tries.slice(at, at + LINES_A_MINUTE);
    const [counted, logged] = [await world.metric(series), refusals(what).length];
    const names = await Promise.all(some.map((each) => each()));
    assert.equal((await world.metric(series)) - counted, some.length, `counted, of: ${names.join(', ')}`);
    assert.equal(refusals(what).length - logged, some.length, `logged with the name of A, of: ${names.join(', ')}`);
  }
}

function refusals(what: 'query' | 'report'): LogLine[] {
  return world.logs.filter(({ msg, node }) => msg === `${what} refused` && node === A);
}

const get = (resource: string, name: string, namespace = NAMESPACE): Question => ({ type: 'get', resource, namespace, name });

function submit(resource: string, name: string, subresource: string, body: JsonObject, namespace = NAMESPACE): Question {
  return { type: 'submit', resource, namespace, name, subresource, body: JSON.stringify(body) };
}

/** Asks, and holds that the answer tells nothing. */
function asked(question: Question): () => Promise<string> {
  return async () => {
    const { type } = await agent.ask(question);
    const what = `${question.type} ${question.resource} ${question.namespace}/${question.name}`;
    assert.ok(type === 'forbidden' || type === 'refused', `${what} was answered ${type}`);
    return what;
  };
}

function told(report: Omit<Report, 'number'>): () => Promise<string> {
  return async () => {
    const outcome = await agent.report(report);
    const { operation, resource, namespace, name, subresource } = report;
    const what = `${operation.type} ${resource}/${subresource} ${namespace}/${name}`;
    assert.equal(outcome.type, 'refused', `${what} was ${JSON.stringify(outcome)}`);
    return what;
  };
}

function report(
  resource: string,
  name: string,
  operation: ReportOperation,
  fields: Partial<Report> = {},
): Omit<Report, 'number'> {
  return { resource, namespace: NAMESPACE, name, uid: undefined, subresource: '', operation, ...fields };
}

const create = (body: JsonObject): ReportOperation => ({ type: 'create', body: JSON.stringify(body) });
const update = (body: JsonObject): ReportOperation => ({ type: 'update', body: JSON.stringify(body) });
const patch = (body: unknown, patchType: 'strategic' | 'merge' | 'json' = 'strategic'): ReportOperation => ({
  type: 'patch',
  patchType,
  body: JSON.stringify(body),
});
const remove: ReportOperation = { type: 'remove', gracePeriodSeconds: 0 };
const CLUSTER = { namespace: '' };

function uidOf(resource: string, name: string, namespace = NAMESPACE): string {
  return world.cluster.api.storage.get({ resource, namespace, name })?.metadata.uid ?? assert.fail(`no ${resource} ${name}`);
}

/** A TokenRequest (authentication.k8s.io/v1). */
const tokenRequest = (fields: JsonObject): JsonObject => ({
  apiVersion: 'authentication.k8s.io/v1',
  kind: 'TokenRequest',
  spec: { audiences: [], ...fields },
});
const boundTo = (pod: string): JsonObject => ({
  boundObjectRef: { apiVersion: 'v1', kind: 'Pod', name: pod, uid: uidOf('pods', pod) },
});

test('A has its own: what follows is refused since it is not its own, and not since nothing works', async () => {
  assert.equal((await agent.ask(get('secrets', `${A}-secret`))).type, 'found');
  assert.equal((await agent.ask(get('nodes', A, ''))).type, 'found');
  const token = submit('serviceaccounts', `${A}-robot`, 'token', tokenRequest(boundTo(`${A}-pod`)));
  assert.equal((await agent.ask(token)).type, 'found');
  const status = report('pods', `${A}-pod`, patch({ status: { phase: 'Running' } }), { subresource: 'status' });
  assert.equal((await agent.report(status)).type, 'applied');
  const event = {
    metadata: { name: `${A}-pod.1`, namespace: NAMESPACE },
    involvedObject: { kind: 'Pod', namespace: NAMESPACE, name: `${A}-pod`, uid: uidOf('pods', `${A}-pod`) },
    reason: 'Started',
  };
  const told = await agent.report(report('events', `${A}-pod.1`, create(event)));
  assert.equal(told.type, 'applied', JSON.stringify(told));
  await assertUntouched();
});

describe('questions', () => {
  test('Secrets of B, Secrets that no pod of A names, and names that mean several, are not read', async () => {
    await assertDenied('query', [
      ...[`${B}-secret`, `${B}-unused`, `${A}-unused`, 'hawser-ca', 'not-there'].map((name) => asked(get('secrets', name))),
      asked(get('secrets', 'hawser-ca', 'hawser-system')),
      asked(get('secrets', 'bootstrap-token-abcdef', 'kube-system')),
      ...['*', '%2a', `${A}-secret,${B}-secret`, '..', '.', '%2e%2e', `${B}-secret?x=`, `${B}-secret#`, `..%2f${B}-secret`].map(
        (name) => asked(get('secrets', name)),
      ),
      asked(get('secrets', `${B}-secret`, '..')),
      asked(get('secrets', `${B}-secret`, '*')),
      asked(get('secrets', `${B}-secret`, '')),
      asked(get('configmaps', `${B}-settings`)),
      asked(get('configmaps', 'hawser-ca', 'hawser-system')),
    ]);
    await assertUntouched();
  });

  /** Of the query table what a node may read of every object (Kubernetes, "Using Node Authorization"), none of it a secret. */
  const OF_EVERYBODY = new Set(['services', 'storage.k8s.io/csidrivers', 'node.k8s.io/runtimeclasses']);
  const NAMES: Readonly<Record<string, string>> = {
    configmaps: `${B}-settings`,
    secrets: `${B}-secret`,
    endpoints: `${B}-endpoints`,
    'discovery.k8s.io/endpointslices': `${B}-slice`,
    persistentvolumes: `${B}-disk`,
    persistentvolumeclaims: `${B}-data`,
    'storage.k8s.io/volumeattachments': `${B}-attached`,
    nodes: B,
    pods: `${B}-pod`,
    'coordination.k8s.io/leases': B,
    'storage.k8s.io/csinodes': B,
    namespaces: 'kube-node-lease',
    'storage.k8s.io/storageclasses': `${B}-fast`,
    'scheduling.k8s.io/priorityclasses': `${B}-urgent`,
    serviceaccounts: `${B}-robot`,
    'certificates.k8s.io/certificatesigningrequests': `${B}-request`,
  };

  /** Endpoints are sent for the namespaces in which a device has pods: those of others it may not ask for. */
  const NAMESPACES: Readonly<Record<string, string>> = {
    'coordination.k8s.io/leases': 'kube-node-lease',
    endpoints: 'elsewhere',
    'discovery.k8s.io/endpointslices': 'elsewhere',
  };

  test('nothing else that the query table knows is read of B', async () => {
    const tries = QUERY_TABLE.filter(({ resource }) => !OF_EVERYBODY.has(resource)).map(({ resource, type, subresource }) => {
      const name = NAMES[resource] ?? assert.fail(`no object of B for ${resource}`);
      const isNamespaced = API_RESOURCES.find(({ id }) => id === resource)?.namespaced;
      const namespace = isNamespaced ? (NAMESPACES[resource] ?? NAMESPACE) : '';
      return asked(
        type === 'get' ? get(resource, name, namespace) : submit(resource, name, subresource, tokenRequest({}), namespace),
      );
    });
    await assertDenied('query', [...tries, asked(get('coordination.k8s.io/leases', `node-${B}`, 'hawser-system'))]);
    await assertUntouched();
  });

  test('a certificate is asked for with which A would be a client of the API server, which would outlive its being revoked', async () => {
    const requests = 'certificates.k8s.io/certificatesigningrequests';
    const signers = ['kubernetes.io/kube-apiserver-client-kubelet', 'kubernetes.io/kube-apiserver-client', 'example.com/any', ''];
    const request = (spec: JsonObject): JsonObject => ({
      metadata: { name: 'mine' },
      spec: { request: '', usages: ['client auth'], ...spec },
    });
    await assertDenied('query', [
      ...signers.map((signerName) => asked(submit(requests, '', '', request({ signerName }), ''))),
      asked(submit(requests, '', '', request({}), '')),
      asked(submit(requests, `${B}-request`, 'approval', request({ signerName: 'kubernetes.io/kubelet-serving' }), '')),
    ]);
    await assertUntouched();
  });

  test('a token is given for nothing but a pod of A that runs as that account', async () => {
    const tokens: readonly [string, JsonObject][] = [
      [`${B}-robot`, boundTo(`${B}-pod`)],
      [`${B}-robot`, boundTo(`${A}-pod`)],
      [`${B}-robot`, {}],
      [`${B}-robot`, { audiences: ['https://vault.example'], ...boundTo(`${B}-pod`) }],
      [`${A}-robot`, boundTo(`${B}-pod`)],
      [`${A}-robot`, {}],
      [`${A}-robot`, { boundObjectRef: { apiVersion: 'v1', kind: 'Node', name: B, uid: uidOf('nodes', B, '') } }],
      [
        `${A}-robot`,
        { boundObjectRef: { apiVersion: 'v1', kind: 'Secret', name: `${A}-secret`, uid: uidOf('secrets', `${A}-secret`) } },
      ],
      ['default', {}],
      ['default', boundTo(`${A}-pod`)],
    ];
    await assertDenied(
      'query',
      tokens.map(([account, spec]) => asked(submit('serviceaccounts', account, 'token', tokenRequest(spec)))),
    );
    const relay = submit('serviceaccounts', 'hawser-relay', 'token', tokenRequest({}), 'hawser-system');
    await assertDenied('query', [asked(relay)]);
    await assertUntouched();
  });

  test('nothing is asked that the query table has not: subresources that run things, lists, kinds of rights', async () => {
    const subresources = [
      'exec',
      'attach',
      'portforward',
      'log',
      'proxy',
      'ephemeralcontainers',
      'eviction',
      'binding',
      'status',
      'token',
    ];
    await assertDenied('query', [
      ...subresources.map((subresource) => asked(submit('pods', `${B}-pod`, subresource, {}))),
      ...[
        'pods/exec',
        'pods/log',
        'nodes/proxy',
        'secrets/status',
        'roles',
        'rbac.authorization.k8s.io/clusterroles',
        'constructor',
      ].map((resource) => asked(get(resource, `${B}-pod`))),
      asked(submit('nodes', B, 'proxy', {}, '')),
      asked(submit('authentication.k8s.io/tokenreviews', 'x', '', {}, '')),
      asked(submit('secrets', `${A}-secret`, 'token', {})),
      asked(get('secrets', '')),
    ]);
    await assertUntouched();
  });
});

describe('reports', () => {
  test('pods of B: status, removal, eviction, and pods that would be its own', async () => {
    const uid = uidOf('pods', `${B}-pod`);
    const failed = { status: { phase: 'Failed', reason: 'Gone' } };
    const status = { subresource: 'status' } as const;
    const nodeUid = uidOf('nodes', B, '');
    const mirror = (nodeName: string, owner: string, ownerUid: string, spec: JsonObject = {}): JsonObject => ({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: {
        name: 'static',
        namespace: NAMESPACE,
        annotations: { 'kubernetes.io/config.mirror': 'x', 'kubernetes.io/config.hash': 'x' },
        ownerReferences: [{ apiVersion: 'v1', kind: 'Node', name: owner, uid: ownerUid, controller: true }],
      },
      spec: { nodeName, containers: [{ name: 'main', image: 'app:1' }], ...spec },
    });
    const own = uidOf('nodes', A, '');
    const withSecret = { volumes: [{ name: 's', secret: { secretName: `${B}-secret` } }] };
    await assertDenied('report', [
      told(report('pods', `${B}-pod`, patch(failed), { ...status, uid })),
      told(report('pods', `${B}-pod`, patch(failed, 'merge'), status)),
      told(report('pods', `${B}-pod`, patch([{ op: 'replace', path: '/status/phase', value: 'Failed' }], 'json'), status)),
      told(
        report(
          'pods',
          `${B}-pod`,
          update({ apiVersion: 'v1', kind: 'Pod', metadata: { name: `${B}-pod`, namespace: NAMESPACE }, ...failed }),
          status,
        ),
      ),
      told(report('pods', `${B}-pod`, remove, { uid })),
      told(report('pods', `${B}-pod`, remove)),
      told(
        report(
          'pods',
          `${B}-pod`,
          create({ apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name: `${B}-pod`, namespace: NAMESPACE } }),
          { subresource: 'eviction', uid },
        ),
      ),
      told(report('pods', `${B}-pod`, create({ target: { kind: 'Node', name: A } }), { subresource: 'binding' })),
      told(report('pods', `${B}-pod`, patch({ spec: { nodeName: A } }), { uid })),
      told(report('pods', 'static', create(mirror(B, B, nodeUid)))),
      told(report('pods', 'static', create(mirror(A, B, nodeUid)))),
      told(report('pods', 'static', create(mirror(B, A, own)))),
      told(report('pods', 'static', create(mirror(A, A, own, withSecret)))),
      told(report('pods', 'static', create(mirror(A, A, own, { serviceAccountName: `${B}-robot` })))),
      told(
        report(
          'pods',
          'plain',
          create({ apiVersion: 'v1', kind: 'Pod', metadata: { name: 'plain' }, spec: { nodeName: A, containers: [] } }),
        ),
      ),
    ]);
    await assertUntouched();
  });

  test("the Node of B and what is one for each node: status, labels, taints, removal, Lease, CSINode; A's own only as a node may", async () => {
    const uid = uidOf('nodes', B, '');
    const taint = { spec: { taints: [{ key: 'x', effect: 'NoExecute' }] } };
    const lease = { namespace: 'kube-node-lease' };
    await assertDenied('report', [
      told(
        report('nodes', B, patch({ status: { conditions: [{ type: 'Ready', status: 'False' }] } }), {
          ...CLUSTER,
          uid,
          subresource: 'status',
        }),
      ),
      told(report('nodes', B, patch({ metadata: { labels: { stolen: 'yes' } } }), { ...CLUSTER, uid })),
      told(report('nodes', B, patch(taint), CLUSTER)),
      told(report('nodes', B, update({ apiVersion: 'v1', kind: 'Node', metadata: { name: B } }), CLUSTER)),
      told(report('nodes', B, remove, { ...CLUSTER, uid })),
      told(report('nodes', 'truck-c', create({ apiVersion: 'v1', kind: 'Node', metadata: { name: 'truck-c' } }), CLUSTER)),
      told(report('nodes', A, patch(taint), CLUSTER)),
      told(report('nodes', A, patch({ metadata: { labels: { 'node-restriction.kubernetes.io/tier': 'gold' } } }), CLUSTER)),
      told(report('nodes', A, remove, CLUSTER)),
      told(report('coordination.k8s.io/leases', B, patch({ spec: { holderIdentity: A } }), lease)),
      told(report('coordination.k8s.io/leases', B, remove, lease)),
      told(
        report('coordination.k8s.io/leases', `node-${B}`, patch({ spec: { holderIdentity: A } }), { namespace: 'hawser-system' }),
      ),
      told(report('storage.k8s.io/csinodes', B, patch({ spec: { drivers: [] } }), CLUSTER)),
      told(report('storage.k8s.io/csinodes', B, remove, CLUSTER)),
      told(report('configmaps', `device-${B}`, patch({ data: { key: 'x' } }), { namespace: 'hawser-system' })),
      told(report('secrets', 'hawser-ca', patch({ data: {} }), { namespace: 'hawser-system' })),
    ]);
    await assertUntouched();
  });

  test('Events about the pod and Node of B, and the Events of B, though Kubernetes lets every node write them', async () => {
    const pod = { kind: 'Pod', namespace: NAMESPACE, name: `${B}-pod`, uid: uidOf('pods', `${B}-pod`) };
    const event = (about: JsonObject, name = 'anything.1'): JsonObject => ({
      metadata: { name, namespace: NAMESPACE },
      involvedObject: about,
      reason: 'Killing',
      message: 'not true',
      type: 'Warning',
    });
    await assertDenied('report', [
      told(report('events', 'anything.1', create(event(pod)))),
      told(report('events', 'anything.1', create(event({ ...pod, uid: '' })))),
      told(report('events', `${B}.1`, create(event({ kind: 'Node', name: B, uid: B }, `${B}.1`)))),
      told(report('events', `${B}-pod.17`, patch({ message: 'not true' }))),
      told(report('events', `${B}-pod.17`, create(event({ ...pod, name: `${A}-pod`, uid: 'x' }, `${B}-pod.17`)))),
      told(report('events', `${B}-pod.17`, update(event(pod, `${B}-pod.17`)))),
      told(report('events', `${B}-pod.17`, remove)),
      told(
        report(
          'events.k8s.io/events',
          'anything.2',
          create({ metadata: { name: 'anything.2', namespace: NAMESPACE }, regarding: pod, reason: 'Killing', note: 'not true' }),
        ),
      ),
    ]);
    await assertUntouched();
  });

  test('no verb on any other resource, with or without a subresource', async () => {
    const names: Readonly<Record<string, string>> = {
      pods: `${B}-pod`,
      secrets: `${B}-secret`,
      nodes: B,
      'storage.k8s.io/csinodes': B,
    };
    const known = API_RESOURCES.filter(({ id }) => !/(^|\/)events$/.test(id)).flatMap((resource) =>
      ['', ...resource.subresources, 'exec', 'proxy', 'finalize'].flatMap((subresource) =>
        [create(body(resource)), update(body(resource)), patch({ metadata: { labels: { a: 'b' } } }, 'merge'), remove].map(
          (operation) =>
            report(resource.id, names[resource.id] ?? `${B}-thing`, operation, {
              subresource,
              ...(resource.namespaced ? {} : CLUSTER),
            }),
        ),
      ),
    );
    const unknown = [
      'roles',
      'rbac.authorization.k8s.io/clusterrolebindings',
      'authentication.k8s.io/tokenreviews',
      'pods/exec',
      '__proto__',
    ];
    const all = [...known, ...unknown.map((resource) => report(resource, 'x', create({})))];
    const series = 'hawser_relay_denied_total{what="report"}';
    const counted = await world.metric(series);
    world.nextMinute();
    const logged = refusals('report').length;
    for (let at = 0; at < all.length; at += 50) await Promise.all(all.slice(at, at + 50).map((one) => told(one)()));
    assert.equal((await world.metric(series)) - counted, all.length);
    assert.equal(refusals('report').length - logged, LINES_A_MINUTE, 'ten lines a minute, and how many were left out');
    world.nextMinute();
    await told(report('roles', 'x', create({})))();
    assert.equal(refusals('report').at(-1)?.untold, all.length - LINES_A_MINUTE);
    await assertUntouched();
  });

  test('the numbers of B are nobody else’s: an answer goes to who has reported, and a number that comes again is a report again', async () => {
    const answers = () => world.agentB.messages.filter(({ type }) => type === 'reportAnswer').length;
    const before = answers();
    const link = await world.dialA();
    const theirs = report('pods', `${B}-pod`, patch({ status: { phase: 'Failed' } }), { subresource: 'status' });
    for (const number of [1, 1, 7, 1, Number.MAX_SAFE_INTEGER]) link.send({ type: 'report', report: { ...theirs, number } });
    await until(
      'five answers',
      10_000,
      undefined,
      async () => link.messages.filter(({ type }) => type === 'reportAnswer').length === 5,
    );
    for (const message of link.messages) if (message.type === 'reportAnswer') assert.equal(message.outcome.type, 'refused');
    assert.equal(answers(), before);
    agent = link;
    await assertUntouched();
  });
});

describe('sessions', () => {
  const ended = () => world.logs.filter(({ msg, node }) => msg === 'session ended' && node === A).length;

  /** What the relay says no to by ending A's link: counted, logged with its name. */
  async function endsLink(send: (link: ScriptedAgent) => void): Promise<void> {
    const link = await world.dialA();
    const [counted, logged] = [await world.metric('hawser_relay_malformed_frames_total'), ended()];
    send(link);
    assert.equal(await link.closed, 1002);
    assert.equal((await world.metric('hawser_relay_malformed_frames_total')) - counted, 1);
    assert.equal(ended() - logged, 1);
  }

  test('names with slashes, an id of the past and a second hello end the link of A, and no other', async () => {
    const question = (fields: object, id = 1) => ({
      type: 'query' as const,
      query: { id, deadlineMs: 1000, question: { ...get('secrets', 'x'), ...fields } },
    });
    for (const name of ['../../nodes/x', `../${B}-secret`, `${B}-secret/status`, 'a b', 'a\u0000'])
      await endsLink((link) => link.send(question({ name })));
    await endsLink((link) => link.send(question({ namespace: `../../secrets/${B}` })));
    await endsLink((link) => link.send({ type: 'report', report: { ...report('pods', '../x', remove), number: 1 } }));
    await endsLink((link) => {
      link.send(question({}, 5));
      link.send(question({}, 5));
    });
    await endsLink((link) => link.send({ type: 'ack', number: 99, digest: '0'.repeat(32), nacks: [] }));
    agent = await world.dialA();
    await assertUntouched();
  });

  test('the store id of B, and everything else that a hello can say, opens a session of A', async () => {
    const { cluster, a, authority } = world;
    const dialled = await openLink({}, { storeId: 'b'.repeat(32), digest: 'f'.repeat(32), objects: 7, agentVersion: B });
    assert.equal(dialled, A);
    assert.ok(cluster && a && authority);
    await assertUntouched();
  });

  test('headers, paths and subprotocols of an upgrade name nobody', async () => {
    const tricks = {
      'impersonate-user': `system:node:${B}`,
      'x-remote-user': `system:node:${B}`,
      'x-forwarded-client-cert': `Subject="CN=system:node:${B},O=system:nodes"`,
      'x-ssl-client-s-dn': `CN=system:node:${B},O=system:nodes`,
      'x-forwarded-for': '10.0.0.1',
      'hawser-node': B,
      authorization: 'Bearer abcdef.0123456789abcdef',
    };
    for (const path of ['/v1/link', `/v1/link?node=${B}`]) assert.equal(await openLink(tricks, {}, path), A);
    const refused = await world.metric('hawser_relay_links_refused_total{why="path"}');
    for (const path of [`/v1/link/${B}`, '/v1/link/../link', '//v1/link', '/V1/LINK'])
      assert.equal(await upgradeStatus(world.a.pair, path), 404);
    assert.equal((await world.metric('hawser_relay_links_refused_total{why="path"}')) - refused, 4);
    assert.ok(world.logs.some(({ msg, why, node }) => msg === 'link refused' && why === 'path' && node === A));
    agent = await world.dialA();
    await assertUntouched();
  });

  const CERTIFICATES: readonly (readonly [string, Parameters<TwoDevices['authority']['issueClient']>[0]])[] = [
    [
      'two common names, B first',
      { commonName: `system:node:${B}`, otherCommonNames: [`system:node:${A}`], organizations: ['system:nodes'] },
    ],
    [
      'two common names, B last',
      { commonName: `system:node:${A}`, otherCommonNames: [`system:node:${B}`], organizations: ['system:nodes'] },
    ],
    ['a second organization', { commonName: `system:node:${A}`, organizations: ['system:nodes', 'system:masters'] }],
    ['another organization', { commonName: `system:node:${A}`, organizations: ['system:masters'] }],
    ['no organization', { commonName: `system:node:${A}` }],
    ['capital letters', { commonName: `system:node:${B.toUpperCase()}`, organizations: ['system:nodes'] }],
    ['a prefix in capitals', { commonName: `SYSTEM:NODE:${B}`, organizations: ['system:nodes'] }],
    ['a dot at the end', { commonName: `system:node:${B}.`, organizations: ['system:nodes'] }],
    ['a space at the end', { commonName: `system:node:${B} `, organizations: ['system:nodes'] }],
    ['a NUL and more', { commonName: `system:node:${B}\u0000.${A}`, organizations: ['system:nodes'] }],
    ['a line feed and another CN', { commonName: `system:node:${A}\nCN=system:node:${B}`, organizations: ['system:nodes'] }],
    ['a letter of another alphabet', { commonName: `system:node:truck-ｂ`, organizations: ['system:nodes'] }],
    ['no name', { commonName: 'system:node:', organizations: ['system:nodes'] }],
    ['a path', { commonName: `system:node:../${B}`, organizations: ['system:nodes'] }],
    ['the relay’s own user', { commonName: 'system:serviceaccount:hawser-system:hawser-relay', organizations: ['system:nodes'] }],
  ];
  for (const [what, subject] of CERTIFICATES) {
    test(`a certificate with ${what} is nobody's, though the authority has signed it`, async () => {
      const series = 'hawser_relay_links_refused_total{why="certificate"}';
      const [counted, logged] = [await world.metric(series), world.logs.length];
      assert.equal(await upgradeStatus(await world.authority.issueClient(subject)), 403);
      assert.equal((await world.metric(series)) - counted, 1);
      const line = world.logs.slice(logged).find(({ msg }) => msg === 'link refused');
      assert.equal(line?.why, 'certificate');
      await assertUntouched();
    });
  }

  test('another key for the name of B is not let in, though the authority has certified it', async () => {
    const key = deviceKey();
    // As of long ago: a newer one than all that its record knows would be believed, since it comes from a backup of before.
    const old = new Date(Date.now() - 3_600_000);
    const certificatePem = await world.authority.certifyNode(B, key.spki, 86_400, old);
    const keyPem = String(key.privateKey.export({ type: 'pkcs8', format: 'pem' }));
    assert.equal(await upgradeStatus({ certificatePem, keyPem }), 403);
    assert.ok((await world.metric('hawser_relay_links_refused_total{why="otherKey"}')) > 0);
    await assertUntouched();
  });

  /** Who the relay takes the dialler for. */
  async function openLink(headers: Record<string, string>, hello: object, path = '/v1/link'): Promise<string> {
    const { a, authority, cluster } = world;
    const socket = new WebSocket(`wss://127.0.0.1:${cluster.relay.linkPort}${path}`, {
      cert: a.pair.certificatePem,
      key: a.pair.keyPem,
      ca: authority.certificatePem,
      headers,
    });
    const { ScriptedAgent: Scripted } = await import('../relay/scripted-agent.ts');
    const link = new Scripted(socket);
    await once(socket, 'open');
    link.send({ ...HELLO, ...hello });
    const welcome = await link.message('the welcome', ({ type }) => type === 'welcome');
    agent = link;
    return welcome.type === 'welcome' ? welcome.nodeName : '';
  }
});

const HELLO = {
  type: 'hello' as const,
  protocolVersions: [1],
  features: [],
  dictionaries: [],
  agentVersion: 'scripted',
  storeId: 'a'.repeat(32),
  clusterUid: undefined,
  digest: '0'.repeat(32),
  objects: 0,
  epoch: undefined,
  authorities: undefined,
  clusterKeys: undefined,
};

describe('certificates', () => {
  test('over its link A renews A and nobody else', async () => {
    const { a, b } = world;
    agent = await world.dialA();
    const next = deviceKey();
    const tries = [
      // The public key of B, which everybody on the network has seen, with what A can sign.
      { publicKey: b.key.spki, proof: signProof(renewalProof(a.certificate), a.key.privateKey) },
      { publicKey: b.key.spki, proof: Buffer.alloc(70, 1) },
      // A new key, for the certificate of B.
      { publicKey: next.spki, proof: signProof(renewalProof(b.certificate), next.privateKey) },
      // What B would say over its own link, heard and repeated.
      { publicKey: next.spki, proof: signProof(renewalProof(b.certificate), b.key.privateKey) },
    ];
    const series = 'hawser_relay_renewals_total{outcome="refused"}';
    const counted = await world.metric(series);
    const told = () => world.logs.filter(({ msg, node }) => msg === 'certificate not renewed' && node === A).length;
    const logged = told();
    for (const [index, one] of tries.entries()) {
      agent.send({ type: 'renew', ...one });
      await until(
        'the answer',
        10_000,
        undefined,
        async () => agent.messages.filter(({ type }) => type === 'renewed').length === index + 1,
      );
    }
    for (const message of agent.messages) if (message.type === 'renewed') assert.equal(message.outcome.type, 'refused');
    assert.equal((await world.metric(series)) - counted, tries.length);
    assert.equal(told() - logged, tries.length);
    await assertUntouched();
  });

  test('at the enrolment endpoint the certificate of B is worth nothing without the key of B', async () => {
    const { a, b, cluster } = world;
    const counted = await world.metric('hawser_relay_enrolments_total{outcome="badProof"}');
    const logged = world.logs.length;
    const next = deviceKey();
    const forged = [
      (nonce: string) => renewalRequest({ certificate: b.certificate, key: a.key.privateKey }, next, nonce),
      (nonce: string) => ({
        ...renewalRequest({ certificate: a.certificate, key: a.key.privateKey }, next, nonce),
        certificates: [b.certificate.raw],
      }),
      // The signature of another connection, heard and repeated.
      () => renewalRequest({ certificate: b.certificate, key: b.key.privateKey }, next, 'A'.repeat(43)),
    ];
    for (const make of forged) {
      const client = await EnrolClient.dial({ port: cluster.relay.linkPort });
      const answer = await client.post(ENROL_PATHS.renew, encodeLateRenewalRequest(make(await client.nonce())));
      client.close();
      assert.deepEqual([answer.status, answer.reason], [403, 'badProof']);
    }
    assert.equal((await world.metric('hawser_relay_enrolments_total{outcome="badProof"}')) - counted, forged.length);
    const lines = world.logs.slice(logged).filter(({ msg, reason }) => msg === 'enrolment refused' && reason === 'badProof');
    assert.equal(lines.length, forged.length);
    await assertUntouched();
  });

  test('the name of B is held, also for who has a token that anybody may join with', async () => {
    const options = { port: world.cluster.relay.linkPort };
    const counted = await world.metric('hawser_relay_enrolments_total{outcome="nameHeld"}');
    const answer = await joinOver(options, 'abcdef.0123456789abcdef', deviceKey(), { nodeName: B });
    assert.deepEqual([answer.status, answer.reason], [409, 'nameHeld']);
    const replacing = await joinOver(options, 'abcdef.0123456789abcdef', deviceKey(), { nodeName: B, replace: true });
    assert.deepEqual([replacing.status, replacing.reason], [403, 'mayNotReplace']);
    assert.equal((await world.metric('hawser_relay_enrolments_total{outcome="nameHeld"}')) - counted, 1);
    assert.ok(world.logs.some(({ msg, node }) => msg === 'enrolment refused' && node === B));
    await assertUntouched();
  });
});

/** A body that says what it is: what is refused is refused for who asks. */
function body(resource: (typeof API_RESOURCES)[number]): JsonObject {
  return { apiVersion: apiVersionOf(resource), kind: resource.kind, metadata: { name: `${B}-thing` } };
}

/** The HTTP status of an upgrade that is not granted; 101 for one that is. */
function upgradeStatus(pair: { readonly certificatePem: string; readonly keyPem: string }, path = '/v1/link'): Promise<number> {
  return new Promise((resolve, reject) => {
    const asked = request({
      port: world.cluster.relay.linkPort,
      host: '127.0.0.1',
      path,
      ca: world.authority.certificatePem,
      cert: pair.certificatePem,
      key: pair.keyPem,
      agent: false,
      headers: {
        connection: 'Upgrade',
        upgrade: 'websocket',
        'sec-websocket-version': '13',
        'sec-websocket-key': 'AAAAAAAAAAAAAAAAAAAAAA==',
      },
    });
    asked.on('upgrade', (_response, socket) => {
      socket.destroy();
      resolve(101);
    });
    asked.on('response', (response) => {
      response.resume();
      resolve(response.statusCode ?? 0);
    });
    asked.on('error', reject).end();
  });
}

test('no line of the relay about all this holds a Secret, a token or a key', () => {
  const text = JSON.stringify(world.logs);
  for (const node of [A, B]) assert.ok(!text.includes(Buffer.from(`word of ${node}`).toString('base64')));
  assert.ok(!text.includes('0123456789abcdef'));
  assert.ok(!text.includes('PRIVATE KEY'));
  assert.ok(objectKey('pods', NAMESPACE, B));
});
