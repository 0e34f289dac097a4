import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HawserError, type Question } from '@hawser/protocol';
import { pino } from 'pino';
import type { ReadForNode } from '../../downstream/index.ts';
import { failure, type Reply, type Request, scriptedApi } from '../testing/scripted-api.ts';
import { answerQuery } from './answer-query.ts';

const CONFIG_MAP: Question = { type: 'get', resource: 'configmaps', namespace: 'web', name: 'app' };
const SLICE: Question = { type: 'get', resource: 'discovery.k8s.io/endpointslices', namespace: 'web', name: 'front-1' };
const CLASS: Question = { type: 'get', resource: 'storage.k8s.io/storageclasses', namespace: '', name: 'fast' };
const TOKEN: Question = {
  type: 'submit',
  resource: 'serviceaccounts',
  namespace: 'web',
  name: 'default',
  subresource: 'token',
  body: '{"spec":{"audiences":[]}}',
};

interface World {
  readonly replies?: Reply[];
  readonly cached?: ReadForNode;
  readonly bodies?: Readonly<Record<string, string>>;
  readonly notSynced?: string;
}

/** The answer to a question of node edge-1, and what the API server was asked for it. */
async function ask(question: Question, { replies = [], cached, bodies = {}, notSynced }: World = {}) {
  const requests: Request[] = [];
  const counted: (number | 'none')[] = [];
  const answer = await answerQuery(
    {
      api: scriptedApi(replies, requests),
      cache: {
        read: () => cached ?? assert.fail('the cache was read'),
        *bodiesFor(_node, resources) {
          for (const [resource, body] of Object.entries(bodies)) if (resources.has(resource)) yield body;
        },
        notSynced: () => notSynced,
      },
      clock: {
        now: () => new Date(0),
        after(_milliseconds, callback) {
          queueMicrotask(callback);
          return () => undefined;
        },
      },
      logger: pino({ level: 'silent' }),
      log: { take: () => ({}) },
      counts: { apiCall: (_verb, status) => counted.push(status) },
      form: () => 'constrained',
    },
    'edge-1',
    question,
    new AbortController().signal,
  );
  assert.deepEqual(replies, [], 'fewer requests than expected');
  return { answer, requests, counted };
}

test('what the Node authorizer knows is read from the API server as the node, and told in its canonical form', async () => {
  const metadata = { name: 'app', namespace: 'web', uid: 'u', resourceVersion: '7', managedFields: [{}] };
  const { answer, requests } = await ask(CONFIG_MAP, { replies: [{ status: 200, body: { metadata, data: { a: '1' } } }] });
  assert.deepEqual(answer, {
    type: 'found',
    cached: false,
    body: '{"apiVersion":"v1","data":{"a":"1"},"kind":"ConfigMap","metadata":{"name":"app","namespace":"web","uid":"u"}}',
  });
  assert.equal(requests[0]?.path, '/api/v1/namespaces/web/configmaps/app');
  assert.deepEqual(requests[0]?.impersonate, { user: 'system:node:edge-1', groups: [] });
});

test('a 403 is asked once more, since the authorizer may lag behind a binding, and is then passed on as forbidden', async () => {
  const found = { status: 200, body: { metadata: { name: 'app', namespace: 'web', uid: 'u', resourceVersion: '7' } } };
  assert.equal((await ask(CONFIG_MAP, { replies: [failure(403, 'Forbidden'), found] })).answer.type, 'found');
  const { answer } = await ask(CONFIG_MAP, {
    replies: [failure(403, 'Forbidden'), failure(403, 'Forbidden', 'no relationship')],
  });
  assert.deepEqual(answer, { type: 'forbidden', code: 403, reason: 'Forbidden', message: 'no relationship' });
});

test('not found is said only when the API server says it of the object, and never before the caches are complete', async () => {
  const gone = failure(404, 'NotFound', 'configmaps "app" not found');
  assert.equal((await ask(CONFIG_MAP, { replies: [gone] })).answer.type, 'notFound');
  assert.deepEqual((await ask(CONFIG_MAP, { replies: [gone], notSynced: 'pods: listing' })).answer, {
    type: 'unavailable',
    retryAfterMs: 2_000,
    message: 'pods: listing',
  });
  const page = { status: 404, body: 'a proxy of ours' };
  assert.equal((await ask(CONFIG_MAP, { replies: [page] })).answer.type, 'unavailable');
});

