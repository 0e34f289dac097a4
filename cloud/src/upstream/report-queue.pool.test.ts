import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import type { Report, ReportOutcome } from '@hawser/protocol';
import { ManualClock } from '../downstream/testing/manual-clock.ts';
import { CallPool } from './call-pool.ts';
import { createReportQueue } from './report-queue.ts';

const DONE: ReportOutcome = { type: 'applied', uid: 'u', resourceVersion: '1', name: 'n' };

function report(number: number, name: string, resource = 'pods'): Report {
  const operation = { type: 'patch', patchType: 'strategic', body: '{}' } as const;
  return { number, resource, namespace: 'web', name, uid: 'u', subresource: '', operation };
}

type Reply = 'good' | { readonly retryAfterMs: number | undefined };

/** Queue and pool as they are, in front of an API server that takes `callMs` for each call. */
function harness(options: {
  concurrency: number;
  callsPerSecond: number;
  callMs: number;
  reply?: (nowMs: number, node: string) => Reply;
}) {
  const { concurrency, callsPerSecond, callMs, reply = () => 'good' as const } = options;
  const clock = new ManualClock();
  const startMs = clock.now().getTime();
  const nowMs = () => clock.now().getTime() - startMs;
  const random = seeded();
  const started: { node: string; number: number; name: string; atMs: number }[] = [];
  let atApi = 0;
  let most = 0;
  const pool = new CallPool({ callsPerSecond, clock, random, onState: (_state, { reason }) => queue.poolChanged(reason) });
  const queue = createReportQueue<string>({
    concurrency,
    bytesPerLane: 1024 * 1024,
    bytes: 256 * 1024 * 1024,
    onFull: () => undefined,
    reportsPerLane: 64,
    pool,
    callsPerSecond,
    clock,
    random,
    openSession: (node) => node,
    perform(node, { number, name }) {
      started.push({ node, number, name, atMs: nowMs() });
      const call = pool.begin(node);
      atApi += 1;
      most = Math.max(most, atApi);
      return new Promise((resolve) => {
        clock.after(callMs, () => {
          atApi -= 1;
          const said = reply(nowMs(), node);
          if (said === 'good') {
            pool.end(call, 'good', undefined, '');
            resolve(DONE);
          } else {
            pool.end(call, 'overload', said.retryAfterMs, 'busy');
            resolve({ type: 'unavailable', retryAfterMs: said.retryAfterMs ?? 2_000, message: 'busy' });
          }
        });
      });
    },
  });
  return {
    clock,
    queue,
    pool,
    started,
    nowMs,
    most: () => most,
    async pass(milliseconds: number, stepMs = 1) {
      for (let passed = 0; passed < milliseconds; passed += stepMs) {
        clock.advance(stepMs);
        await turn();
      }
    },
  };
}

function seeded(): () => number {
  let state = 7;
  return () => {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648;
    return state / 2_147_483_648;
  };
}

const nothing = () => undefined;

test('a node with 10,000 reports delays each of 100 quiet ones by its turn', async () => {
  const { queue, started, pass } = harness({ concurrency: 8, callsPerSecond: 200, callMs: 5 });
  const flood = queue.open('flood', nothing, nothing);
  for (let n = 1; n <= 10_000; n += 1) flood.push(report(n, `pod-${n}`));
  await pass(2_000);
  const before = started.length;
  for (let n = 0; n < 100; n += 1) queue.open(`quiet-${n}`, nothing, nothing).push(report(1, 'front'));
  await pass(1_000);
  const after = started.slice(before);
  const quiet = after.flatMap(({ node }, index) => (node === 'flood' ? [] : [index]));
  assert.equal(quiet.length, 100);
  // The flood has one turn among them, and what ran at the time.
  assert.ok((quiet.at(-1) ?? Number.POSITIVE_INFINITY) <= 101, `the last quiet report was number ${quiet.at(-1)}`);
  assert.ok(after.length > 150, 'the flood goes on');
});

test('a status does not wait for the Events before it, and Events do not wait for ever for statuses', async () => {
  const { queue, started, pass } = harness({ concurrency: 1, callsPerSecond: 1_000, callMs: 1 });
  const lane = queue.open('a', nothing, nothing);
  for (let n = 1; n <= 2_000; n += 1) lane.push(report(n, `e-${n}`, 'events'));
  await pass(10);
  const before = started.length;
  for (let n = 3_001; n <= 3_100; n += 1) lane.push(report(n, `pod-${n}`));
  await pass(200);
  const after = started.slice(before, before + 140);
  const statuses = after.flatMap(({ number }, index) => (number > 3_000 ? [index] : []));
  assert.equal(statuses.length, 100);
  assert.ok((statuses[0] ?? 9) <= 2);
  const events = after.slice(0, 132).filter(({ number }) => number <= 2_000).length;
  assert.ok(events >= 30, `${events} Events among the statuses`);
});

test('calls begin at the rate of the settings, over all nodes', async () => {
  const { queue, started, pass } = harness({ concurrency: 32, callsPerSecond: 100, callMs: 5 });
  for (const node of ['a', 'b', 'c']) {
    const lane = queue.open(node, nothing, nothing);
    for (let n = 1; n <= 400; n += 1) lane.push(report(n, `pod-${n}`));
  }
  await pass(5_000);
  assert.ok(started.length >= 590 && started.length <= 601, `${started.length} in 5 s, 100 of them saved up`);
});

