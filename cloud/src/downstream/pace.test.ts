import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { Pace } from './pace.ts';

const MOST_BYTES = 1024 * 1024;
const MOST_BATCH_BYTES = 128 * 1024;
const MOST_BATCHES = 8;

interface SimulatedLink {
  /** Of the bottleneck. */
  readonly bytesPerSecond: number;
  readonly roundTripMs: number;
  /** The device's transaction. */
  readonly applyMs?: number;
}

/** One batch of a sender that always has more to send. */
interface Delivery {
  readonly sentAt: number;
  readonly ackedAt: number;
  readonly bytes: number;
  readonly windowBytes: number;
}

/** Bytes through a bottleneck in order, then a transaction, then the ack: until so many bytes or milliseconds. */
function send(
  pace: Pace,
  link: SimulatedLink,
  { bytes = Number.POSITIVE_INFINITY, milliseconds = Number.POSITIVE_INFINITY, from = 0 },
): Delivery[] {
  const inflight: { bytes: number; underWay: number; sentAt: number; ackedAt: number }[] = [];
  const done: Delivery[] = [];
  let now = from;
  let left = bytes;
  let passedAt = from;
  let appliedAt = from;
  while (now - from < milliseconds) {
    for (;;) {
      const underWay = inflight.reduce((sum, batch) => sum + batch.bytes, 0);
      const size = Math.min(left, pace.batchBytes);
      if (size === 0 || inflight.length >= MOST_BATCHES || (underWay > 0 && underWay + size > pace.windowBytes)) break;
      passedAt = Math.max(passedAt, now) + (size / link.bytesPerSecond) * 1000;
      appliedAt = Math.max(appliedAt, passedAt + link.roundTripMs / 2) + (link.applyMs ?? 0);
      inflight.push({ bytes: size, underWay: underWay + size, sentAt: now, ackedAt: appliedAt + link.roundTripMs / 2 });
      left -= size;
    }
    const first = inflight.shift();
    if (first === undefined) break;
    now = first.ackedAt;
    pace.acked({ underWay: first.underWay, tookMs: now - first.sentAt });
    done.push({ sentAt: first.sentAt, ackedAt: now, bytes: first.bytes, windowBytes: pace.windowBytes });
  }
  return done;
}

const newPace = () => new Pace(MOST_BYTES, MOST_BATCH_BYTES);
const tookMs = ({ sentAt, ackedAt }: Delivery) => ackedAt - sentAt;
const last = (deliveries: Delivery[]) => deliveries.at(-1)?.ackedAt ?? 0;

describe('a good link', () => {
  test('fills its window within a few round trips', () => {
    for (const roundTripMs of [5, 20, 100, 300]) {
      const done = send(newPace(), { bytesPerSecond: 12_500_000, roundTripMs }, { bytes: 20_000_000 });
      const full = done.find(({ windowBytes }) => windowBytes === MOST_BYTES);
      assert.ok(full !== undefined && full.ackedAt <= 5 * roundTripMs + 100, `${roundTripMs}: ${full?.ackedAt}`);
    }
  });

  test('takes 120 KB at 100 ms round trip in three of them, even with 10 ms for each transaction', () => {
    const link = { bytesPerSecond: 1_250_000, roundTripMs: 100, applyMs: 10 };
    const done = send(newPace(), link, { bytes: 120_000 });
    assert.ok(last(done) < 450, `${last(done)} ms`);
  });

  test('goes on with what it has learned after a pause', () => {
    const pace = newPace();
    send(pace, { bytesPerSecond: 1_250_000, roundTripMs: 100 }, { bytes: 2_000_000 });
    const done = send(pace, { bytesPerSecond: 1_250_000, roundTripMs: 100 }, { bytes: 120_000 });
    assert.ok(last(done) < 250, `${last(done)} ms`);
  });
});