test('an API server that cannot answer now is unavailable, for as long as it says', async () => {
  const busy = { status: 429, body: { kind: 'Status', reason: 'TooManyRequests', message: 'busy' }, retryAfter: '7' };
  assert.deepEqual((await ask(CONFIG_MAP, { replies: [busy] })).answer, {
    type: 'unavailable',
    retryAfterMs: 7_000,
    message: 'busy',
  });
  const cut = new HawserError('unreachable', 'connection refused');
  const unanswered = await ask(CONFIG_MAP, { replies: [cut] });
  assert.equal(unanswered.answer.type, 'unavailable');
  assert.deepEqual(unanswered.counted, ['none']);
});

test('an answer that cannot be passed on is no answer, and one call', async () => {
  const large = { status: 200, body: { kind: 'ConfigMap', metadata: {}, data: { a: 'x'.repeat(4 * 1024 * 1024) } } };
  const { answer, counted } = await ask(CONFIG_MAP, { replies: [large] });
  assert.ok(answer.type === 'unavailable');
  assert.match(answer.message, /^the answer of the API server cannot be passed on: /);
  assert.deepEqual(counted, [200]);
});

test('a right that the relay lacks is no answer to the node', async () => {
  const message = 'User "relay" cannot impersonate-on:arbitrary-node:get resource "configmaps"';
  const lacking = failure(403, 'Forbidden', message);
  assert.equal((await ask(CONFIG_MAP, { replies: [lacking] })).answer.type, 'unavailable');
});

test('what a node may not read comes from the cache, and only where the node needs it', async () => {
  assert.deepEqual(
    (await ask(SLICE, { cached: { state: 'found', text: '{}', version: { uid: 'u', resourceVersion: '1', hash: '0' } } })).answer,
    {
      type: 'found',
      cached: true,
      body: '{}',
    },
  );
  assert.equal((await ask(SLICE, { cached: { state: 'absent' } })).answer.type, 'notFound');
  assert.equal((await ask(SLICE, { cached: { state: 'outside' } })).answer.type, 'forbidden');
  assert.equal((await ask(SLICE, { cached: { state: 'unavailable', detail: 'listing' } })).answer.type, 'unavailable');
});

test('a fault of our own is an answer too: nothing of it ends the relay, with all its devices', async () => {
  // No cache was given, so reading it throws.
  const { answer } = await ask(SLICE);
  assert.deepEqual(answer, { type: 'unavailable', retryAfterMs: 30_000, message: 'internal error of the relay' });
});

test('a class is read with the rights of the relay where an object of the node names it, and is forbidden elsewhere', async () => {
  const claim = '{"kind":"PersistentVolumeClaim","spec":{"storageClassName":"fast"}}';
  const found = { status: 200, body: { metadata: { name: 'fast', uid: 'u', resourceVersion: '1' } } };
  const { answer, requests } = await ask(CLASS, { bodies: { persistentvolumeclaims: claim }, replies: [found] });
  assert.equal(answer.type, 'found');
  assert.equal(requests[0]?.impersonate, undefined);
  for (const body of [
    '{"spec":{"storageClassName":"faster"}}',
    // The words within a string are no member.
    JSON.stringify({ metadata: { annotations: { note: '"storageClassName":"fast"' } } }),
  ]) {
    assert.equal((await ask(CLASS, { bodies: { persistentvolumeclaims: body } })).answer.type, 'forbidden');
  }
});

test('a token is made as the node, and its answer is the body that the API server gave', async () => {
  const { answer, requests } = await ask(TOKEN, {
    replies: [{ status: 201, body: { kind: 'TokenRequest', status: { token: 't' } } }],
  });
  assert.deepEqual(answer, { type: 'found', cached: false, body: '{"kind":"TokenRequest","status":{"token":"t"}}' });
  assert.equal(requests[0]?.method, 'POST');
  assert.equal(requests[0]?.path, '/api/v1/namespaces/web/serviceaccounts/default/token');
  assert.equal(requests[0]?.body, TOKEN.type === 'submit' ? TOKEN.body : undefined);
});

