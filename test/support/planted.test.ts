import assert from 'node:assert/strict';
import { test } from 'node:test';
import { leaksIn, planted } from './planted.ts';

const VALUE = planted('"quoted"\nby the test');

test('a planted value is found in every form and at every place', () => {
  for (let before = 0; before < 4; before++) {
    const text = `${'x'.repeat(before)}${VALUE}${'y'.repeat(before)}`;
    const forms = [
      text,
      JSON.stringify(text),
      JSON.stringify(JSON.stringify(text)),
      encodeURIComponent(text),
      Buffer.from(text).toString('hex'),
      Buffer.from(text).toString('base64'),
      Buffer.from(text).toString('base64url'),
      `{"data":{"k":"${Buffer.from(JSON.stringify({ text })).toString('base64')}"}}`,
    ];
    for (const form of forms) assert.notDeepEqual(leaksIn(form), [], form);
  }
});

test('a value that a program has made is found by its text, and what is not there is not found', () => {
  const key = 'MHcCAQEEIG1+/xyz0123456789';
  assert.notDeepEqual(leaksIn(`token ${Buffer.from(`a${key}b`).toString('base64')}`, [key]), []);
  assert.deepEqual(leaksIn('nothing of that kind', [key]), []);
  assert.deepEqual(leaksIn(Buffer.alloc(10_000, 7), [key]), []);
});
