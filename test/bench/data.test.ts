import assert from 'node:assert/strict';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { CHANGED_CHARACTERS, changedValue, configData } from './data.ts';
import { seeded } from './random.ts';

test('gzip -9 brings the data to 45 to 60 %, small and large', () => {
  for (const { bytes, seeds } of [
    { bytes: 1_000, seeds: 200 },
    { bytes: 4_000, seeds: 50 },
    { bytes: 60_000, seeds: 10 },
  ]) {
    for (let seed = 0; seed < seeds; seed += 1) {
      const text = JSON.stringify(configData(seeded(seed), bytes));
      const ratio = gzipSync(text, { level: 9 }).length / text.length;
      assert.ok(ratio >= 0.45 && ratio <= 0.6, `seed ${seed}: ${bytes} bytes to ${(ratio * 100).toFixed(1)} %`);
    }
  }
});

test('data is of the size that was asked for, give or take a line', () => {
  for (const bytes of [1_000, 60_000]) {
    const data = configData(seeded(5), bytes);
    const size = Object.entries(data).reduce((sum, [key, value]) => sum + key.length + value.length, 0);
    assert.ok(size >= bytes && size < bytes + 120, `${size} for ${bytes}`);
  }
});

test('the same seed gives the same data, another seed other data', () => {
  assert.deepEqual(configData(seeded(7), 1_000), configData(seeded(7), 1_000));
  assert.notDeepEqual(configData(seeded(7), 1_000), configData(seeded(8), 1_000));
});

test('a change replaces 40 characters in a row of one value, and keeps its length', () => {
  const random = seeded(11);
  const data = configData(random, 1_000);
  for (let round = 0; round < 100; round += 1) {
    const { key, value } = changedValue(random, data);
    const before = data[key] ?? '';
    assert.equal(value.length, before.length);
    const differing = [...value].flatMap((character, at) => (character === before[at] ? [] : [at]));
    assert.ok(differing.length > 20, 'almost all of them differ');
    assert.ok((differing.at(-1) ?? 0) - (differing[0] ?? 0) < CHANGED_CHARACTERS);
  }
});
