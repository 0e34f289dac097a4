import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import type { Report, ReportOutcome } from '@hawser/protocol';
import fc from 'fast-check';
import { createPlainQueue } from './testing/plain-queue.ts';

const DONE: ReportOutcome = { type: 'applied', uid: 'u', resourceVersion: '1', name: 'n' };

function report(number: number, name: string, body = ''): Report {
  return {
    number,
    resource: 'pods',
    namespace: 'web',
    name,
    uid: undefined,
    subresource: '',
    operation: { type: 'update', body },
  };
}

/** A queue whose reports run until the test ends them. */
function harness(limits: { concurrency: number; reportsPerLane: number; bytesPerLane?: number; bytes?: number }) {
  const started: string[] = [];
  const full: string[] = [];
  const ends = new Map<string, () => void>();
  const queue = createPlainQueue({
    ...limits,
    onFull: (bound) => full.push(bound),
    perform: (node, { number }) =>
      new Promise((resolve) => {
        started.push(`${node}#${number}`);
        ends.set(`${node}#${number}`, () => resolve(DONE));
      }),
  });
  return {
    queue,
    started,
    full,
    async end(which: string) {
      const finish = ends.get(which);
      assert.ok(finish !== undefined, `${which} does not run`);
      ends.delete(which);
      finish();
      await turn();
    },
    running: () => [...ends.keys()],
  };
}

const nothing = () => undefined;

test('reports of one object run one after the other, others beside them', async () => {
  const { queue, started, end } = harness({ concurrency: 10, reportsPerLane: 10 });
  const answered: number[] = [];
  const lane = queue.open('a', (number) => answered.push(number), nothing);
  lane.push(report(1, 'x'));
  lane.push(report(2, 'x'));
  lane.push(report(3, 'y'));
  assert.deepEqual(started, ['a#1', 'a#3']);
  await end('a#1');
  assert.deepEqual(started, ['a#1', 'a#3', 'a#2']);
  await end('a#3');
  await end('a#2');
  assert.deepEqual(answered, [1, 3, 2]);
});

test('nodes take turns when the pool is full', async () => {
  const { queue, started, end } = harness({ concurrency: 1, reportsPerLane: 10 });
  const a = queue.open('a', nothing, nothing);
  const b = queue.open('b', nothing, nothing);
  for (const n of [1, 2, 3]) a.push(report(n, `pod-${n}`));
  for (const n of [1, 2]) b.push(report(n, `pod-${n}`));
  for (const which of ['a#1', 'a#2', 'b#1', 'a#3', 'b#2']) await end(which);
  assert.deepEqual(started, ['a#1', 'a#2', 'b#1', 'a#3', 'b#2']);
  assert.deepEqual(queue.counts(), { waiting: 0, running: 0 });
});

test('a lane is full at its bound and says when it has room again', async () => {
  const { queue, end } = harness({ concurrency: 1, reportsPerLane: 2 });
  let room = 0;
  const lane = queue.open('a', nothing, () => {
    room += 1;
  });
  lane.push(report(1, 'x'));
  assert.equal(lane.isFull(), false);
  lane.push(report(2, 'y'));
  assert.equal(lane.isFull(), true);
  await end('a#1');
  assert.equal(lane.isFull(), false);
  assert.equal(room, 1);
});

test('a lane is full when its bodies are large', () => {
  const { queue, full } = harness({ concurrency: 1, reportsPerLane: 100, bytesPerLane: 1024 * 1024 });
  const lane = queue.open('a', nothing, nothing);
  lane.push(report(1, 'x', 'x'.repeat(1024 * 1024)));
  assert.equal(lane.isFull(), true);
  lane.push(report(2, 'x'));
  assert.deepEqual(full, ['limits.reportBytesPerSession']);
});

