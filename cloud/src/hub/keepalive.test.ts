import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Clock } from '../clock.ts';
import { keepAlive } from './keepalive.ts';

function harness() {
  let time = 0;
  let timer: { at: number; callback: () => void } | undefined;
  const clock: Clock = {
    now: () => new Date(time),
    after: (milliseconds, callback) => {
      timer = { at: time + milliseconds, callback };
      return () => {
        timer = undefined;
      };
    },
  };
  const seen = { bytes: 0, pings: 0, deadAt: undefined as number | undefined, isPaused: false };
  const stop = keepAlive({
    intervalMs: 8_000,
    clock,
    bytesRead: () => seen.bytes,
    ping: () => {
      seen.pings += 1;
    },
    isPaused: () => seen.isPaused,
    onDead: () => {
      seen.deadAt = time;
    },
  });
  return {
    stop,
    heard: () => {
      seen.bytes += 1;
    },
    seen,
    advance(to: number) {
      while (timer !== undefined && timer.at <= to && seen.deadAt === undefined) {
        const { at, callback } = timer;
        time = at;
        timer = undefined;
        callback();
      }
      time = to;
    },
    /** The process sleeps: the timer fires when it wakes, and only once. */
    sleepUntil(to: number) {
      time = to;
      const late = timer;
      timer = undefined;
      late?.callback();
    },
  };
}

test('a link that answers is pinged at each interval and lives', () => {
  const { heard, seen, advance } = harness();
  for (let at = 8_000; at <= 80_000; at += 8_000) {
    advance(at);
    heard();
  }
  assert.equal(seen.pings, 10);
  assert.equal(seen.deadAt, undefined);
});

test('a link that falls silent is dead within 20 s of its last word', () => {
  const { heard, seen, advance } = harness();
  advance(8_000);
  heard();
  advance(60_000);
  assert.equal(seen.deadAt, 24_000);
  assert.ok(24_000 - 8_000 < 20_000);
});

test('silence while reading is paused says nothing; it counts again after', () => {
  const { seen, advance } = harness();
  seen.isPaused = true;
  advance(60_000);
  assert.equal(seen.deadAt, undefined);
  seen.isPaused = false;
  advance(80_000);
  assert.equal(seen.deadAt, 64_000);
});

test('a process that slept gives every link another interval', () => {
  const { seen, advance, sleepUntil } = harness();
  advance(8_000);
  sleepUntil(100_000);
  assert.equal(seen.deadAt, undefined);
  advance(108_000);
  assert.equal(seen.deadAt, 108_000);
});

test('a stopped keep-alive does nothing more', () => {
  const { stop, seen, advance } = harness();
  stop();
  advance(100_000);
  assert.equal(seen.pings, 0);
  assert.equal(seen.deadAt, undefined);
});