const EVICTION: Question = {
  ...{ type: 'submit', resource: 'pods', namespace: 'web', name: 'front', subresource: 'eviction' },
  body: '{"kind":"Eviction","metadata":{"name":"front"}}',
};

test('a budget that says no to an eviction is an answer, and an API server with too much to do is none', async () => {
  const words = "Cannot evict pod as it would violate the pod's disruption budget.";
  const body = { kind: 'Status', reason: 'TooManyRequests', message: words };
  assert.deepEqual((await ask(EVICTION, { replies: [{ status: 429, body }] })).answer, {
    type: 'refused',
    code: 429,
    reason: 'TooManyRequests',
    message: words,
  });
  assert.equal((await ask(EVICTION, { replies: [{ status: 429, body, retryAfter: '1' }] })).answer.type, 'unavailable');
  const granted = { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', code: 201 };
  const { answer, requests } = await ask(EVICTION, { replies: [{ status: 201, body: granted }] });
  assert.equal(answer.type, 'found');
  assert.equal(requests[0]?.path, '/api/v1/namespaces/web/pods/front/eviction');
  assert.deepEqual(requests[0]?.impersonate, { user: 'system:node:edge-1', groups: [] });
});

const CSR = 'certificates.k8s.io/certificatesigningrequests';
const requestFor = (signerName: string): Question => ({
  ...{ type: 'submit', resource: CSR, namespace: '', name: '', subresource: '' },
  body: JSON.stringify({ kind: 'CertificateSigningRequest', metadata: { generateName: 'csr-' }, spec: { signerName } }),
});

test('a certificate request is made as the node, for the certificate with which a kubelet serves and for no other', async () => {
  const made = { kind: 'CertificateSigningRequest', metadata: { name: 'csr-1', uid: 'u', resourceVersion: '1' } };
  const { answer, requests } = await ask(requestFor('kubernetes.io/kubelet-serving'), { replies: [{ status: 201, body: made }] });
  assert.equal(answer.type, 'found');
  assert.deepEqual([requests[0]?.method, requests[0]?.path], ['POST', '/apis/certificates.k8s.io/v1/certificatesigningrequests']);
  assert.deepEqual(requests[0]?.impersonate, { user: 'system:node:edge-1', groups: [] });
  for (const other of ['kubernetes.io/kube-apiserver-client-kubelet', 'kubernetes.io/kube-apiserver-client', '']) {
    assert.equal((await ask(requestFor(other))).answer.type, 'refused', other);
  }
});

test('a node reads the certificate requests that it has made, though Kubernetes lets it read all', async () => {
  const question: Question = { type: 'get', resource: CSR, namespace: '', name: 'csr-1' };
  const of = (username: string) => ({
    status: 200,
    body: { metadata: { name: 'csr-1', uid: 'u', resourceVersion: '1' }, spec: { username } },
  });
  assert.equal((await ask(question, { replies: [of('system:node:edge-1')] })).answer.type, 'found');
  for (const other of ['system:node:edge-2', 'admin']) {
    assert.equal((await ask(question, { replies: [of(other)] })).answer.type, 'forbidden', other);
  }
});

test('what is not in the query table, and what would be another path, is refused without a call', async () => {
  const asked: Question[] = [
    { type: 'get', resource: 'apps/deployments', namespace: 'web', name: 'front' },
    { ...TOKEN, type: 'submit', subresource: 'finalize' } as Question,
    { ...CONFIG_MAP, name: '..' },
    { ...CONFIG_MAP, namespace: '' },
    { ...CONFIG_MAP, name: '' },
    { ...CLASS, namespace: 'web' },
    { ...EVICTION, name: '' },
    { ...requestFor('kubernetes.io/kubelet-serving'), name: 'csr-1' },
  ];
  for (const question of asked) assert.equal((await ask(question)).answer.type, 'refused', JSON.stringify(question));
});
