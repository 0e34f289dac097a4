import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bytesInWords, spanInWords } from './spans.ts';

test('spans have as many units as tell something', () => {
  const said = [
    0,
    -5,
    61_000,
    150_000,
    120_000,
    3_600_000,
    5 * 3_600_000 + 60_000,
    30 * 3_600_000,
    3 * 86_400_000,
    90 * 86_400_000,
  ];
  assert.deepEqual(said.map(spanInWords), ['0s', '0s', '61s', '2m30s', '2m', '60m', '5h1m', '30h', '3d', '90d']);
});

test('bytes are told in the unit that fits', () => {
  assert.deepEqual([0, 1023, 1536, 200 * 1024, 5 * 1024 ** 3].map(bytesInWords), [
    '0 B',
    '1023 B',
    '1.5 KiB',
    '200 KiB',
    '5.0 GiB',
  ]);
});
