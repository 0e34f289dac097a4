import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { JsonObject, JsonValue } from '../object.ts';
import { PatchError, type PatchErrorCode } from './error.ts';
import { applyStrategicMergePatch } from './strategic.ts';

const POD = { apiVersion: 'v1', kind: 'Pod' };
const NODE = { apiVersion: 'v1', kind: 'Node' };
const DEPLOYMENT = { apiVersion: 'apps/v1', kind: 'Deployment' };
const refusedAs = (code: PatchErrorCode) => (error: unknown) => error instanceof PatchError && error.code === code;

const conditions = (...types: string[]) => types.map((type) => ({ type, status: 'True' }));
const typesOf = (object: JsonObject) => {
  const { status } = object;
  assert.ok(typeof status === 'object' && status !== null && !Array.isArray(status));
  assert.ok(Array.isArray(status.conditions));
  return status.conditions.map((condition) =>
    typeof condition === 'object' && condition !== null && !Array.isArray(condition) ? condition.type : condition,
  );
};

describe('a strategic merge patch', () => {
  it('merges lists by their key and appends what is new', () => {
    const current = {
      spec: {
        containers: [
          { name: 'a', image: 'a:1', command: ['x'] },
          { name: 'b', image: 'b:1' },
        ],
      },
    };
    const patch = {
      spec: {
        containers: [
          { name: 'b', image: 'b:2' },
          { name: 'c', image: 'c:1' },
        ],
      },
    };
    assert.deepEqual(applyStrategicMergePatch(POD, current, patch), {
      spec: {
        containers: [
          { name: 'a', image: 'a:1', command: ['x'] },
          { name: 'b', image: 'b:2' },
          { name: 'c', image: 'c:1' },
        ],
      },
    });
  });

  it('merges below lists that merge: the environment of a container in a template', () => {
    const template = (env: JsonValue) => ({ spec: { template: { spec: { containers: [{ name: 'a', env }] } } } });
    const result = applyStrategicMergePatch(
      DEPLOYMENT,
      template([
        { name: 'X', value: '1' },
        { name: 'Y', value: '1' },
      ]),
      template([{ name: 'Y', value: '2' }]),
    );
    assert.deepEqual(
      result,
      template([
        { name: 'X', value: '1' },
        { name: 'Y', value: '2' },
      ]),
    );
  });

  it('replaces lists without a key: container statuses, images', () => {
    const current = { status: { containerStatuses: [{ name: 'a' }, { name: 'b' }] } };
    const patch = { status: { containerStatuses: [{ name: 'a', ready: true }] } };
    assert.deepEqual(applyStrategicMergePatch(POD, current, patch), patch);
  });

  it('removes by null, by $patch delete of an item, and of an object', () => {
    const current = {
      metadata: { labels: { a: '1', b: '2' } },
      status: { conditions: conditions('Ready', 'PIDPressure'), nodeInfo: { kernelVersion: '6' } },
    };
    const result = applyStrategicMergePatch(NODE, current, {
      metadata: { labels: { a: null } },
      status: { conditions: [{ $patch: 'delete', type: 'PIDPressure' }], nodeInfo: { $patch: 'delete' } },
    });
    assert.deepEqual(result, {
      metadata: { labels: { b: '2' } },
      status: { conditions: conditions('Ready'), nodeInfo: {} },
    });
  });

  it('replaces by $patch replace, in an object and in a list', () => {
    assert.deepEqual(applyStrategicMergePatch(POD, { data: { a: '1' } }, { data: { $patch: 'replace', z: '9' } }), {
      data: { z: '9' },
    });
    const current = { status: { conditions: conditions('A', 'B') } };
    const patch = { status: { conditions: [{ $patch: 'replace' }, ...conditions('C')] } };
    assert.deepEqual(typesOf(applyStrategicMergePatch(NODE, current, patch)), ['C']);
  });

  it('puts a new item before those that only the server has, when nothing gives an order', () => {
    const current = { status: { conditions: [{ type: 'Ready', status: 'True' }] } };
    const patch = { status: { conditions: [{ type: 'MemoryPressure', status: 'False' }] } };
    assert.deepEqual(applyStrategicMergePatch(POD, current, patch), {
      status: {
        conditions: [
          { type: 'MemoryPressure', status: 'False' },
          { type: 'Ready', status: 'True' },
        ],
      },
    });
  });

  it('reorders by $setElementOrder, and keeps what the sender did not know behind its neighbour', () => {
    const current = { status: { conditions: conditions('Ready', 'Custom', 'DiskPressure') } };
    const patch = {
      status: {
        '$setElementOrder/conditions': [{ type: 'MemoryPressure' }, { type: 'DiskPressure' }, { type: 'Ready' }],
        conditions: conditions('MemoryPressure', 'Ready'),
      },
    };
    const types = typesOf(applyStrategicMergePatch(NODE, current, patch));
    assert.deepEqual(
      types.filter((type) => type !== 'Custom'),
      ['MemoryPressure', 'DiskPressure', 'Ready'],
    );
    assert.ok(types.includes('Custom'));
  });

  it('takes an order without changes', () => {
    const current = { status: { conditions: conditions('A', 'B') } };
    const patch = { status: { '$setElementOrder/conditions': [{ type: 'B' }, { type: 'A' }] } };
    assert.deepEqual(typesOf(applyStrategicMergePatch(NODE, current, patch)), ['B', 'A']);
  });

  it('contradicts itself when its items come in another order than its $setElementOrder', () => {
    const patch = {
      status: { '$setElementOrder/conditions': [{ type: 'A' }, { type: 'B' }], conditions: conditions('B', 'A') },
    };
    assert.throws(
      () => applyStrategicMergePatch(NODE, { status: {} }, patch),
      (error: unknown) =>
        error instanceof PatchError &&
        error.code === 'Contradiction' &&
        error.message ===
          'The order in patch list:\n[map[status:True type:B] map[status:True type:A]]\n' +
            " doesn't match $setElementOrder list:\n[map[type:A] map[type:B]]\n",
    );
  });

  it('adds to a set of strings and takes out by $deleteFromPrimitiveList', () => {
    const current = { metadata: { finalizers: ['a', 'b'] } };
    const patch = { metadata: { finalizers: ['c', 'b'], '$deleteFromPrimitiveList/finalizers': ['a'] } };
    assert.deepEqual(applyStrategicMergePatch(POD, current, patch), { metadata: { finalizers: ['b', 'c'] } });
  });

  it('drops the members of a union that $retainKeys does not name', () => {
    const current = { spec: { volumes: [{ name: 'v', emptyDir: {} }] } };
    const patch = { spec: { volumes: [{ name: 'v', $retainKeys: ['name', 'hostPath'], hostPath: { path: '/x' } }] } };
    assert.deepEqual(applyStrategicMergePatch(POD, current, patch), {
      spec: { volumes: [{ name: 'v', hostPath: { path: '/x' } }] },
    });
  });

  it('keeps items that share a key, and removes them together', () => {
    const env = (...names: string[]) => ({ spec: { containers: [{ name: 'a', env: names.map((name) => ({ name })) }] } });
    assert.deepEqual(applyStrategicMergePatch(POD, env('X', 'Y', 'X'), env('Y')), env('X', 'X', 'Y'));
    const without = { spec: { containers: [{ name: 'a', env: [{ $patch: 'delete', name: 'X' }] }] } };
    assert.deepEqual(applyStrategicMergePatch(POD, env('X', 'Y', 'X'), without), env('Y'));
  });

  it('takes time in proportion to its length', () => {
    const types = Array.from({ length: 50_000 }, (_, n) => `t${n}`);
    const patch = {
      status: { '$setElementOrder/conditions': types.map((type) => ({ type })), conditions: conditions(...types) },
    };
    const result = applyStrategicMergePatch(NODE, { status: { conditions: conditions(...types.toReversed()) } }, patch);
    assert.deepEqual(typesOf(result), types);
  });

  it('leaves its arguments alone', () => {
    const current = { status: { conditions: conditions('A', 'B') } };
    const before = structuredClone(current);
    applyStrategicMergePatch(NODE, current, { status: { conditions: [{ type: 'A', status: 'False' }] } });
    assert.deepEqual(current, before);
  });

  it('is a bad patch when it is of the wrong shape', () => {
    for (const patch of [
      [],
      null,
      'x',
      { data: { $patch: 'explode' } },
      { status: { conditions: ['x'] } },
      { metadata: { $retainKeys: 'x' } },
      { status: { '$setElementOrder/conditions': 'x' } },
    ]) {
      assert.throws(() => applyStrategicMergePatch(NODE, { status: {} }, patch), refusedAs('BadPatch'), JSON.stringify(patch));
    }
  });
});

