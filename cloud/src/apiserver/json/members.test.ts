import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HawserError } from '@hawser/protocol';
import fc from 'fast-check';
import { eachMember, stringAt } from './members.ts';

function members(text: string): [string, string][] {
  const bytes = Buffer.from(text);
  const found: [string, string][] = [];
  eachMember(bytes, { from: 0, to: bytes.length }, (key, { from, to }) => {
    found.push([key, bytes.subarray(from, to).toString()]);
    return true;
  });
  return found;
}

test('the members of any object are found, with the text of their values', () => {
  const name = fc.string().map((text) => JSON.stringify(text).slice(1, -1).replaceAll('\\', '/').replaceAll('"', "'"));
  fc.assert(
    fc.property(fc.dictionary(name, fc.jsonValue(), { noNullPrototype: true }), fc.nat(2), (object, indent) => {
      const found = members(JSON.stringify(object, undefined, indent)).map(([key, text]) => [key, JSON.parse(text)]);
      const expected = Object.entries(object).map(([key, value]) => [key, JSON.parse(JSON.stringify(value))]);
      assert.deepEqual(found, expected);
    }),
    { numRuns: 1000 },
  );
});

test('going through stops when told', () => {
  const bytes = Buffer.from('{"a":1,"b":damaged');
  let calls = 0;
  eachMember(bytes, { from: 0, to: bytes.length }, () => {
    calls += 1;
    return false;
  });
  assert.equal(calls, 1);
});

test('damaged text is an error and never an endless loop', () => {
  for (const text of [
    '',
    '[]',
    '1',
    '{',
    '{"a"',
    '{"a":',
    '{"a":}',
    '{"a":1',
    '{"a":1,',
    '{"a":1,}',
    '{"a" 1}',
    '{a:1}',
    '{"a":"x',
    '{"a":[1}',
    '{"a":{"b":1}',
    '{"a":1 "b":2}',
  ]) {
    assert.throws(() => members(text), HawserError, text);
  }
  fc.assert(
    fc.property(fc.array(fc.constantFrom(...Buffer.from('{}[]",:\\ a1')), { maxLength: 40, size: 'max' }), (letters) => {
      try {
        members(Buffer.from(letters).toString());
      } catch (error) {
        assert.ok(error instanceof HawserError, String(error));
      }
    }),
    { numRuns: 5000 },
  );
});

test('depth costs no stack', () => {
  assert.equal(members(`{"a":${'{"b":'.repeat(200_000)}1${'}'.repeat(200_000)},"c":2}`).length, 2);
});

test('strings are read with their escapes, others and long ones are not read', () => {
  const at = (text: string, max = 10) => {
    const bytes = Buffer.from(text);
    return stringAt(bytes, { from: 0, to: bytes.length }, max);
  };
  assert.equal(at('"a\\u0041\\n"', 20), 'aA\n');
  assert.equal(at('"é"'), 'é');
  assert.equal(at('12'), undefined);
  assert.equal(at('"12345678901"'), undefined);
  assert.throws(() => at('"\\x"'), HawserError);
});
