import assert from 'node:assert/strict';
import { test } from 'node:test';
import { applyStrategicMergePatch, type JsonObject, jsonEquals } from '@hawser/protocol';
import fc from 'fast-check';
import { effectOf } from './effect.ts';

const POD = { apiVersion: 'v1', kind: 'Pod' };

const text = fc.constantFrom('a', 'b', 'c');
const plain = { noNullPrototype: true };
const type = fc.constantFrom('Ready', 'Gate', 'Mine');
const condition = fc.record(
  { type, status: fc.constantFrom('True', 'False'), reason: text, lastTransitionTime: text },
  { requiredKeys: ['type', 'status'], ...plain },
);
const conditions = fc.uniqueArray(condition, { selector: (item) => item.type, maxLength: 3 });
const containers = fc.array(fc.record({ name: text, ready: fc.boolean() }, plain), { maxLength: 2 });
const ips = fc.uniqueArray(fc.record({ ip: text }, plain), { selector: ({ ip }) => ip, maxLength: 2 });
const status = fc.record(
  { phase: text, message: text, conditions, containerStatuses: containers, podIPs: ips },
  { requiredKeys: [], ...plain },
);
const labels = fc.dictionary(text, text, plain);
const pod: fc.Arbitrary<JsonObject> = fc
  .record({ metadata: fc.record({ labels, annotations: labels }, { requiredKeys: [], ...plain }), status }, plain)
  .map((fields) => ({ ...POD, ...fields }));

/** What a kubelet sends: some fields set, some taken out, conditions with their order, containerStatuses whole. */
const patch: fc.Arbitrary<JsonObject> = fc
  .record(
    {
      phase: text,
      message: fc.constantFrom('a', null),
      conditions,
      containerStatuses: containers,
      podIPs: ips,
      named: fc.boolean(),
      labels: fc.dictionary(text, fc.option(text), plain),
    },
    { requiredKeys: ['named'], ...plain },
  )
  .map(({ named, labels: names, ...fields }) => {
    const body: JsonObject = { ...fields };
    if (fields.conditions !== undefined && named) {
      body['$setElementOrder/conditions'] = fields.conditions.map((item) => ({ type: item.type }));
    }
    return { ...(names === undefined ? {} : { metadata: { labels: names } }), status: body };
  });

/** As the API server does it: a patch that names another version than there is is a conflict, and then the whole report is sent. */
function serverAfter(server: JsonObject, isCached: boolean, cached: JsonObject, whole: JsonObject): JsonObject {
  const effect = effectOf(JSON.stringify(cached), whole);
  if (effect.type === 'nothing') return server;
  const sent = effect.type === 'less' && isCached ? effect.patch : whole;
  return applyStrategicMergePatch(POD, server, sent);
}

test('on the version that it was made from, what is sent does just what the whole patch would', () => {
  fc.assert(
    fc.property(pod, patch, (cached, whole) => {
      const expected = applyStrategicMergePatch(POD, cached, whole);
      assert.deepEqual(serverAfter(cached, true, cached, whole), expected);
      const effect = effectOf(JSON.stringify(cached), whole);
      assert.equal(effect.type === 'nothing', jsonEquals(cached, expected));
      if (effect.type === 'less') assert.ok(JSON.stringify(effect.patch).length < JSON.stringify(whole).length);
    }),
    { numRuns: 2_000 },
  );
});

test('after foreign writes the outcome is that of the whole patch, or, where nothing was sent, that of it just before them', () => {
  fc.assert(
    fc.property(pod, patch, patch, (cached, foreign, whole) => {
      const server = applyStrategicMergePatch(POD, cached, foreign);
      const isCached = jsonEquals(server, cached);
      const after = serverAfter(server, isCached, cached, whole);
      const isSaid = effectOf(JSON.stringify(cached), whole).type === 'nothing';
      const expected = isSaid
        ? applyStrategicMergePatch(POD, applyStrategicMergePatch(POD, cached, whole), foreign)
        : applyStrategicMergePatch(POD, server, whole);
      assert.deepEqual(after, expected);
    }),
    { numRuns: 2_000 },
  );
});

test('a foreign condition and foreign fields stay as they are, and are not sent', () => {
  const cached = {
    ...POD,
    metadata: { annotations: { theirs: 'x' } },
    status: {
      phase: 'Running',
      resize: 'theirs',
      conditions: [
        { type: 'Ready', status: 'False' },
        { type: 'Gate', status: 'True' },
      ],
    },
  };
  const change = { status: { phase: 'Running', conditions: [{ type: 'Ready', status: 'True' }] } };
  assert.deepEqual(effectOf(JSON.stringify(cached), change), {
    type: 'less',
    patch: { status: { conditions: [{ type: 'Ready', status: 'True' }] } },
  });
});

test('a heartbeat alone is a difference: what a kubelet says it saw is passed on', () => {
  const node = (lastHeartbeatTime: string) => ({
    status: { conditions: [{ type: 'Ready', status: 'True', lastHeartbeatTime }] },
  });
  const cached = { apiVersion: 'v1', kind: 'Node', ...node('10:00') };
  assert.equal(effectOf(JSON.stringify(cached), node('10:00')).type, 'nothing');
  assert.notEqual(effectOf(JSON.stringify(cached), node('10:05')).type, 'nothing');
});

test('a field that is null is one that is not set', () => {
  const condition = { type: 'Ready', status: 'True', lastProbeTime: null };
  const body = JSON.stringify({ ...POD, status: { conditions: [condition] } });
  for (const change of [condition, { type: 'Ready', status: 'True' }]) {
    assert.equal(effectOf(body, { status: { conditions: [change] } }).type, 'nothing');
  }
});

test('what a canonical body does not show is sent whole', () => {
  const body = JSON.stringify({ ...POD, metadata: { name: 'front' } });
  const hidden: JsonObject[] = [
    { metadata: { annotations: { 'kubectl.kubernetes.io/last-applied-configuration': null } } },
    { metadata: { annotations: { $patch: 'replace' } } },
    { metadata: { managedFields: [{}] } },
    { metadata: { finalizers: [] } },
    { metadata: null },
    { $retainKeys: ['status'], status: {} },
  ];
  for (const change of hidden) assert.deepEqual(effectOf(body, change), { type: 'whole' }, JSON.stringify(change));
});

test('a patch that does not fit is left to the API server', () => {
  const body = JSON.stringify({ ...POD, status: {} });
  assert.equal(effectOf(body, { status: { conditions: [{ status: 'True' }] } }).type, 'whole');
  assert.equal(effectOf(body, { status: { conditions: ['x'] } }).type, 'whole');
});