describe('any strategic merge patch', () => {
  it('is applied or refused as a patch, and changes neither argument', () => {
    const leaf = fc.oneof(fc.constantFrom('delete', 'replace', 'merge', 'A', 'B', null, 1), fc.jsonValue());
    const item = fc.dictionary(fc.constantFrom('type', 'status', '$patch', '$retainKeys', '__proto__'), leaf, { maxKeys: 3 });
    const list = fc.oneof(fc.array(fc.oneof(item, leaf), { maxLength: 4 }), leaf);
    const document = fc.record(
      {
        metadata: fc.dictionary(
          fc.constantFrom('finalizers', '$deleteFromPrimitiveList/finalizers', '$setElementOrder/finalizers', 'labels', '$patch'),
          fc.oneof(fc.array(fc.constantFrom('a', 'b', 'c')), leaf),
        ),
        status: fc.dictionary(
          fc.constantFrom('conditions', '$setElementOrder/conditions', 'addresses', '$retainKeys', '$patch'),
          list,
        ),
      },
      { requiredKeys: [] },
    );
    fc.assert(
      fc.property(document, document, (first, second) => {
        const current: JsonObject = JSON.parse(JSON.stringify(first));
        const patch: JsonObject = JSON.parse(JSON.stringify(second));
        try {
          applyStrategicMergePatch(NODE, current, patch);
        } catch (error) {
          assert.ok(error instanceof PatchError, String(error));
        }
        assert.equal(JSON.stringify(current), JSON.stringify(first));
        assert.equal(JSON.stringify(patch), JSON.stringify(second));
        assert.equal(Reflect.get({}, 'type'), undefined);
      }),
      { numRuns: 2000 },
    );
  });
});
