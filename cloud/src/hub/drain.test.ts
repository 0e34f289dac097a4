import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import type { QueryAnswer, ReportOutcome } from '@hawser/protocol';
import { pino } from 'pino';
import { ManualClock } from '../downstream/testing/manual-clock.ts';
import { createPlainQueue } from '../upstream/testing/plain-queue.ts';
import type { Ending } from './close-codes.ts';
import { Drain, type Movable } from './drain.ts';
import { batchOf, edge1, edge2, report, start, upgrade } from './testing/harness.ts';

const QUESTION = { type: 'get', resource: 'configmaps', namespace: 'web', name: 'app' } as const;

/** Links that end as soon as they are told to, or when the test says so. */
function drainOf(count: number, seconds: number, isPatient = false) {
  const clock = new ManualClock();
  const time = () => clock.now().getTime();
  const links = new Set<Movable>();
  const told: number[] = [];
  const waits: number[] = [];
  const add = () => {
    const link: Movable = {
      moveAway({ retryAfterMs }: Ending) {
        told.push(time());
        waits.push(retryAfterMs);
        if (!isPatient) links.delete(link);
      },
    };
    links.add(link);
    return link;
  };
  for (let n = 0; n < count; n += 1) add();
  const logger = pino({ level: 'silent' });
  let isOver = false;
  const drain = new Drain({ links: () => [...links], seconds, clock, random: () => 0.5, logger });
  void drain.over.then(() => {
    isOver = true;
  });
  return {
    clock,
    time,
    told,
    waits,
    links,
    drain,
    add,
    async isOver() {
      await Promise.resolve();
      return isOver;
    },
  };
}

test('sessions are told by and by, and the drain is over when the last has gone', async () => {
  const { clock, time, told, links, isOver } = drainOf(95, 30);
  assert.equal(told.length, 9);
  while (links.size > 0) {
    assert.equal(await isOver(), false);
    const before = told.length;
    clock.advance(200);
    assert.ok(told.length - before <= 20, 'two groups at most');
  }
  assert.equal(told.length, 95);
  assert.ok(time() - (told[0] ?? 0) <= 2_200);
  assert.equal(await isOver(), true);
});

test('sessions that stay are waited for until the time is over', async () => {
  const { clock, told, links, isOver } = drainOf(3, 30, true);
  assert.equal(told.length, 3);
  clock.advance(29_999);
  assert.equal(await isOver(), false);
  clock.advance(1);
  assert.equal(await isOver(), true);
  assert.equal(links.size, 3);
});

test('a session that begins after the last group was told is told at once, and one before it with the others', async () => {
  const { clock, told, drain, add, isOver } = drainOf(40, 30);
  drain.begun(add());
  clock.advance(1_000);
  assert.equal(told.length, 41);
  assert.equal(await isOver(), true);
  const late = drainOf(5, 30, true);
  late.drain.begun(late.add());
  assert.equal(late.told.length, 6);
});

test('where nobody is linked it is over at once', async () => {
  assert.equal(await drainOf(0, 300).isOver(), true);
});

test('a hub that drains refuses links, and moves a session that has nothing under way at once, with a wait of a moment', async (t) => {
  const { hub, dial, counted } = await start(t);
  const agent = await dial();
  await agent.greet();
  const over = hub.drain(30);
  const { goodbye, code } = await agent.goodbye();
  assert.deepEqual([goodbye.reason, code], ['shuttingDown', 4010]);
  assert.match(goodbye.detail, /^moved: /);
  assert.ok(goodbye.retryAfterMs <= 200);
  const { status, retryAfter } = await upgrade(hub.port, edge2);
  assert.deepEqual([status, retryAfter], [503, '1']);
  await over;
  await counted('drained moved');
  await counted('ended moved');
});

test('reports, questions and batches under way are answered before the goodbye; what comes after is not begun', async (t) => {
  const performed: string[] = [];
  let finish: (outcome: ReportOutcome) => void = () => assert.fail('no report');
  const begun = Promise.withResolvers<void>();
  let give: (id: number, answer: QueryAnswer) => void = () => assert.fail('no session');
  let asked = 0;
  const { hub, dial, sessions } = await start(t, {
    reports: createPlainQueue({
      concurrency: 4,
      reportsPerLane: 4,
      perform: (node) => {
        performed.push(node);
        begun.resolve();
        return new Promise((resolve) => {
          finish = resolve;
        });
      },
    }),
    queries: {
      open(_node, _dictionary, onAnswer) {
        give = onAnswer;
        return {
          ask: () => {
            asked += 1;
          },
          cancel: () => undefined,
          outstanding: () => asked,
          close: () => undefined,
        };
      },
    },
  });
  const agent = await dial();
  await agent.greet();
  const [session] = sessions;
  assert.ok(session !== undefined);
  agent.send(report(1));
  agent.send({ type: 'query', query: { id: 1, deadlineMs: 60_000, question: QUESTION } });
  await begun.promise;
  while (asked === 0) await new Promise(setImmediate);
  session.outgoing.push([batchOf(100)]);
  session.counted = { inflightBatches: 1 };
  session.wake();
  assert.equal((await agent.next()).type, 'batch');

  const over = hub.drain(30);
  agent.send(report(2, 'back'));
  agent.send({ type: 'query', query: { id: 2, deadlineMs: 60_000, question: QUESTION } });
  const refused = await agent.next();
  assert.ok(refused.type === 'queryAnswer' && refused.answer.type === 'unavailable' && refused.id === 2);
  finish({ type: 'applied', uid: 'u', resourceVersion: '1', name: 'front' });
  const answered = await agent.next();
  assert.ok(answered.type === 'reportAnswer' && answered.number === 1);
  asked = 0;
  give(1, { type: 'notFound', code: 404, reason: 'NotFound', message: '' });
  assert.equal((await agent.next()).type, 'queryAnswer');
  session.outgoing.push([batchOf(100)]);
  session.wake();
  session.counted = {};
  agent.send({ type: 'ack', number: 1, digest: '0'.repeat(32), nacks: [] });
  const { goodbye, code } = await agent.goodbye();
  assert.deepEqual([goodbye.reason, code], ['shuttingDown', 4010]);
  assert.equal(session.outgoing.length, 1, 'no further batch was begun');
  assert.deepEqual(performed, ['edge-1']);
  await over;
});

test('what is not answered when the time is over is closed, and counted', async (t) => {
  const { hub, dial, sessions, counted } = await start(t);
  const agent = await dial(edge1);
  await agent.greet();
  const [session] = sessions;
  assert.ok(session !== undefined);
  session.counted = { inflightBatches: 1 };
  await hub.drain(0);
  const closed = once(agent.socket, 'close');
  await hub.stop();
  await counted('drained cut');
  assert.equal((await closed)[0], 1001);
});
