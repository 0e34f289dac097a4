import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { JsonObject } from '../object.ts';
import { applyStrategicMergePatch } from './strategic.ts';
import { diffStrategicMergePatch } from './strategic-diff.ts';

const POD = { apiVersion: 'v1', kind: 'Pod' };

const text = fc.constantFrom('a', 'b', 'c');
const optional = { requiredKeys: [], noNullPrototype: true };
const plain = { noNullPrototype: true };
const condition = fc.record(
  { type: text, status: fc.constantFrom('True', 'False'), reason: text },
  { requiredKeys: ['type', 'status'], ...plain },
);
const port = fc.record({ containerPort: fc.integer({ min: 1, max: 3 }), protocol: fc.constantFrom('TCP', 'UDP') }, plain);
const container = fc.record(
  { name: text, image: text, ports: fc.array(port, { maxLength: 3 }) },
  { requiredKeys: ['name'], ...plain },
);
const named = <T extends { name: string }>(items: fc.Arbitrary<T>) =>
  fc.uniqueArray(items, { selector: ({ name }) => name, maxLength: 3 });
const pod: fc.Arbitrary<JsonObject> = fc.record(
  {
    metadata: fc.record(
      { labels: fc.dictionary(text, text, plain), finalizers: fc.uniqueArray(text, { maxLength: 3 }), extra: fc.array(text) },
      optional,
    ),
    spec: fc.record({ containers: named(container), priority: fc.integer() }, optional),
    status: fc.record(
      {
        phase: text,
        conditions: fc.uniqueArray(condition, { selector: ({ type }) => type, maxLength: 3 }),
        containerStatuses: fc.array(fc.record({ name: text, ready: fc.boolean() }, plain), { maxLength: 2 }),
        podIPs: fc.uniqueArray(fc.record({ ip: text }, plain), { selector: ({ ip }) => ip, maxLength: 2 }),
      },
      optional,
    ),
  },
  optional,
);

describe('diffStrategicMergePatch', () => {
  it('gives a patch that turns the one into the other', () => {
    fc.assert(
      fc.property(pod, pod, (from, to) => {
        const patch = diffStrategicMergePatch(POD, from, to);
        assert.deepEqual(patch === undefined ? from : applyStrategicMergePatch(POD, from, patch), to);
      }),
      { numRuns: 2_000 },
    );
  });

  it('names only the conditions that differ, so that other writers keep theirs', () => {
    const from = {
      status: {
        conditions: [
          { type: 'Ready', status: 'False' },
          { type: 'Gate', status: 'False' },
        ],
      },
    };
    const to = {
      status: {
        conditions: [
          { type: 'Ready', status: 'True' },
          { type: 'Gate', status: 'False' },
        ],
      },
    };
    const patch = diffStrategicMergePatch(POD, from, to);
    assert.deepEqual(patch, { status: { conditions: [{ type: 'Ready', status: 'True' }] } });
    const meanwhile = {
      status: {
        conditions: [
          { type: 'Ready', status: 'False' },
          { type: 'Gate', status: 'True' },
        ],
      },
    };
    assert.deepEqual(applyStrategicMergePatch(POD, meanwhile, patch ?? {}), {
      status: {
        conditions: [
          { type: 'Ready', status: 'True' },
          { type: 'Gate', status: 'True' },
        ],
      },
    });
  });

  it('names the order of new items, and none of one item alone: a server that does not know the list answers 500 to it', () => {
    const withHosts = (...ips: string[]) => ({ status: { hostIPs: ips.map((ip) => ({ ip })) } });
    assert.deepEqual(diffStrategicMergePatch(POD, {}, withHosts('192.0.2.1')), withHosts('192.0.2.1'));
    assert.deepEqual(diffStrategicMergePatch(POD, {}, withHosts('192.0.2.1', '192.0.2.2')), {
      status: {
        ...withHosts('192.0.2.1', '192.0.2.2').status,
        '$setElementOrder/hostIPs': [{ ip: '192.0.2.1' }, { ip: '192.0.2.2' }],
      },
    });
  });

  it('gives nothing for equal objects', () => {
    assert.equal(diffStrategicMergePatch(POD, { spec: { a: 1, b: 2 } }, { spec: { b: 2, a: 1 } }), undefined);
  });

  it('refuses what is nested too deeply', () => {
    let deep: JsonObject = {};
    for (let level = 0; level < 1_000; level++) deep = { deep };
    assert.throws(() => diffStrategicMergePatch(POD, {}, deep), { name: 'PatchError' });
  });
});
