import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HawserError } from '@hawser/protocol';
import { OwnVersions } from './own-versions.ts';
import type { CachedObject } from './perform.ts';
import { bodyOf, failure, found, OTHER_UID, run, sessionOfEdge1, UID } from './testing/scripted-api.ts';

const CONDITIONS = [
  { type: 'Ready', status: 'False', reason: 'Starting' },
  { type: 'Gate', status: 'True' },
];

function cachedPod(resourceVersion: string, status: object, uid = UID): CachedObject {
  const text = JSON.stringify({ apiVersion: 'v1', kind: 'Pod', metadata: { name: 'front', namespace: 'web', uid }, status });
  return { version: { uid, resourceVersion, hash: '0' }, text };
}

function status(body: object) {
  return { operation: { type: 'patch', patchType: 'strategic', body: JSON.stringify({ status: body }) } } as const;
}

/** A session in which the API server has answered about the pod: it was at version 7 then. */
async function afterFirst() {
  const session = sessionOfEdge1();
  await run({}, [found({ name: 'front' })], { session });
  return session;
}

test('the first report of an object in a session is sent whole, whatever the cache says', async () => {
  const { outcome, sent } = await run(status({ phase: 'Running' }), [found({})], {
    cached: cachedPod('9', { phase: 'Running' }),
  });
  assert.equal(outcome.type, 'applied');
  assert.deepEqual(sent, ['whole']);
});

test('a status that the cluster has already costs no call and is answered with its version', async () => {
  const session = await afterFirst();
  const cached = cachedPod('9', { phase: 'Running', podIP: '10.0.0.1' });
  const { outcome, sent } = await run(status({ phase: 'Running' }), [], { session, cached });
  assert.deepEqual(outcome, { type: 'applied', uid: UID, resourceVersion: '9', name: 'front' });
  assert.deepEqual(sent, ['nothing']);
});

test('of a status only the difference is sent, meant for the version that it was made from', async () => {
  const session = await afterFirst();
  const cached = cachedPod('9', { phase: 'Pending', conditions: CONDITIONS, hostIP: '10.0.0.9', startTime: 'then' });
  const change = status({
    phase: 'Pending',
    startTime: 'then',
    hostIP: '10.0.0.9',
    conditions: [
      { type: 'Ready', status: 'True', reason: null },
      { type: 'Gate', status: 'True' },
    ],
    '$setElementOrder/conditions': [{ type: 'Ready' }, { type: 'Gate' }],
  });
  const { requests, sent } = await run(change, [found({ resourceVersion: '10' })], { session, cached });
  assert.deepEqual(sent, ['less']);
  assert.deepEqual(bodyOf(requests[0]), {
    metadata: { uid: UID, resourceVersion: '9' },
    status: { conditions: [{ type: 'Ready', status: 'True', reason: null }] },
  });
});

test('where another writer was faster, the whole report is sent', async () => {
  const session = await afterFirst();
  const cached = cachedPod('9', { phase: 'Pending', message: 'a text that makes the whole patch the longer one' });
  const change = status({ phase: 'Running', message: 'a text that makes the whole patch the longer one' });
  const { outcome, requests } = await run(change, [failure(409, 'Conflict'), found({ resourceVersion: '12' })], {
    session,
    cached,
  });
  assert.ok(outcome.type === 'applied');
  assert.equal(outcome.resourceVersion, '12');
  assert.deepEqual(bodyOf(requests[1]), {
    metadata: { uid: UID },
    status: { phase: 'Running', message: 'a text that makes the whole patch the longer one' },
  });
});

test('A, B and A again while the watch lags ends with A', async () => {
  const session = sessionOfEdge1();
  const a = status({ phase: 'Running' });
  const cached = cachedPod('7', { phase: 'Running' });
  await run(a, [found({ resourceVersion: '7' })], { session });
  await run(status({ phase: 'Failed' }), [found({ resourceVersion: '8' })], { session, cached });
  const again = await run(a, [found({ resourceVersion: '9' })], { session, cached });
  assert.deepEqual(again.sent, ['whole'], 'the cache does not have the B yet');
  const late = await run(a, [], { session, cached: cachedPod('9', { phase: 'Running' }) });
  assert.deepEqual(late.sent, ['nothing']);
});

test('after a call without an answer, which may have taken effect, the next report is sent whole', async () => {
  const session = await afterFirst();
  const cached = cachedPod('7', { phase: 'Running' });
  const lost = new HawserError('unreachable', 'the connection broke');
  assert.equal((await run(status({ phase: 'Failed' }), [lost], { session, cached })).outcome.type, 'unavailable');
  assert.deepEqual((await run(status({ phase: 'Running' }), [found({})], { session, cached })).sent, ['whole']);
});

test('a successor of the object, a version that the patch names and another session are no reason to send less', async () => {
  const session = await afterFirst();
  const cached = cachedPod('9', { phase: 'Running' }, OTHER_UID);
  assert.deepEqual((await run(status({ phase: 'Running' }), [found({})], { session, cached })).sent, ['whole']);
  const body = '{"metadata":{"resourceVersion":"9"},"status":{"phase":"Running"}}';
  const named = { operation: { type: 'patch', patchType: 'strategic', body } } as const;
  const ours = cachedPod('9', { phase: 'Running' });
  assert.deepEqual((await run(named, [found({})], { session, cached: ours })).sent, ['whole']);
  assert.deepEqual((await run(status({ phase: 'Running' }), [found({})], { session: sessionOfEdge1(), cached: ours })).sent, [
    'whole',
  ]);
});

test('of other nodes nothing is answered from the cache', async () => {
  const session = sessionOfEdge1();
  const other = { resource: 'nodes', namespace: '', name: 'edge-2', ...status({ phase: 'Running' }) };
  for (const replies of [[found({})], [failure(403, 'Forbidden'), failure(403, 'Forbidden')]]) {
    const { sent } = await run(other, replies, { session, cached: cachedPod('9', { phase: 'Running' }) });
    assert.deepEqual(sent, []);
  }
});

test('the versions of a bounded number of objects are remembered; of the oldest nothing is known any more', () => {
  const versions = new OwnVersions();
  for (let n = 0; n < 257; n += 1) versions.reached(`pods/web/p${n}` as never, '5');
  assert.equal(versions.isReachedBy('pods/web/p0' as never, '9'), false);
  assert.equal(versions.isReachedBy('pods/web/p1' as never, '5'), true);
  assert.equal(versions.isReachedBy('pods/web/p1' as never, '4'), false);
});
