import assert from 'node:assert/strict';
import { test } from 'node:test';
import { jsonOf, type Report, tableOf } from './report.ts';

const report: Report = {
  figures: [
    { name: 'oneKeyBytes', about: 'one key changed', value: 240, unit: 'B', atMost: 250 },
    { name: 'online200Ms', about: '200 changed', value: 900, unit: 'ms', atMost: 600 },
    { name: 'relayRssMB', about: 'relay', value: 80, unit: 'MB' },
  ],
  notes: ['stores are files'],
  run: { seed: 3, rounds: 5 },
};

test('the table says of each figure with a bound whether it is held', () => {
  const lines = tableOf(report).split('\n');
  assert.match(lines[1] ?? '', /^one key changed +240 B +250 B +held +oneKeyBytes$/);
  assert.match(lines[2] ?? '', /^200 changed +900 ms +600 ms +not held +online200Ms$/);
  assert.match(lines[3] ?? '', /^relay +80 MB +relayRssMB$/);
  assert.match(tableOf(report), /seed 3, rounds 5\nstores are files\n$/);
});

test('the JSON is one line with figures, settings and notes', () => {
  const text = jsonOf(report);
  assert.doesNotMatch(text, /\n/);
  assert.deepEqual(JSON.parse(text), {
    oneKeyBytes: 240,
    online200Ms: 900,
    relayRssMB: 80,
    seed: 3,
    rounds: 5,
    notes: ['stores are files'],
  });
});