test('when all lanes together have too much, those that have anything are full, and the others may bring one report', async () => {
  const { queue, full, end } = harness({ concurrency: 1, reportsPerLane: 100, bytes: 1_000 });
  const rooms: string[] = [];
  const lanes = ['a', 'b', 'c'].map((name) => queue.open(name, nothing, () => rooms.push(name)));
  const [a, b, c] = lanes;
  assert.ok(a !== undefined && b !== undefined && c !== undefined);
  a.push(report(1, 'x', 'x'.repeat(900)));
  b.push(report(1, 'x', 'x'.repeat(50)));
  assert.deepEqual([a.isFull(), b.isFull(), c.isFull()], [false, false, false]);
  b.push(report(2, 'y', 'x'.repeat(50)));
  assert.deepEqual([a.isFull(), b.isFull(), c.isFull()], [true, true, false]);
  c.push(report(1, 'x', 'x'.repeat(200)));
  assert.deepEqual(full, ['limits.reportBytes', 'limits.reportBytes']);
  assert.equal(queue.bytes(), 1_200);
  await end('a#1');
  assert.equal(queue.bytes(), 300);
  assert.deepEqual([a.isFull(), b.isFull(), c.isFull()], [false, false, false]);
  assert.deepEqual(rooms.sort(), ['b', 'c'], 'whoever was told that it is full');
  b.close();
  assert.equal(queue.bytes(), 250, 'what runs is finished');
  await end('b#1');
  await end('c#1');
  assert.equal(queue.bytes(), 0);
});

test('after a reconnect a report waits for the same object of the old link, whose answer goes nowhere', async () => {
  const { queue, started, end } = harness({ concurrency: 10, reportsPerLane: 10 });
  const answered: string[] = [];
  const before = queue.open('a', (n) => answered.push(`before ${n}`), nothing);
  before.push(report(1, 'x'));
  before.push(report(2, 'x'));
  before.close();
  const after = queue.open('a', (n) => answered.push(`after ${n}`), nothing);
  after.push(report(1, 'x'));
  assert.deepEqual(started, ['a#1']);
  await end('a#1');
  assert.deepEqual(started, ['a#1', 'a#1']);
  await end('a#1');
  assert.deepEqual(answered, ['after 1']);
});

test('stopping waits for what runs and begins nothing more', async () => {
  const { queue, started, end } = harness({ concurrency: 1, reportsPerLane: 10 });
  const lane = queue.open('a', nothing, nothing);
  lane.push(report(1, 'x'));
  lane.push(report(2, 'y'));
  let isStopped = false;
  const stopped = queue.stop().then(() => {
    isStopped = true;
  });
  await turn();
  assert.equal(isStopped, false);
  await end('a#1');
  await stopped;
  assert.deepEqual(started, ['a#1']);
});

test('whatever the order of events: never too many at once, order per object, each answered once', async () => {
  const steps = fc.array(fc.tuple(fc.constantFrom('a', 'b', 'c'), fc.constantFrom('x', 'y'), fc.nat(5)), { maxLength: 60 });
  await fc.assert(
    fc.asyncProperty(steps, async (events) => {
      const { queue, started, end, running } = harness({ concurrency: 2, reportsPerLane: 1000 });
      const answered: string[] = [];
      const lanes = new Map(
        ['a', 'b', 'c'].map((node) => [node, queue.open(node, (n) => answered.push(`${node}#${n}`), nothing)]),
      );
      const pushed: { which: string; object: string }[] = [];
      for (const [index, [node, name, ends]] of events.entries()) {
        lanes.get(node)?.push(report(index + 1, name));
        pushed.push({ which: `${node}#${index + 1}`, object: `${node}/${name}` });
        assert.ok(running().length <= 2);
        const which = running()[ends];
        if (which !== undefined) await end(which);
      }
      for (let which = running()[0]; which !== undefined; which = running()[0]) await end(which);
      assert.deepEqual([...answered].sort(), pushed.map(({ which }) => which).sort());
      for (const object of new Set(pushed.map(({ object }) => object))) {
        const inOrder = pushed.filter((item) => item.object === object).map(({ which }) => which);
        assert.deepEqual(
          started.filter((which) => inOrder.includes(which)),
          inOrder,
        );
      }
    }),
    { numRuns: 50 },
  );
});
