import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import type { KubeObject, Question } from '@hawser/protocol';
import { pino } from 'pino';
import { nodeIdentity } from '../api/device/identities.ts';
import type { SpecialRequest } from '../api/policy.ts';
import type { Change } from '../api/storage.ts';
import { simulatedClock } from '../link/simulated-clock.ts';
import { openMemoryStore } from '../store/index.ts';
import type { CloudAnswer } from '../upstream/index.ts';
import { CERTIFICATE_REQUESTS, createCertificateRequests, MOST_REQUESTS } from './certificate-requests.ts';

const HOUR = 3_600_000;

function requestOf(name: string, status: object = {}): KubeObject {
  return {
    kind: 'CertificateSigningRequest',
    apiVersion: 'certificates.k8s.io/v1',
    metadata: { name, uid: `uid-${name}`, resourceVersion: '2067', managedFields: [{ manager: 'relay' }] },
    spec: { signerName: 'kubernetes.io/kubelet-serving', username: 'system:node:edge-1' },
    status,
  };
}

/** The cluster as it answers, and what the device shows of it. @param image of the store in an earlier life of the agent */
function scene(image?: Buffer) {
  const clock = simulatedClock();
  const logger = pino({ level: 'silent' });
  const store = openMemoryStore({ logger, clock, ...(image === undefined ? {} : { image }) });
  const { storage } = store;
  const asked: Question[] = [];
  const state = new Map<string, object>();
  let isOffline = false;
  let made = 0;
  const found = (object: KubeObject): CloudAnswer => ({ type: 'found', cached: false, body: JSON.stringify(object) });
  const ask = async (question: Question): Promise<CloudAnswer> => {
    asked.push(question);
    if (isOffline) return { type: 'offline' };
    if (question.type === 'submit') {
      made += 1;
      state.set(`csr-${made}`, {});
      return found(requestOf(`csr-${made}`));
    }
    const status = state.get(question.name);
    return status === undefined
      ? { type: 'notFound', code: 404, reason: 'NotFound', message: '' }
      : found(requestOf(question.name, status));
  };
  const requests = createCertificateRequests({ store, storage, queries: { ask }, clock, logger });
  const changes: Change[] = [];
  storage.subscribe(CERTIFICATE_REQUESTS, (change) => changes.push(change));
  const create = (query = '') =>
    requests.create({
      ...{ identity: nodeIdentity('edge-1'), verb: 'create', group: 'certificates.k8s.io' },
      ...{ resource: 'certificatesigningrequests', subresource: '', namespace: '', name: '', storage, now: clock.now() },
      body: { apiVersion: '', kind: '', metadata: { generateName: 'csr-' }, spec: { request: 'LS0t' } },
      query: new URLSearchParams(query),
    } satisfies SpecialRequest);
  return {
    requests,
    image: () => store.image(),
    asked,
    changes,
    state,
    create,
    held: () => storage.list(CERTIFICATE_REQUESTS),
    offline: (is: boolean) => {
      isOffline = is;
    },
    pass: async (milliseconds: number) => {
      for (let left = milliseconds; left > 0; left -= 1_000) {
        clock.advance(Math.min(1_000, left));
        for (let count = 0; count < 4; count++) await turn();
      }
    },
  };
}

test('a request is made by the cluster, and is then here with a version of the device', async () => {
  const { create, asked, held } = scene();
  const { status, body } = await create();
  assert.equal(status, 201);
  const [only] = held();
  assert.deepEqual(body, only);
  assert.notEqual(only?.metadata.resourceVersion, '2067');
  assert.equal(only?.metadata.managedFields, undefined);
  const [question] = asked;
  assert.ok(question?.type === 'submit');
  assert.deepEqual([question.resource, question.name, question.subresource], [CERTIFICATE_REQUESTS, '', '']);
  assert.deepEqual(JSON.parse(question.body), {
    apiVersion: 'certificates.k8s.io/v1',
    kind: 'CertificateSigningRequest',
    metadata: { generateName: 'csr-' },
    spec: { request: 'LS0t' },
  });
});

