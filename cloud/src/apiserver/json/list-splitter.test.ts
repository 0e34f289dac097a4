import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { HawserError } from '@hawser/protocol';
import fc from 'fast-check';
import { ListSplitter } from './list-splitter.ts';

const MAX_ITEM = 4096;

function split(chunks: readonly Uint8Array[], maxItem = MAX_ITEM): { items: string[]; envelope: string } {
  const splitter = new ListSplitter(maxItem);
  const items: string[] = [];
  for (const chunk of chunks) splitter.push(chunk, (item) => items.push(Buffer.from(item).toString()));
  return { items, envelope: splitter.end() };
}

/** The text cut at the given places (taken modulo its length). */
function cut(text: string, places: readonly number[]): Uint8Array[] {
  const bytes = Buffer.from(text);
  const sorted = [0, ...places.map((place) => place % (bytes.length + 1)).sort((a, b) => a - b), bytes.length];
  return sorted.slice(1).map((to, i) => bytes.subarray(sorted[i], to));
}

const whole = (text: string) => [Buffer.from(text)];
const refuses = (text: string, code = 'malformed_object') =>
  assert.throws(
    () => split(whole(text)),
    (error) => error instanceof HawserError && error.code === code,
    text.slice(0, 80),
  );

/** Keys and strings that try to look like structure. */
const tricky = fc.oneof(
  fc.constantFrom('items', '"items":[', '}', ']', '{"a":1}', '\\', '\\"', '"', 'é', '\u{1F600}', ',', '\n'),
  fc.string(),
);
/**
 * JSON.parse of V8 13.6 (Node 24.21) may read an escaped key, such as a quote, as an earlier key that holds a backslash. These
 * tests compare by it, so keys have none; those of Kubernetes objects have none either.
 */
const trickyKey = tricky.filter((key) => !key.includes('\\'));
const { object } = fc.letrec((tie) => ({
  value: fc.oneof(
    { depthSize: 'small' },
    fc.constant(null),
    fc.boolean(),
    fc.double({ noNaN: true }),
    tricky,
    tie('array'),
    tie('object'),
  ),
  array: fc.array(tie('value'), { maxLength: 4 }),
  object: fc.dictionary(trickyKey, tie('value'), { maxKeys: 4, noNullPrototype: true }),
}));

describe('ListSplitter', () => {
  test('gives the items of any list, wherever its chunks end, and the rest as the envelope', () => {
    const lists = fc.record({
      before: fc.dictionary(
        trickyKey.filter((name) => name !== 'items'),
        fc.oneof(tricky, object),
        { maxKeys: 2, noNullPrototype: true },
      ),
      items: fc.array(object, { maxLength: 6 }),
      metadata: fc.record({ resourceVersion: tricky, items: fc.array(object, { maxLength: 2 }) }),
      indent: fc.nat(2),
      places: fc.array(fc.nat(), { maxLength: 30 }),
    });
    fc.assert(
      fc.property(lists, ({ before, items, metadata, indent, places }) => {
        const text = JSON.stringify({ ...before, items, metadata }, undefined, indent);
        const result = split(cut(text, places), 1_000_000);
        assert.deepEqual(
          result.items.map((item) => JSON.parse(item)),
          JSON.parse(JSON.stringify(items)),
        );
        assert.deepEqual(JSON.parse(result.envelope), JSON.parse(JSON.stringify({ ...before, items: [], metadata })));
      }),
      { numRuns: 1000 },
    );
  });

  test('a list that is cut anywhere before its end is not taken for a whole one', () => {
    const text = '{"kind":"PodList","metadata":{"resourceVersion":"7"},"items":[{"a":"}]"},{"b":[1,{}]}],"x":1}';
    for (let length = 0; length < text.length; length += 1) refuses(text.slice(0, length));
    assert.deepEqual(split(whole(text)).items, ['{"a":"}]"}', '{"b":[1,{}]}']);
  });

  test('an item that came whole and before the cut has been given', () => {
    const splitter = new ListSplitter(MAX_ITEM);
    const items: string[] = [];
    splitter.push(Buffer.from('{"items":[{"a":1},{"b":'), (item) => items.push(Buffer.from(item).toString()));
    assert.deepEqual(items, ['{"a":1}']);
    assert.throws(() => splitter.end(), /before its end/);
  });

  test('an items field deeper down, and one that is no array, are part of the envelope', () => {
    const text = '{"metadata":{"items":[{"no":1}]},"items":null}';
    assert.deepEqual(split(whole(text)), { items: [], envelope: text });
  });

  test('an array of something else than objects is no list', () => {
    for (const items of ['[1]', '["a"]', '[{},1]', '[{} {}]', '[,{}]', '[{},]', '[[]]', '[{}}']) refuses(`{"items":${items}}`);
  });

  test('a second array of items is refused', () => refuses('{"items":[{}],"items":[{}]}'));

  test('text after the list, or no list at all, is refused or left for the envelope to be refused', () => {
    for (const text of ['', ' ', 'x', '[]', '"items":[{}]', '{"items":[]}{"items":[]}', '{"items":[]}}', '<html></html>']) {
      let envelope: string;
      try {
        ({ envelope } = split(whole(text)));
      } catch (error) {
        assert.ok(error instanceof HawserError);
        continue;
      }
      const isObject = () => {
        const value: unknown = JSON.parse(envelope);
        assert.ok(typeof value === 'object' && value !== null && !Array.isArray(value));
      };
      assert.throws(isObject, text);
    }
  });

  test('an item over its bound is refused, also when it never ends, and so is an envelope', () => {
    refuses(`{"items":[{"a":"${'x'.repeat(MAX_ITEM)}"}]}`, 'too_large');
    const splitter = new ListSplitter(MAX_ITEM);
    splitter.push(Buffer.from('{"items":[{"a":"'), () => assert.fail('no item has ended'));
    const more = Buffer.from('x'.repeat(1000));
    const feed = () => {
      for (let n = 0; n < 5; n += 1) splitter.push(more, () => assert.fail('no item has ended'));
    };
    assert.throws(feed, (error) => error instanceof HawserError && error.code === 'too_large');
    refuses(`{"metadata":{"continue":"${'x'.repeat(100_000)}"},"items":[]}`, 'too_large');
  });

  test('any depth is gone through without recursion', () => {
    const deep = `{"a":${'['.repeat(1_000_000)}${']'.repeat(1_000_000)}}`;
    assert.deepEqual(split(whole(`{"items":[${deep}]}`), 3_000_000).items, [deep]);
  });

  test('random bytes never give anything but an error or an envelope', () => {
    const bytes = fc.array(fc.constantFrom(...Buffer.from('{}[]",:\\ itemsx1\n')), { maxLength: 60, size: 'max' });
    fc.assert(
      fc.property(bytes, (letters) => {
        try {
          split([Uint8Array.from(letters)]);
        } catch (error) {
          assert.ok(error instanceof HawserError, String(error));
        }
      }),
      { numRuns: 5000 },
    );
  });
});
