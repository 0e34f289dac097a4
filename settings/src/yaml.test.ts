import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseYaml, parseYamlDocuments, YamlError } from './yaml.ts';

function refusal(text: string, options?: Parameters<typeof parseYaml>[1]): YamlError {
  try {
    parseYaml(text, options);
  } catch (error) {
    assert.ok(error instanceof YamlError, String(error));
    return error;
  }
  return assert.fail(`taken: ${text.slice(0, 40)}`);
}

test('a document is read; an empty one is undefined, and of several none is taken for the only one', () => {
  assert.deepEqual(parseYaml('a: [1, {b: "c"}]\n'), { a: [1, { b: 'c' }] });
  assert.equal(parseYaml('# nothing\n'), undefined);
  assert.deepEqual(parseYamlDocuments('a: 1\n---\n- b\n'), [{ a: 1 }, ['b']]);
  assert.equal(refusal('a: 1\n---\nb: 1\n').why, 'syntax');
});

test('an error says its line and column, and of several documents in which one it is', () => {
  assert.match(refusal('a: 1\nb: "c\n').message, /at line 3, column 1$/);
  assert.throws(
    () => parseYamlDocuments('a: 1\n---\nb: [\n'),
    (error) => error instanceof YamlError && error.document === 2,
  );
});

test('a key that comes twice in one mapping is refused, in two it is none of that', () => {
  assert.match(refusal('a: 1\nb: 2\na: 3\n').message, /^Map keys must be unique at line 3, column 1$/);
  assert.match(refusal('x:\n  - {a: 1, a: 2}\n').message, /unique/);
  assert.deepEqual(parseYaml('a: {b: 1}\nc: {b: 1}\n'), { a: { b: 1 }, c: { b: 1 } });
});

test('aliases are taken as far as the caller says', () => {
  assert.equal(refusal('a: &x 1\nb: *x\n').why, 'aliases');
  assert.deepEqual(parseYaml('a: &x 1\nb: *x\n', { aliases: 10 }), { a: 1, b: 1 });
  const layers = Array.from({ length: 8 }, (_, i) => `l${i + 1}: &l${i + 1} [${Array(9).fill(`*l${i}`).join(', ')}]`);
  assert.equal(refusal(`l0: &l0 [x]\n${layers.join('\n')}`, { aliases: 100 }).why, 'aliases');
});

/** Each of them takes the library seconds, or its whole stack. */
const slow: readonly [string, string][] = [
  ['many keys', Array.from({ length: 50_000 }, (_, index) => `k${index}: 1`).join('\n')],
  ['many errors', 'a: &x [*x]'.repeat(20_000)],
  ['brackets in brackets', '['.repeat(100_000)],
  ['braces in braces', '{a: '.repeat(10_000)],
  ['lists in lists on one line', '- '.repeat(50_000)],
  ['keys of keys', '? '.repeat(50_000)],
  ['values without a key', ': '.repeat(50_000)],
  ['tags upon tags', `a: ${'!!set '.repeat(4_000)}`],
  ['ever more indented', Array.from({ length: 700 }, (_, index) => `${' '.repeat(index)}a:`).join('\n')],
];
for (const [what, text] of slow) {
  test(`${what} are refused before they are parsed`, () => assert.equal(refusal(text).why, 'bounds'));
}

test('long texts, and brackets one after the other, are no depth', () => {
  const block = `a: |\n${`${' '.repeat(300)}text\n`.repeat(1000)}`;
  assert.equal(typeof parseYaml(block), 'object');
  assert.deepEqual(parseYaml(`[${Array(200).fill('[{}]').join(', ')}]`), Array(200).fill([{}]));
});