/** An agent as ours is: 32 in flight, one of each object, and a pause for as long as it is asked to. */
function agent(world: ReturnType<typeof harness>, node: string, objects: number, perObject: number) {
  const outbox = Array.from({ length: objects * perObject }, (_, index) => report(index + 1, `pod-${index % objects}`));
  const open = new Map(outbox.map((entry) => [entry.number, entry]));
  const flying = new Map<number, string>();
  const waits: number[] = [];
  let cancel: (() => void) | undefined;
  const lane = world.queue.open(
    node,
    (number, outcome) => {
      flying.delete(number);
      if (outcome.type !== 'unavailable') {
        open.delete(number);
        pump();
        return;
      }
      waits.push(outcome.retryAfterMs);
      cancel?.();
      cancel = world.clock.after(outcome.retryAfterMs, () => {
        cancel = undefined;
        pump();
      });
    },
    nothing,
  );
  function pump(): void {
    if (cancel !== undefined) return;
    for (const entry of [...open.values()]) {
      if (flying.size >= 32) return;
      if ([...flying.values()].includes(entry.name)) continue;
      flying.set(entry.number, entry.name);
      lane.push(entry);
    }
  }
  pump();
  return { left: () => open.size, waits };
}

test('a server that takes 50 calls a second and refuses the rest with Retry-After is not asked for much more, and all is delivered in order', async () => {
  let second = -1;
  let taken = 0;
  let refused = 0;
  const world = harness({
    concurrency: 32,
    callsPerSecond: 1_000,
    callMs: 5,
    reply(nowMs) {
      if (Math.floor(nowMs / 1000) !== second) {
        second = Math.floor(nowMs / 1000);
        taken = 0;
      }
      taken += 1;
      if (taken <= 50) return 'good';
      refused += 1;
      return { retryAfterMs: 1_000 };
    },
  });
  const agents = Array.from({ length: 20 }, (_, n) => agent(world, `edge-${n}`, 10, 5));
  for (let seconds = 0; seconds < 400 && agents.some(({ left }) => left() > 0); seconds += 1) await world.pass(1_000, 5);
  assert.deepEqual(
    agents.map(({ left }) => left()),
    agents.map(() => 0),
  );
  assert.ok(refused < 1_000, `${refused} of ${world.started.length} calls were refused`);
  const last = new Map<string, number>();
  for (const { node, name, number } of world.started) {
    const object = `${node}/${name}`;
    assert.ok((last.get(object) ?? 0) <= number, 'an older report of an object came after a newer one');
    last.set(object, number);
  }
});

test('no call begins before the time of Retry-After, and agents are asked for it and a random time more', async () => {
  let isDown = true;
  const world = harness({
    concurrency: 32,
    callsPerSecond: 1_000,
    callMs: 5,
    reply: () => (isDown ? { retryAfterMs: 20_000 } : 'good'),
  });
  const agents = Array.from({ length: 200 }, (_, n) => agent(world, `edge-${n}`, 4, 1));
  await world.pass(10);
  isDown = false;
  assert.equal(world.queue.counts().waiting, 0, 'the outboxes are the better place to wait');
  const begun = world.started.length;
  assert.ok(begun <= 32);
  await world.pass(19_900, 10);
  assert.equal(world.started.length, begun);
  const waits = agents.map(({ waits }) => waits.at(-1) ?? 0).sort((a, b) => a - b);
  const least = waits[0] ?? 0;
  const most = waits.at(-1) ?? 0;
  assert.ok(least >= 19_990, `${least} ms is before the server's time`);
  // 200 agents with 32 reports each come back within 6.4 s.
  assert.ok(most - least > 4_000 && most - least < 7_500, `${most - least} ms between the first and the last`);
  await world.pass(12_000, 10);
  assert.deepEqual(
    agents.filter(({ left }) => left() > 0),
    [],
  );
});

test('a short pause is waited for here, and costs the devices nothing', async () => {
  let isDown = true;
  const world = harness({
    concurrency: 4,
    callsPerSecond: 1_000,
    callMs: 5,
    reply: () => (isDown ? { retryAfterMs: 1_000 } : 'good'),
  });
  const lane = world.queue.open('a', nothing, nothing);
  for (let n = 1; n <= 40; n += 1) lane.push(report(n, `pod-${n}`));
  await world.pass(10);
  isDown = false;
  assert.equal(world.queue.counts().waiting, 36);
  await world.pass(2_100);
  assert.deepEqual(world.queue.counts(), { waiting: 0, running: 0 });
});

test('behind a report that could not be taken, those of its object are not tried', async () => {
  let calls = 0;
  const world = harness({
    concurrency: 4,
    callsPerSecond: 1_000,
    callMs: 5,
    reply: () => {
      calls += 1;
      return calls === 1 ? { retryAfterMs: 100 } : 'good';
    },
  });
  const answers: [number, string][] = [];
  const lane = world.queue.open('a', (number, { type }) => answers.push([number, type]), nothing);
  for (const n of [1, 2, 3]) lane.push(report(n, 'front'));
  await world.pass(20);
  assert.deepEqual(answers, [
    [1, 'unavailable'],
    [2, 'unavailable'],
    [3, 'unavailable'],
  ]);
  assert.equal(calls, 1);
  assert.deepEqual(world.queue.counts(), { waiting: 0, running: 0 });
});

test('never more calls at a time than the pool has room for', async () => {
  const world = harness({ concurrency: 3, callsPerSecond: 1_000, callMs: 20 });
  for (const node of ['a', 'b']) {
    const lane = world.queue.open(node, nothing, nothing);
    for (let n = 1; n <= 50; n += 1) lane.push(report(n, `pod-${n}`));
  }
  await world.pass(500);
  assert.equal(world.most(), 3);
});
