import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Report } from '@hawser/protocol';
import { nodeMarks, parseLabel, parseTaint } from './node-marks.ts';
import { bodyOf, failure, found, OTHER_UID, object, type Reply, run, UID } from './testing/scripted-api.ts';

const register: Partial<Report> = {
  resource: 'nodes',
  namespace: '',
  name: 'edge-1',
  uid: undefined,
  subresource: '',
  operation: { type: 'create', body: '{"metadata":{"name":"edge-1"}}' },
};
const MARKS = nodeMarks(false, ['node-role.kubernetes.io/gateway=', 'site=north'], ['hawser.dev/edge:NoSchedule']);
const TAINT = { key: 'hawser.dev/edge', value: '', effect: 'NoSchedule' };
const NOT_READY = { key: 'node.kubernetes.io/not-ready', effect: 'NoSchedule' };
const ALL = 'node-role.kubernetes.io/gateway,site,hawser.dev/edge:NoSchedule';
const EXISTS = failure(409, 'AlreadyExists');

function made(metadata: object = {}, taints: object[] = []): Reply {
  return { status: 201, body: object(metadata, { spec: { taints } }) };
}

test('a new Node gets the labels and taints of the settings, with the rights of the relay, beside the taints that it has', async () => {
  const { outcome, requests } = await run(register, [made({}, [NOT_READY]), found({ resourceVersion: '8' })], { marks: MARKS });
  assert.equal(outcome.type, 'applied');
  assert.equal(requests[1]?.impersonate, undefined);
  assert.deepEqual(bodyOf(requests[1]), {
    metadata: {
      uid: UID,
      resourceVersion: '7',
      labels: { 'node-role.kubernetes.io/gateway': '', site: 'north' },
      annotations: { 'hawser.dev/set-by-relay': ALL },
    },
    spec: { taints: [NOT_READY, TAINT] },
  });
});

test('what was set once is not set again, whatever became of it', async () => {
  const there = found({ annotations: { 'hawser.dev/set-by-relay': ALL } }, { spec: {} });
  const { outcome, requests } = await run(register, [EXISTS, there], { marks: MARKS });
  assert.equal(outcome.type, 'applied');
  assert.equal(requests.length, 2);
});

test('what the settings name since is set on a Node that is there, and what somebody has set on it stays', async () => {
  const there = found(
    { labels: { site: 'south' }, annotations: { 'hawser.dev/set-by-relay': 'node-role.kubernetes.io/gateway' } },
    { spec: { taints: [{ ...TAINT, value: 'theirs' }] } },
  );
  const { requests } = await run(register, [EXISTS, there, found({})], { marks: MARKS });
  assert.deepEqual(bodyOf(requests[2]), {
    metadata: { uid: UID, labels: {}, annotations: { 'hawser.dev/set-by-relay': ALL } },
  });
});

test('a device cannot keep them off a new Node by writing that they were set', async () => {
  const registered = made({
    labels: { site: 'mine' },
    annotations: { 'hawser.dev/set-by-relay': ALL, 'hawser.dev/edge-label': 'set-by-relay' },
  });
  const marks = nodeMarks(true, ['site=north'], ['hawser.dev/edge=x:NoExecute']);
  const { requests } = await run(register, [registered, found({})], { marks });
  const { metadata, spec } = bodyOf(requests[1]) as { metadata: { labels: object }; spec: object };
  assert.deepEqual(metadata.labels, { 'node-role.kubernetes.io/edge': '', site: 'north' });
  assert.deepEqual(spec, { taints: [{ key: 'hawser.dev/edge', value: 'x', effect: 'NoExecute' }] });
});

test('taints that others change meanwhile are read again, not overwritten', async () => {
  const { outcome, requests } = await run(
    register,
    [made({}, [NOT_READY]), failure(409, 'Conflict'), found({ resourceVersion: '8' }, { spec: {} }), found({})],
    { marks: MARKS },
  );
  assert.equal(outcome.type, 'applied');
  const last = bodyOf(requests[3]) as { metadata: { resourceVersion: string }; spec: object };
  assert.equal(last.metadata.resourceVersion, '8');
  assert.equal(requests[2]?.impersonate?.user, 'system:node:edge-1', 'the relay itself may not read single Nodes');
  assert.deepEqual(last.spec, { taints: [TAINT] });
});

test('a Node that was made anew meanwhile is left to its own registration', async () => {
  const { outcome, requests } = await run(
    register,
    [made({}, [NOT_READY]), failure(409, 'Conflict'), found({ uid: OTHER_UID }, { spec: {} })],
    { marks: MARKS },
  );
  assert.equal(outcome.type, 'applied');
  assert.equal(requests.length, 3);
});

test('a Node that could not be read after a conflict is registered again later', async () => {
  const replies = [made({}, [NOT_READY]), failure(409, 'Conflict'), failure(503, 'ServiceUnavailable')];
  assert.equal((await run(register, replies, { marks: MARKS })).outcome.type, 'unavailable');
});

test('labels are read as Kubernetes has them', () => {
  assert.deepEqual(parseLabel('a'), { key: 'a', value: '' });
  assert.deepEqual(parseLabel('node-role.kubernetes.io/edge='), { key: 'node-role.kubernetes.io/edge', value: '' });
  assert.deepEqual(parseLabel('site=North_1.b'), { key: 'site', value: 'North_1.b' });
  const wrong = [
    '',
    '=',
    '=x',
    'a=b=c',
    '-a',
    'a/',
    '/a',
    'A.b/c',
    'a/b/c',
    'a=b c',
    'a=ä',
    `${'x'.repeat(64)}=`,
    `a=${'x'.repeat(64)}`,
  ];
  for (const text of [...wrong, `${'x.'.repeat(127)}x/y=`, 'a,b=c']) assert.equal(parseLabel(text), undefined, text);
});

test('taints are read with their effect', () => {
  assert.deepEqual(parseTaint('a=b:NoExecute'), { key: 'a', value: 'b', effect: 'NoExecute' });
  assert.deepEqual(parseTaint('x.io/a:PreferNoSchedule'), { key: 'x.io/a', value: '', effect: 'PreferNoSchedule' });
  for (const text of ['', 'a', 'a=b', 'a:noschedule', ':NoSchedule', 'a:b:NoSchedule', 'a:NoSchedule-'])
    assert.equal(parseTaint(text), undefined, text);
});