test('who watches sees what becomes of it, once each, and then the cluster is asked no more', async () => {
  for (const settled of [
    { certificate: 'LS0t' },
    { conditions: [{ type: 'Denied', status: 'True' }] },
    {
      conditions: [
        { type: 'Approved', status: 'True' },
        { type: 'Failed', status: 'True' },
      ],
    },
  ]) {
    const { create, asked, state, changes, requests, pass } = scene();
    await create();
    await pass(10_000);
    assert.equal(changes.length, 1, 'nothing new is no change');
    const approved = { conditions: [{ type: 'Approved', status: 'True' }] };
    state.set('csr-1', approved);
    await pass(30_000);
    state.set('csr-1', { ...approved, ...settled });
    await pass(60_000);
    assert.deepEqual(
      changes.map(({ type, object }) => [type, object.status]),
      [
        ['ADDED', {}],
        ['MODIFIED', approved],
        ['MODIFIED', { ...approved, ...settled }],
      ],
    );
    assert.equal(requests.waiting(), 0);
    const before = asked.length;
    await pass(600_000);
    assert.equal(asked.length, before);
  }
});

test('the cluster is asked more and more seldom, and a link that is lost ends nothing', async () => {
  const { create, asked, state, held, pass, offline } = scene();
  await create();
  await pass(5 * 60_000);
  const often = asked.length;
  assert.ok(often > 8 && often < 20, String(often));
  offline(true);
  await pass(5 * 60_000);
  offline(false);
  state.set('csr-1', { certificate: 'LS0t' });
  await pass(31_000);
  assert.deepEqual(held()[0]?.status, { certificate: 'LS0t' });
});

test('one that is gone in the cluster goes here, and after an hour any', async () => {
  const { create, state, held, pass, changes } = scene();
  await create();
  state.delete('csr-1');
  await pass(2_000);
  assert.deepEqual(held(), []);
  await create();
  state.set('csr-2', { certificate: 'LS0t' });
  await pass(HOUR - 10_000);
  assert.equal(held().length, 1);
  await pass(10_000);
  assert.deepEqual(held(), []);
  assert.deepEqual(
    changes.map(({ type }) => type),
    ['ADDED', 'DELETED', 'ADDED', 'MODIFIED', 'DELETED'],
  );
});

test('of more than are kept the oldest goes', async () => {
  const { create, held, pass } = scene();
  for (let count = 0; count <= MOST_REQUESTS; count++) await create();
  await pass(5_000);
  assert.deepEqual(
    held().map(({ metadata }) => metadata.name),
    Array.from({ length: MOST_REQUESTS }, (_, index) => `csr-${index + 2}`),
  );
});

test('without a link none is made, and a trial is refused', async () => {
  const { create, held, offline } = scene();
  offline(true);
  await assert.rejects(create(), { code: 503 });
  await assert.rejects(create('dryRun=All'), { code: 400 });
  assert.deepEqual(held(), []);
});

test('after a restart of the agent those that were here are followed on, for as long as they would have been', async () => {
  const first = scene();
  await first.create();
  await first.create();
  first.state.set('csr-2', { certificate: 'LS0t' });
  await first.pass(5_000);
  const { held, state, pass, requests, asked, image } = scene(first.image());
  assert.deepEqual(
    held().map(({ metadata, status }) => [metadata.name, metadata.uid, status]),
    [
      ['csr-1', 'uid-csr-1', {}],
      ['csr-2', 'uid-csr-2', { certificate: 'LS0t' }],
    ],
  );
  assert.equal(requests.waiting(), 1, 'what is settled is asked about no more');
  state.set('csr-1', { conditions: [{ type: 'Denied', status: 'True' }] });
  await pass(10_000);
  assert.deepEqual(held()[0]?.status, { conditions: [{ type: 'Denied', status: 'True' }] });
  assert.ok(asked.every((question) => question.type === 'get' && question.name === 'csr-1'));
  await pass(HOUR);
  assert.deepEqual(held(), []);
  assert.deepEqual(scene(image()).held(), [], 'what went is not there again');
});

test('when the agent ends nobody is asked any more', async () => {
  const { create, asked, pass, requests } = scene();
  await create();
  requests.stop();
  await pass(60_000);
  assert.equal(asked.length, 1);
});
