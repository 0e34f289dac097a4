import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runChecks } from './run-checks.ts';
import { type Check, ok } from './types.ts';

const never = new AbortController().signal;
const quiet = { onBegin: () => {}, onFindings: () => {} };
const check = (name: Check['name'], look: Check['look']): Check => ({ name, look });

test('checks are run in their order, and what one throws keeps no other from being told', async () => {
  const found = await runChecks(
    [
      check('dns', async () => [ok('a'), ok('b')]),
      check('tls', () => Promise.reject(new Error('it fell over'))),
      check('link', async () => [ok('c')]),
    ],
    never,
    quiet,
  );
  assert.deepEqual(
    found.map(({ check: name, level, text }) => [name, level, text]),
    [
      ['dns', 'ok', 'a'],
      ['dns', 'ok', 'b'],
      ['tls', 'unseen', 'could not be looked at: it fell over'],
      ['link', 'ok', 'c'],
    ],
  );
});

test('a check that takes too long is broken off by its signal', async () => {
  const slow = check(
    'dns',
    (signal) => new Promise((resolve) => signal.addEventListener('abort', () => resolve([ok('broken off')]))),
  );
  assert.deepEqual(
    (await runChecks([slow], never, quiet, 10)).map(({ text }) => text),
    ['broken off'],
  );
});

test('one that does not mind it is left behind', async () => {
  const deaf = check('dns', () => new Promise(() => {}));
  const [found] = await runChecks([deaf], never, quiet, 10);
  assert.deepEqual([found?.level, found?.text], ['unseen', 'did not come to an end within 0.01 s']);
});

test('Ctrl-C ends the one that goes on and begins no other', async () => {
  const interrupting = new AbortController();
  const begun: string[] = [];
  const found = await runChecks(
    [
      check('dns', async () => [ok('told')]),
      check('tls', () => {
        interrupting.abort();
        return new Promise(() => {});
      }),
      check('link', async () => [ok('never')]),
    ],
    interrupting.signal,
    { onBegin: ({ name }) => begun.push(name), onFindings: () => {} },
  );
  assert.deepEqual([begun, found.map(({ text }) => text)], [['dns', 'tls'], ['told']]);
});