describe('a slow link', () => {
  test('of 1 KB/s soon has but seconds under way, and loses nothing of its rate', () => {
    const link = { bytesPerSecond: 1_000, roundTripMs: 200 };
    const done = send(newPace(), link, { milliseconds: 300_000 });
    const settled = done.filter(({ sentAt }) => sentAt > 40_000);
    assert.ok(Math.max(...settled.map(tookMs)) <= 6_000, `${Math.max(...settled.map(tookMs))} ms`);
    assert.ok(Math.max(...settled.map(({ bytes }) => bytes)) <= 2_048);
    const bytes = settled.reduce((sum, batch) => sum + batch.bytes, 0);
    assert.ok(bytes > 0.95 * (last(settled) - 40_000), `${bytes} bytes`);
  });

  test('has its first ack after the 4 KiB of its first batch', () => {
    const [first] = send(newPace(), { bytesPerSecond: 1_000, roundTripMs: 200 }, { bytes: 100_000 });
    assert.ok(first !== undefined && first.ackedAt < 4_500);
  });
});

test('a link that becomes slow is given less, and more again when it is good again', () => {
  const pace = newPace();
  const good = { bytesPerSecond: 1_250_000, roundTripMs: 50 };
  send(pace, good, { bytes: 5_000_000 });
  assert.equal(pace.windowBytes, MOST_BYTES);
  send(pace, { bytesPerSecond: 2_000, roundTripMs: 50 }, { bytes: 2_000_000 });
  assert.ok(pace.windowBytes <= 4 * 1024, `${pace.windowBytes}`);
  const done = send(pace, good, { bytes: 3_000_000 });
  assert.equal(pace.windowBytes, MOST_BYTES);
  assert.ok(last(done) < 3_500, `${last(done)} ms`);
});

test('one slow transaction costs half of the window and no more', () => {
  const pace = newPace();
  send(pace, { bytesPerSecond: 1_250_000, roundTripMs: 100 }, { bytes: 5_000_000 });
  pace.acked({ underWay: 200, tookMs: 5_000 });
  assert.equal(pace.windowBytes, MOST_BYTES / 2);
});

test('small changes on a quiet link leave its window as it is', () => {
  const pace = newPace();
  const before = pace.windowBytes;
  for (let n = 0; n < 100; n += 1) pace.acked({ underWay: 200, tookMs: 100 + (n % 7) * 20 });
  assert.equal(pace.windowBytes, before);
});

test('on any link from 0.5 KB/s to 100 Mbit/s and 5 ms to 2 s the rate is used and nothing waits for long', (t) => {
  const links = fc.record({
    bytesPerSecond: fc.double({ min: Math.log(500), max: Math.log(12_500_000), noNaN: true }).map(Math.exp),
    roundTripMs: fc.integer({ min: 5, max: 2_000 }),
    applyMs: fc.integer({ min: 0, max: 20 }),
  });
  let worst = 1;
  fc.assert(
    fc.property(links, (link) => {
      const { bytesPerSecond, roundTripMs, applyMs } = link;
      const pace = newPace();
      // Some batches until it has learned, then half a minute and hundred batches at least.
      const learned = last(send(pace, link, { milliseconds: 80_000 }));
      const done = send(pace, link, { milliseconds: 120_000, from: learned });
      const seconds = (last(done) - learned) / 1000;
      const rate = done.reduce((sum, { bytes }) => sum + bytes, 0) / seconds;
      // A full window each round trip, or a full batch each transaction, is all that the bounds allow.
      const possible = Math.min(
        bytesPerSecond,
        MOST_BYTES / ((roundTripMs + applyMs) / 1000),
        applyMs === 0 ? Number.POSITIVE_INFINITY : pace.batchBytes / (applyMs / 1000),
      );
      worst = Math.min(worst, rate / possible);
      assert.ok(rate > 0.6 * possible, `${rate} of ${possible} bytes a second`);
      const batchMs = (2 * 4_096 * 1000) / bytesPerSecond;
      const bound = 2 * roundTripMs + 2_500 + batchMs + MOST_BATCHES * applyMs;
      const longest = Math.max(...done.map(tookMs));
      assert.ok(longest <= bound, `${longest} of ${bound} ms`);
    }),
    { numRuns: 300 },
  );
  t.diagnostic(`least share of the rate that was possible: ${(worst * 100).toFixed(0)} %`);
});
