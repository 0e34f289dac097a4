import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { JsonObject } from '../object.ts';
import { applyStrategicMergePatch } from './strategic.ts';
import { diffStrategicMergePatch } from './strategic-diff.ts';
import { restateStrategicMergePatch } from './strategic-restate.ts';

const POD = { apiVersion: 'v1', kind: 'Pod' };

const text = fc.constantFrom('a', 'b', 'c');
const plain = { noNullPrototype: true };
const optional = { requiredKeys: [], noNullPrototype: true };
const condition = fc.record(
  { type: text, status: fc.constantFrom('True', 'False'), reason: text },
  { requiredKeys: ['type', 'status'], ...plain },
);
const pod: fc.Arbitrary<JsonObject> = fc.record(
  {
    metadata: fc.record(
      { labels: fc.dictionary(text, text, plain), finalizers: fc.uniqueArray(text, { maxLength: 3 }) },
      optional,
    ),
    spec: fc.record({ nested: fc.record({ deep: fc.dictionary(text, text, plain), list: fc.array(text) }, optional) }, optional),
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

describe('restateStrategicMergePatch', () => {
  it('leads to the same, whether the earlier patch took effect or not', () => {
    fc.assert(
      fc.property(pod, pod, pod, (from, between, to) => {
        const said = diffStrategicMergePatch(POD, from, between);
        const patch = restateStrategicMergePatch(POD, from, to, said ?? {}) ?? {};
        assert.deepEqual(applyStrategicMergePatch(POD, from, patch), to);
        assert.deepEqual(applyStrategicMergePatch(POD, between, patch), to);
      }),
      { numRuns: 3_000 },
    );
  });

  it('says a field anew that was taken back', () => {
    const from = { status: { phase: 'Pending', hostIP: '10.0.0.1' } };
    const said = { status: { phase: 'Running', message: 'once' } };
    assert.deepEqual(restateStrategicMergePatch(POD, from, from, said), { status: { phase: 'Pending', message: null } });
  });

  it('does not touch the items of other writers', () => {
    const from = { status: { conditions: [{ type: 'Gate', status: 'True' }] } };
    const said = { status: { conditions: [{ type: 'Ready', status: 'True' }] } };
    assert.deepEqual(restateStrategicMergePatch(POD, from, from, said), {
      status: {
        conditions: [{ $patch: 'delete', type: 'Ready' }],
      },
    });
  });

  it('replaces a list that was replaced', () => {
    const node = { apiVersion: 'v1', kind: 'Node' };
    const address = (ip: string) => ({ type: 'InternalIP', address: ip });
    const from = { status: { addresses: [address('10.0.0.1')] } };
    const said = { status: { addresses: [{ $patch: 'replace' }, address('10.0.0.2'), { type: 'Hostname', address: 'a' }] } };
    assert.deepEqual(restateStrategicMergePatch(node, from, from, said), {
      status: { addresses: [{ $patch: 'replace' }, address('10.0.0.1')] },
    });
  });

  it('is the plain difference where nothing was said', () => {
    const from = { status: { phase: 'Pending' } };
    assert.equal(restateStrategicMergePatch(POD, from, from, {}), undefined);
    assert.deepEqual(restateStrategicMergePatch(POD, from, { status: {} }, {}), { status: { phase: null } });
  });
});
