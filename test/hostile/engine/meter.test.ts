import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Meter } from './meter.ts';

const MB = 1024 * 1024;
const PIECES = 512;
const PIECE_BYTES = 64 * 1024;

test('the memory of a call is seen each time, and what the call before it has left behind is not taken for room that was there', async (t) => {
  const meter = new Meter();
  t.after(() => meter.close());
  const seen: number[] = [];
  for (let call = 0; call < 20; call += 1) {
    meter.settle();
    const { cost } = await meter.measure(() => {
      const pieces = Array.from({ length: PIECES }, () => Buffer.alloc(PIECE_BYTES, 1));
      return Buffer.concat(pieces).length;
    });
    seen.push(Math.round(cost.bytes / MB));
  }
  assert.ok(
    seen.every((mb) => mb >= (PIECES * PIECE_BYTES) / MB),
    `MB: ${seen}`,
  );
});
