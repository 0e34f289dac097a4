import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Flow, type FlowShape } from './flow.ts';

/** Takes at each time that the flow names, until it is empty or the time is over. Returns what arrived when. */
function run(flow: Flow, from = 0, to = Number.POSITIVE_INFINITY): { at: number; bytes: number }[] {
  const arrived: { at: number; bytes: number }[] = [];
  for (let at: number | undefined = from; at !== undefined && at <= to; at = flow.nextAt()) {
    const bytes = flow.take(at).reduce((sum, piece) => sum + piece.length, 0);
    if (bytes > 0) arrived.push({ at, bytes });
  }
  return arrived;
}

const FREE: FlowShape = { delayMs: 0, bytesPerSecond: Number.POSITIVE_INFINITY };

test('without limits bytes arrive at once, and with a delay after it, however many', () => {
  const flow = new Flow(FREE);
  flow.push(Buffer.from('abc'), 0);
  assert.equal(Buffer.concat(flow.take(0)).toString(), 'abc');
  flow.shape = { ...FREE, delayMs: 100 };
  flow.push(Buffer.alloc(1_000_000), 5);
  assert.deepEqual(flow.take(104), []);
  assert.deepEqual(run(flow), [{ at: 105, bytes: 1_000_000 }]);
});

test('over a slow link bytes trickle: none waits for the end of its chunk', () => {
  const flow = new Flow({ delayMs: 0, bytesPerSecond: 1_000 });
  flow.push(Buffer.alloc(16_000), 0);
  const arrived = run(flow);
  assert.equal(arrived.at(-1)?.at, 16_000);
  assert.ok(arrived.length >= 800 && arrived.every(({ bytes }) => bytes <= 20));
});

test('a rate is held over idle times, which save up nothing', () => {
  const flow = new Flow({ delayMs: 10, bytesPerSecond: 1_000 });
  flow.push(Buffer.alloc(1_000), 0);
  assert.equal(run(flow).at(-1)?.at, 1_010);
  flow.push(Buffer.alloc(1_000), 60_000);
  assert.equal(run(flow, 60_000).at(-1)?.at, 61_010);
});

test('another shape holds from then on for what waits', () => {
  const flow = new Flow({ delayMs: 0, bytesPerSecond: 100 });
  flow.push(Buffer.alloc(10_000), 0);
  const before = run(flow, 0, 10_000).reduce((sum, { bytes }) => sum + bytes, 0);
  assert.ok(before > 1_000 - 16 && before <= 1_000, `${before}`);
  flow.shape = { delayMs: 0, bytesPerSecond: 9_000 };
  const last = run(flow, 10_000).at(-1);
  assert.ok(last !== undefined && last.at > 10_900 && last.at < 11_010, `${last?.at}`);
});

test('the queue before the bottleneck is full at 16 KiB, and has room again when bytes have passed', () => {
  const flow = new Flow({ delayMs: 0, bytesPerSecond: 1_024 });
  flow.push(Buffer.alloc(16 * 1024), 0);
  assert.equal(flow.isFull, true);
  flow.take(1_000);
  assert.equal(flow.isFull, false);
});

test('whatever is pushed arrives whole and in order, never before its delay and never faster than the rate', () => {
  const chunk = fc.record({ bytes: fc.uint8Array({ maxLength: 300 }), gap: fc.nat(200) });
  const shape = fc.record({ delayMs: fc.nat(500), bytesPerSecond: fc.integer({ min: 50, max: 100_000 }) });
  fc.assert(
    fc.property(fc.array(chunk, { maxLength: 20 }), shape, (chunks, limits) => {
      const flow = new Flow(limits);
      const arrived: Buffer[] = [];
      let now = 0;
      const begin = chunks[0]?.gap ?? 0;
      for (const { bytes, gap } of chunks) {
        now += gap;
        flow.push(Buffer.from(bytes), now);
        arrived.push(...flow.take(now));
      }
      for (let at = flow.nextAt(); at !== undefined; at = flow.nextAt()) {
        now = Math.max(now, at);
        arrived.push(...flow.take(now));
      }
      const expected = Buffer.concat(chunks.map(({ bytes }) => bytes));
      assert.deepEqual(Buffer.concat(arrived), expected);
      assert.ok(flow.isEmpty);
      if (expected.length > 0) {
        const least = begin + limits.delayMs + (expected.length / limits.bytesPerSecond) * 1000;
        assert.ok(now >= least - 1e-6 * least, `${now} < ${least}`);
      }
    }),
  );
});
