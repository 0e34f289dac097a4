import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { parseSettingsFile, readSettingsFile } from './file.ts';
import { complaintOf, TABLE } from './testing.ts';

function folder(t: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), 'hawser-settings-'));
  t.after(() => rmSync(path, { recursive: true }));
  return path;
}

const parse = (text: string) => parseSettingsFile({ path: 't.yaml', text }, TABLE);

test('keys without a value are left out, also within sections; an empty file sets nothing', () => {
  assert.deepEqual(parse('a:\nb: {c: null, d: 0}\ne: []\n'), { b: { d: 0 }, e: [] });
  assert.deepEqual(parse(''), {});
  assert.deepEqual(parse('# only a comment\n'), {});
});

test('what is no YAML, no mapping, too deep, too long or has aliases is refused with the name of the file', () => {
  assert.match(
    complaintOf(() => parse('a: [\n')),
    /^t\.yaml: is no YAML: /,
  );
  assert.match(
    complaintOf(() => parse('['.repeat(100_000))),
    /^t\.yaml: is no YAML: /,
  );
  for (const text of ['words\n', '- a\n', '7\n']) {
    assert.equal(
      complaintOf(() => parse(text)),
      't.yaml: must hold settings by name, such as "mode: safe"',
    );
  }
  assert.match(
    complaintOf(() => parse('a: &x {}\nb: *x\n')),
    /^t\.yaml: YAML aliases are not taken/,
  );
  assert.equal(
    complaintOf(() => parse(`a: ${'x'.repeat(300_000)}`)),
    't.yaml: has 300003 characters, a configuration has at most 262144',
  );
});

test('a file is read whole', (t) => {
  const path = join(folder(t), 't.yaml');
  const text = `note: ü${'x'.repeat(100_000)}\n`;
  writeFileSync(path, text);
  assert.deepEqual(readSettingsFile(path), { path, text });
});

test('a file without an end is read no further than the bound', { skip: process.platform !== 'linux' }, () => {
  assert.equal(
    complaintOf(() => readSettingsFile('/dev/zero')),
    '/dev/zero: has more than the 262144 bytes of a configuration',
  );
});

test('a file of exactly the bound is taken, one byte more is not', (t) => {
  const path = join(folder(t), 't.yaml');
  writeFileSync(path, '#'.repeat(256 * 1024));
  assert.equal(readSettingsFile(path).text.length, 256 * 1024);
  writeFileSync(path, '#'.repeat(256 * 1024 + 1));
  assert.match(
    complaintOf(() => readSettingsFile(path)),
    /has more than/,
  );
});

test('a file that is not there, or is a folder, is said as such', (t) => {
  const path = folder(t);
  assert.equal(
    complaintOf(() => readSettingsFile(join(path, 'no.yaml'))),
    `--config: the file ${path}/no.yaml is not there`,
  );
  assert.equal(
    complaintOf(() => readSettingsFile(path)),
    `--config: the file ${path} cannot be read (EISDIR)`,
  );
});
