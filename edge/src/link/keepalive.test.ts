import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { DEFAULT_SILENCE_MS, watchForSilence } from './keepalive.ts';
import { simulatedClock } from './simulated-clock.ts';

function harness() {
  const clock = simulatedClock();
  const seen = { bytes: 0, written: 0, pings: 0, pongs: 0, silentAt: undefined as number | undefined };
  const stop = watchForSilence({
    silenceMs: DEFAULT_SILENCE_MS,
    clock,
    bytesRead: () => seen.bytes,
    bytesWritten: () => seen.written,
    ping: () => {
      seen.pings += 1;
      seen.written += 6;
    },
    pong: () => {
      seen.pongs += 1;
      seen.written += 6;
    },
    onSilent: () => {
      seen.silentAt = clock.time();
    },
  });
  return { clock, seen, stop };
}

test('a link that hears the relay ping needs no ping of its own', () => {
  const { clock, seen } = harness();
  for (let ping = 0; ping < 100; ping++) {
    clock.advance(8_000);
    // The WebSocket answers by itself.
    seen.bytes += 30;
    seen.written += 6;
  }
  assert.deepEqual(seen, { bytes: 3000, written: 600, pings: 0, pongs: 0, silentAt: undefined });
});

test('a silent link is asked once and then cut within 20 s', () => {
  const { clock, seen } = harness();
  clock.advance(60_000);
  assert.equal(seen.pings, 1);
  assert.ok(seen.silentAt !== undefined && seen.silentAt <= 20_000);
});

test('an answer to the question keeps the link', () => {
  const { clock, seen } = harness();
  clock.advance(12_000);
  assert.equal(seen.pings, 1);
  seen.bytes += 1;
  clock.advance(12_000);
  assert.deepEqual([seen.pings, seen.silentAt], [2, undefined]);
});

test('while a large message trickles in, the relay hears of it before it could miss us', () => {
  const { clock, seen } = harness();
  const saidAt = [0];
  for (let second = 0; second < 600; second++) {
    const before = seen.written;
    clock.advance(1_000);
    seen.bytes += 1_000;
    if (seen.written !== before) saidAt.push(clock.time());
  }
  const gaps = saidAt.slice(1).map((at, index) => at - (saidAt[index] ?? 0));
  assert.ok(Math.max(...gaps) <= 6_000, `${Math.max(...gaps)} ms`);
  assert.ok(seen.pongs < 200, 'and no more often than needed');
  assert.deepEqual([seen.pings, seen.silentAt], [0, undefined]);
});

test('acks that go out are signs of life enough', () => {
  const { clock, seen } = harness();
  for (let second = 0; second < 60; second++) {
    clock.advance(1_000);
    seen.bytes += 1_000;
    seen.written += 60;
  }
  assert.equal(seen.pongs, 0);
});

test('a device that slept listens again before it gives up', () => {
  const { clock, seen } = harness();
  clock.sleep(3_600_000);
  assert.equal(seen.silentAt, undefined);
  clock.advance(20_000);
  assert.ok(seen.silentAt !== undefined);
});

test('a clock that is set back by a day puts the end off by no more than one silence', () => {
  const { clock, seen } = harness();
  clock.advance(5_000);
  clock.set(-24 * 3_600_000);
  clock.advance(26_000);
  assert.ok(seen.silentAt !== undefined);
});

test('after stop nothing is asked', () => {
  const { clock, seen, stop } = harness();
  stop();
  clock.advance(60_000);
  assert.deepEqual([seen.pings, seen.silentAt], [0, undefined]);
});

test('whenever the last byte came, silence is noticed within 20 s of it and never within 17', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 9_000 }), { maxLength: 30 }), (gaps) => {
      const { clock, seen } = harness();
      for (const gap of gaps) {
        clock.advance(gap);
        seen.bytes += 1;
      }
      const last = clock.time();
      assert.equal(seen.silentAt, undefined);
      clock.advance(20_000);
      assert.ok(seen.silentAt !== undefined && seen.silentAt - last > 17_000 - 1, `${seen.silentAt} after ${last}`);
    }),
  );
});
