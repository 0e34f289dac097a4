import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { JsonValue } from '../object.ts';
import { PatchError, type PatchErrorCode } from './error.ts';
import { applyJsonPatch, MAX_JSON_PATCH_OPERATIONS } from './json-patch.ts';

const refusedAs = (code: PatchErrorCode) => (error: unknown) => error instanceof PatchError && error.code === code;

describe('a JSON patch', () => {
  it('adds, removes, replaces, moves, copies and tests', () => {
    const result = applyJsonPatch({ list: [1, 2], old: { x: 1 }, gone: true }, [
      { op: 'add', path: '/list/1', value: 9 },
      { op: 'add', path: '/list/-', value: 3 },
      { op: 'remove', path: '/gone' },
      { op: 'replace', path: '/list/0', value: 0 },
      { op: 'copy', from: '/old', path: '/copy' },
      { op: 'move', from: '/old', path: '/moved' },
      { op: 'test', path: '/moved/x', value: 1 },
      { op: 'add', path: '/a~1b~0c', value: 'escaped' },
    ]);
    assert.deepEqual(result, { list: [0, 9, 2, 3], copy: { x: 1 }, moved: { x: 1 }, 'a/b~c': 'escaped' });
  });

  it('copies deeply: a later change of the copy leaves the original', () => {
    const result = applyJsonPatch({ a: { x: 1 } }, [
      { op: 'copy', from: '/a', path: '/b' },
      { op: 'replace', path: '/b/x', value: 2 },
    ]);
    assert.deepEqual(result, { a: { x: 1 }, b: { x: 2 } });
  });

  it('is unprocessable on a missing path, a failed test, a bad index or a move into itself', () => {
    const document = { a: { b: 1 }, list: [1] };
    for (const operation of [
      { op: 'replace', path: '/none', value: 1 },
      { op: 'remove', path: '/a/none' },
      { op: 'add', path: '/none/x', value: 1 },
      { op: 'test', path: '/a/b', value: 2 },
      { op: 'add', path: '/list/2', value: 1 },
      { op: 'remove', path: '/list/01' },
      { op: 'remove', path: '/list/-' },
      { op: 'replace', path: '/constructor', value: 1 },
      { op: 'move', from: '/a', path: '/a/c' },
      { op: 'explode', path: '/a' },
    ]) {
      assert.throws(() => applyJsonPatch(document, [operation]), refusedAs('Unprocessable'), JSON.stringify(operation));
    }
  });

  it('leaves the document alone when a later operation fails', () => {
    const document = { a: 1 };
    assert.throws(() =>
      applyJsonPatch(document, [
        { op: 'remove', path: '/a' },
        { op: 'remove', path: '/a' },
      ]),
    );
    assert.deepEqual(document, { a: 1 });
  });

  it('is a bad patch when it is no list of operations, or too long a one', () => {
    const long = Array.from({ length: MAX_JSON_PATCH_OPERATIONS + 1 }, () => ({ op: 'remove', path: '/a' }));
    for (const patch of [{}, null, 'x', [1], [{ op: 'add' }], [{ op: 'move', path: '/a' }], long]) {
      assert.throws(() => applyJsonPatch({}, patch), refusedAs('BadPatch'));
    }
  });

  it('cannot double a document without end, nor nest it without end', () => {
    const doubling = Array.from({ length: 60 }, (_, n) => ({ op: 'copy', from: '/a', path: `/a/k${n}` }));
    assert.throws(() => applyJsonPatch({ a: { text: 'x'.repeat(100) } }, doubling), refusedAs('BadPatch'));
    const nesting = Array.from({ length: 300 }, (_, depth) => ({ op: 'add', path: '/a'.repeat(depth + 1), value: {} }));
    assert.throws(() => applyJsonPatch({}, nesting), refusedAs('BadPatch'));
  });

  it('never fails in another way, whatever it is given', () => {
    const pointer = fc.constantFrom('', '/', '/a', '/a/0', '/a/-', '/__proto__/x', '/toString', 'a');
    const operation = fc.record(
      {
        op: fc.constantFrom('add', 'remove', 'replace', 'move', 'copy', 'test'),
        path: pointer,
        from: pointer,
        value: fc.jsonValue(),
      },
      { requiredKeys: ['op'] },
    );
    fc.assert(
      fc.property(fc.jsonValue(), fc.array(operation, { maxLength: 6 }), (document, patch) => {
        try {
          const parsed: JsonValue = JSON.parse(JSON.stringify(patch));
          applyJsonPatch(JSON.parse(JSON.stringify(document)), parsed);
        } catch (error) {
          assert.ok(error instanceof PatchError, String(error));
        }
        assert.equal(Reflect.get({}, 'x'), undefined);
      }),
    );
  });
});
