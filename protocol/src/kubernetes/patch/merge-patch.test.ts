import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { JsonValue } from '../object.ts';
import { PatchError } from './error.ts';
import { MAX_JSON_DEPTH } from './json.ts';
import { applyMergePatch, diffMergePatch } from './merge-patch.ts';

/** The examples of RFC 7386, Appendix A: original, patch, result. */
const RFC_EXAMPLES: readonly [JsonValue, JsonValue, JsonValue][] = [
  [{ a: 'b' }, { a: 'c' }, { a: 'c' }],
  [{ a: 'b' }, { b: 'c' }, { a: 'b', b: 'c' }],
  [{ a: 'b' }, { a: null }, {}],
  [{ a: 'b', b: 'c' }, { a: null }, { b: 'c' }],
  [{ a: ['b'] }, { a: 'c' }, { a: 'c' }],
  [{ a: 'c' }, { a: ['b'] }, { a: ['b'] }],
  [{ a: { b: 'c' } }, { a: { b: 'd', c: null } }, { a: { b: 'd' } }],
  [{ a: [{ b: 'c' }] }, { a: [1] }, { a: [1] }],
  [
    ['a', 'b'],
    ['c', 'd'],
    ['c', 'd'],
  ],
  [{ a: 'b' }, ['c'], ['c']],
  [{ a: 'foo' }, null, null],
  [{ a: 'foo' }, 'bar', 'bar'],
  [{ e: null }, { a: 1 }, { e: null, a: 1 }],
  [[1, 2], { a: 'b', c: null }, { a: 'b' }],
  [{}, { a: { bb: { ccc: null } } }, { a: { bb: {} } }],
];

/** JSON without null, which merge patches cannot set. */
const json = fc.letrec<{ value: JsonValue }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small' },
    fc.string({ maxLength: 5 }),
    fc.integer(),
    fc.boolean(),
    fc.array(tie('value'), { maxLength: 3 }),
    fc.dictionary(fc.oneof(fc.constantFrom('a', 'b', '__proto__', 'constructor'), fc.string({ maxLength: 3 })), tie('value'), {
      maxKeys: 4,
    }),
  ),
})).value;

describe('a JSON merge patch', () => {
  it('does what the examples of RFC 7386 show', () => {
    for (const [original, patch, result] of RFC_EXAMPLES) assert.deepEqual(applyMergePatch(original, patch), result);
  });

  it('that was made by diff turns the one into the other', () => {
    fc.assert(
      fc.property(json, json, (from, to) => {
        const patch = diffMergePatch(from, to);
        const result = patch === undefined ? from : applyMergePatch(from, patch);
        assert.equal(JSON.stringify(sorted(result)), JSON.stringify(sorted(to)));
      }),
    );
  });

  it('is empty for what is equal', () => {
    assert.equal(diffMergePatch({ a: [1, { b: 2 }], c: 'd' }, { c: 'd', a: [1, { b: 2 }] }), undefined);
  });

  it('leaves its arguments alone', () => {
    const original = { a: { b: 1, c: 2 } };
    applyMergePatch(original, { a: { b: null, d: 3 } });
    assert.deepEqual(original, { a: { b: 1, c: 2 } });
  });

  it('does not reach the prototype', () => {
    const result = applyMergePatch({}, JSON.parse('{"__proto__":{"polluted":true}}'));
    assert.equal(Reflect.get({}, 'polluted'), undefined);
    assert.equal(JSON.stringify(result), '{"__proto__":{"polluted":true}}');
  });

  it('is refused when it is nested too deeply', () => {
    let patch: JsonValue = 1;
    for (let depth = 0; depth < MAX_JSON_DEPTH + 2; depth++) patch = { a: patch };
    assert.throws(() => applyMergePatch({}, patch), PatchError);
  });
});

function sorted(value: JsonValue): JsonValue {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return Object.is(value, -0) ? 0 : value;
  return Object.entries(value)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, field]) => [key, sorted(field)]);
}
