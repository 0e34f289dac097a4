import assert from 'node:assert/strict';
import { test } from 'node:test';
import { longerSpan, MAX_SPAN_SECONDS, parseAutonomy, parseSpan } from './autonomy.ts';

test('spans are days, hours, minutes and seconds in this order', () => {
  const spans = {
    '72h': 259_200,
    '3d': 259_200,
    '90m': 5_400,
    '1h30m': 5_400,
    '45s': 45,
    '1d2h3m4s': 93_784,
    '3650d': MAX_SPAN_SECONDS,
  };
  for (const [text, seconds] of Object.entries(spans)) assert.equal(parseSpan(text), seconds, text);
});

test('anything else is no span', () => {
  const texts = [
    '',
    '72',
    'h',
    '72 h',
    ' 72h',
    '72h ',
    '-1h',
    '1.5h',
    '30m1h',
    '1h1h',
    '0s',
    '0h0m',
    '3651d',
    '9999999999s',
    '72H',
    'forever',
  ];
  for (const text of [...texts, '1'.repeat(100_000), '72hours', '1w', '٣h'])
    assert.equal(parseSpan(text), undefined, text.slice(0, 40));
});

test('autonomy may be without end, and that is longer than any span', () => {
  assert.equal(parseAutonomy('forever'), 'forever');
  assert.equal(parseAutonomy('72h'), 259_200);
  assert.equal(parseAutonomy('Forever'), undefined);
  assert.equal(longerSpan(300, 'forever'), 'forever');
  assert.equal(longerSpan('forever', 300), 'forever');
  assert.equal(longerSpan(300, 259_200), 259_200);
});
