import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import {
  type CancelQuery,
  encodeBody,
  HawserError,
  MAX_OPEN_QUERIES,
  MAX_QUERY_MS,
  type QueryAnswer,
  type QueryMessage,
  type Question,
} from '@hawser/protocol';
import fc from 'fast-check';
import { pino } from 'pino';
import { simulatedClock } from '../link/simulated-clock.ts';
import { type CloudAnswer, createQueries, DEFAULT_QUERY_MS, isRepeatable, MAX_ASKERS, MAX_HELD_SIZE } from './queries.ts';

function get(name: string, resource = 'configmaps'): Question {
  return { type: 'get', resource, namespace: 'shop', name };
}

function submit(resource: string, subresource: string, body = '{}'): Question {
  return { type: 'submit', resource, namespace: 'shop', name: 'web', subresource, body };
}

function bodyOf(name: string): string {
  return JSON.stringify({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, namespace: 'shop', uid: 'u' } });
}

function found(name: string): QueryAnswer {
  return { type: 'found', cached: false, body: encodeBody(bodyOf(name)) };
}

const NOT_FOUND: QueryAnswer = { type: 'notFound', code: 404, reason: 'NotFound', message: 'not there' };

function harness(refuse: (message: QueryMessage | CancelQuery) => void = () => {}) {
  const clock = simulatedClock();
  const messages: (QueryMessage | CancelQuery)[] = [];
  const queries = createQueries({
    send: (message) => {
      refuse(message);
      messages.push(message);
    },
    clock,
    logger: pino({ level: 'silent' }),
  });
  /** What went over the link: `1 a` for a question by its name, `-1` for a cancel. */
  const sent = () =>
    messages.map((message) =>
      message.type === 'query' ? `${message.query.id} ${message.query.question.name}` : `-${message.id}`,
    );
  return { clock, messages, queries, sent };
}

/** The answer if there is one by now. */
async function settled(asking: Promise<CloudAnswer>): Promise<CloudAnswer | 'nothing yet'> {
  await turn();
  return Promise.race([asking, turn('nothing yet' as const)]);
}

test('without a link a question is answered at once: nothing is known', async () => {
  const { queries, sent } = harness();
  assert.deepEqual(await queries.ask(get('a')), { type: 'offline' });
  assert.deepEqual(sent(), []);
});

test('each kind of answer comes to who asked as what it is', async () => {
  const { queries } = harness();
  queries.up();
  const answers: QueryAnswer[] = [
    found('q'),
    NOT_FOUND,
    { type: 'forbidden', code: 403, reason: 'Forbidden', message: 'no' },
    { type: 'refused', code: 422, reason: 'Invalid', message: 'what' },
    { type: 'unavailable', retryAfterMs: 3_000, message: 'later' },
  ];
  for (const [index, answer] of answers.entries()) {
    const asking = queries.ask(get('q'));
    queries.answer(index + 1, answer);
    assert.deepEqual(await asking, answer.type === 'found' ? { ...answer, body: bodyOf('q') } : answer);
  }
  const { answered } = queries.stats();
  assert.deepEqual(answered, { found: 1, notFound: 1, forbidden: 1, refused: 1, unavailable: 1, offline: 0, unknownOutcome: 0 });
});

test('questions run side by side: a slow one holds up none', async () => {
  const { queries, sent } = harness();
  queries.up();
  const slow = queries.ask(get('slow'));
  const quick = queries.ask(get('quick'));
  assert.deepEqual(sent(), ['1 slow', '2 quick']);
  queries.answer(2, found('quick'));
  assert.equal((await quick).type, 'found');
  assert.equal(await settled(slow), 'nothing yet');
  queries.answer(1, NOT_FOUND);
  assert.equal((await slow).type, 'notFound');
});

test('the same question asked twice at once is sent once, and again when it was answered', async () => {
  const { queries, sent } = harness();
  queries.up();
  const both = [queries.ask(get('a')), queries.ask(get('a')), queries.ask(get('a', 'secrets'))];
  assert.deepEqual(sent(), ['1 a', '2 a']);
  queries.answer(1, found('a'));
  queries.answer(2, NOT_FOUND);
  assert.deepEqual(
    (await Promise.all(both)).map(({ type }) => type),
    ['found', 'found', 'notFound'],
  );
  void queries.ask(get('a'));
  assert.deepEqual(sent(), ['1 a', '2 a', '3 a']);
});

test('what makes something is sent each time, and only what may be made twice is shared', () => {
  const { queries, sent } = harness();
  queries.up();
  for (const question of [submit('pods', 'eviction'), submit('serviceaccounts', 'token')]) {
    void queries.ask(question);
    void queries.ask(question);
  }
  void queries.ask(submit('serviceaccounts', 'token', '{"spec":{}}'));
  assert.deepEqual(sent(), ['1 web', '2 web', '3 web', '4 web']);
  assert.deepEqual(
    [submit('nodes', ''), submit('certificates.k8s.io/certificatesigningrequests', ''), submit('pods', 'eviction')].map(
      isRepeatable,
    ),
    [false, false, false],
  );
});

test('a deadline that passes is no answer now, the relay is told, and what comes late is ignored', async () => {
  const { clock, queries, messages } = harness();
  queries.up();
  const asking = queries.ask(get('a'), { deadlineMs: 2_000 });
  clock.advance(1_999);
  assert.equal(await settled(asking), 'nothing yet');
  clock.advance(1);
  assert.deepEqual(await asking, { type: 'unavailable', retryAfterMs: 1_000, message: 'no answer within 2000 ms' });
  assert.deepEqual(messages, [
    { type: 'query', query: { id: 1, deadlineMs: 2_000, question: get('a') } },
    { type: 'cancelQuery', id: 1 },
  ]);
  queries.answer(1, found('a'));
  queries.answer(77, found('a'));
  assert.equal(queries.stats().ignored, 2);
});

test('of what is not asked twice nobody knows at the deadline what has come of it, once it was sent', async () => {
  const { clock, queries, sent } = harness();
  queries.up();
  const open = Array.from({ length: MAX_OPEN_QUERIES }, (_, index) =>
    queries.ask({ ...submit('pods', 'eviction'), name: `web-${index}` }, { deadlineMs: 1_000 }),
  );
  const waiting = queries.ask({ ...submit('pods', 'eviction'), name: 'last' }, { deadlineMs: 999 });
  clock.advance(1_000);
  assert.deepEqual(new Set((await Promise.all(open)).map(({ type }) => type)), new Set(['unknownOutcome']));
  assert.equal((await waiting).type, 'unavailable', 'it was never sent');
  assert.ok(!sent().includes(`${MAX_OPEN_QUERIES + 1} last`));
});

test('deadlines are kept within what the protocol takes', () => {
  const { queries, messages } = harness();
  queries.up();
  void queries.ask(get('a'), { deadlineMs: 0 });
  void queries.ask(get('b'), { deadlineMs: 1e12 });
  void queries.ask(get('c'));
  assert.deepEqual(
    messages.map((message) => message.type === 'query' && message.query.deadlineMs),
    [1, MAX_QUERY_MS, DEFAULT_QUERY_MS],
  );
});

test('who joins a question late waits his own time: it is asked anew when the first time is over', async () => {
  const { clock, queries, sent } = harness();
  queries.up();
  const first = queries.ask(get('a'), { deadlineMs: 1_000 });
  clock.advance(900);
  const second = queries.ask(get('a'), { deadlineMs: 1_000 });
  clock.advance(100);
  assert.equal((await first).type, 'unavailable');
  assert.deepEqual(sent(), ['1 a', '-1', '2 a']);
  queries.answer(2, found('a'));
  assert.equal((await second).type, 'found');
});

test('a question is cancelled when all who asked are gone, and not before', async () => {
  const { queries, sent } = harness();
  queries.up();
  const [one, other] = [new AbortController(), new AbortController()];
  const asking = [one, other].map(({ signal }) => queries.ask(get('a'), { signal }));
  const reasons = Promise.allSettled(asking);
  one.abort(new Error('one'));
  assert.deepEqual(sent(), ['1 a']);
  other.abort(new Error('other'));
  assert.deepEqual(sent(), ['1 a', '-1']);
  assert.deepEqual(
    (await reasons).map((result) => result.status === 'rejected' && result.reason.message),
    ['one', 'other'],
  );
  await assert.rejects(queries.ask(get('a'), { signal: AbortSignal.abort(new Error('before')) }), /before/);
  assert.deepEqual(sent(), ['1 a', '-1']);
  assert.equal(queries.stats().abandoned, 2);
});

test('a bounded number is open, and those that wait go in order when one is answered', async () => {
  const { clock, queries, sent } = harness();
  queries.up();
  const asking = Array.from({ length: MAX_OPEN_QUERIES + 2 }, (_, index) => queries.ask(get(`q${index}`), { deadlineMs: 5_000 }));
  assert.equal(sent().length, MAX_OPEN_QUERIES);
  assert.deepEqual([queries.stats().open, queries.stats().waiting], [MAX_OPEN_QUERIES, 2]);
  queries.answer(7, NOT_FOUND);
  assert.equal(sent().at(-1), `${MAX_OPEN_QUERIES + 1} q${MAX_OPEN_QUERIES}`);
  clock.advance(5_000);
  const types = (await Promise.all(asking)).map(({ type }) => type);
  assert.deepEqual(new Set(types), new Set(['notFound', 'unavailable']));
  assert.deepEqual([queries.stats().open, queries.stats().waiting], [0, 0]);
});

test('one asker more than the bound is told that it is not now, and so is a body more', async () => {
  const { queries } = harness();
  queries.up();
  for (let asker = 0; asker < MAX_ASKERS; asker++) void queries.ask(get('a'));
  assert.equal((await queries.ask(get('a'))).type, 'unavailable');
  queries.answer(1, NOT_FOUND);
  const large = 'x'.repeat(MAX_HELD_SIZE);
  void queries.ask(submit('pods', 'eviction', large));
  assert.equal((await queries.ask(submit('pods', 'eviction', 'y'))).type, 'unavailable');
  queries.answer(2, NOT_FOUND);
  assert.equal(await settled(queries.ask(submit('pods', 'eviction', 'y'))), 'nothing yet');
});

test('a question that was open when the link was lost is asked again in the next session, ids anew', async () => {
  const { clock, queries, sent } = harness();
  queries.up();
  const reading = [queries.ask(get('a')), queries.ask(get('b')), queries.ask(submit('serviceaccounts', 'token'))];
  const evicting = queries.ask(submit('pods', 'eviction'));
  queries.answer(1, NOT_FOUND);
  queries.down();
  const unknown = await evicting;
  assert.equal(unknown.type, 'unknownOutcome');
  assert.ok('message' in unknown);
  assert.equal(unknown.message, 'whether it was done is not known: the link was lost before the answer');
  clock.advance(3_000);
  queries.up();
  assert.deepEqual(sent().slice(4), ['1 b', '2 web']);
  queries.answer(1, found('b'));
  queries.answer(2, { type: 'found', cached: false, body: encodeBody('{"kind":"TokenRequest"}') });
  assert.deepEqual(
    (await Promise.all(reading)).map(({ type }) => type),
    ['notFound', 'found', 'found'],
  );
});

test('a link that does not come back by the deadline leaves nothing known', async () => {
  const { clock, queries, sent } = harness();
  queries.up();
  const asking = queries.ask(get('a'));
  queries.down();
  clock.advance(DEFAULT_QUERY_MS);
  assert.deepEqual(await asking, { type: 'offline' });
  queries.up();
  assert.deepEqual(sent(), ['1 a']);
});

test('what no frame can hold is refused as the API server would', async () => {
  const { queries } = harness(() => {
    throw new HawserError('too_large', 'frame too large');
  });
  queries.up();
  const answer = await queries.ask(submit('nodes', ''));
  assert.deepEqual(answer, { type: 'refused', code: 413, reason: 'RequestEntityTooLarge', message: 'frame too large' });
});

test('an answer that is another object, no object, no JSON or no frame is an error of the protocol', async () => {
  const { queries } = harness();
  queries.up();
  const bodies = [
    encodeBody(bodyOf('other')),
    encodeBody('[]'),
    encodeBody('{'),
    encodeBody(`${'['.repeat(300)}${']'.repeat(300)}`),
    { encoding: 'zstd' as const, bytes: Buffer.from('nonsense'), size: 100 },
    { encoding: 'identity' as const, bytes: Buffer.from('{}'), size: 1e9 },
  ];
  for (const [index, body] of bodies.entries()) {
    const asking = queries.ask(get('a'));
    assert.throws(
      () => queries.answer(index + 1, { type: 'found', cached: true, body }),
      (error) => error instanceof HawserError && error.code === 'protocol' && /configmaps\/shop\/a/.test(error.message),
    );
    assert.equal((await asking).type, 'unavailable');
  }
});

test('when the agent ends everybody is told, and nothing is asked any more', async () => {
  const { queries, sent } = harness();
  queries.up();
  const asking = queries.ask(get('a'));
  queries.close();
  assert.deepEqual(await asking, { type: 'offline' });
  queries.up();
  assert.deepEqual(await queries.ask(get('b')), { type: 'offline' });
  assert.deepEqual(sent(), ['1 a']);
});

test('whatever happens in whichever order, each asker has one true answer by its deadline', async () => {
  const name = fc.constantFrom('a', 'b', 'c');
  const step = fc.oneof(
    {
      weight: 4,
      arbitrary: fc.record({
        type: fc.constant('ask' as const),
        name,
        deadlineMs: fc.integer({ min: 1, max: 3_000 }),
        isSubmit: fc.boolean(),
      }),
    },
    {
      weight: 4,
      arbitrary: fc.record({
        type: fc.constant('answer' as const),
        pick: fc.nat(),
        kind: fc.constantFrom('found', 'notFound', 'unavailable', 'malformed'),
      }),
    },
    { weight: 2, arbitrary: fc.record({ type: fc.constant('abort' as const), pick: fc.nat() }) },
    { weight: 2, arbitrary: fc.record({ type: fc.constant('time' as const), ms: fc.nat(2_000) }) },
    fc.record({ type: fc.constant('up' as const) }),
    fc.record({ type: fc.constant('down' as const) }),
    fc.record({ type: fc.constant('late' as const), id: fc.integer({ min: 1, max: 40 }) }),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 80, size: 'max' }), async (steps) => {
      const clock = simulatedClock();
      /** As a relay sees the session. */
      let session = new Map<number, Question>();
      let lastId = 0;
      let isUp = true;
      const queries = createQueries({
        send(message) {
          assert.ok(isUp, 'sent without a link');
          if (message.type === 'cancelQuery') {
            assert.ok(session.delete(message.id), 'cancelled what was not open');
            return;
          }
          const { id, question } = message.query;
          assert.ok(id > lastId, 'ids rise');
          lastId = id;
          const twin = [...session.values()].find((open) => JSON.stringify(open) === JSON.stringify(question));
          assert.ok(twin === undefined || question.type === 'submit', 'a get is open once');
          session.set(id, question);
          assert.ok(session.size <= MAX_OPEN_QUERIES);
        },
        clock,
        logger: pino({ level: 'silent' }),
      });
      const asked: {
        until: number;
        name: string;
        controller: AbortController;
        over: CloudAnswer | 'aborted' | undefined;
        at: number;
      }[] = [];
      queries.up();
      for (const action of steps) {
        if (action.type === 'ask') {
          const controller = new AbortController();
          const entry: (typeof asked)[number] = {
            until: clock.time() + action.deadlineMs,
            name: action.name,
            controller,
            over: undefined,
            at: 0,
          };
          const end = (over: CloudAnswer | 'aborted') => {
            assert.equal(entry.over, undefined);
            Object.assign(entry, { over, at: clock.time() });
          };
          const question = action.isSubmit ? { ...submit('pods', 'eviction'), name: action.name } : get(action.name);
          asked.push(entry);
          queries.ask(question, { deadlineMs: action.deadlineMs, signal: controller.signal }).then(end, () => end('aborted'));
        } else if (action.type === 'answer') {
          const ids = [...session.keys()];
          const id = ids[action.pick % ids.length];
          const question = id === undefined ? undefined : session.get(id);
          if (id === undefined || question === undefined) continue;
          session.delete(id);
          if (action.kind === 'malformed') {
            assert.throws(() => queries.answer(id, { type: 'found', cached: false, body: encodeBody('nonsense') }));
            isUp = false;
            queries.down();
            session = new Map();
          } else if (action.kind === 'unavailable') queries.answer(id, { type: 'unavailable', retryAfterMs: 0, message: '' });
          else queries.answer(id, action.kind === 'found' ? found(question.name) : NOT_FOUND);
        } else if (action.type === 'abort') asked[action.pick % asked.length]?.controller.abort();
        else if (action.type === 'time') clock.advance(action.ms);
        else if (action.type === 'late') {
          if (!session.has(action.id)) queries.answer(action.id, found('late'));
        } else if (action.type === 'up' && !isUp) {
          isUp = true;
          lastId = 0;
          queries.up();
        } else if (action.type === 'down' && isUp) {
          isUp = false;
          queries.down();
          session = new Map();
        }
        await turn();
        assert.equal(queries.stats().open, session.size);
        const open = new Set([...session.values()].map(({ name }) => name));
        for (const { name, over } of asked)
          assert.ok(!isUp || over !== undefined || open.has(name), 'a question is with the relay');
        for (const { until, over } of asked)
          assert.ok(over !== undefined || clock.time() < until, 'somebody waits past his deadline');
      }
      clock.advance(3_000);
      await turn();
      for (const { over, name } of asked) {
        assert.ok(over !== undefined);
        if (over !== 'aborted' && over.type === 'found') assert.equal(over.body, bodyOf(name));
      }
      const { open, waiting, asked: count, answered, abandoned } = queries.stats();
      assert.deepEqual([open, waiting], [0, 0]);
      assert.equal(
        count,
        Object.values(answered).reduce((sum, number) => sum + number, abandoned),
      );
      assert.deepEqual([...session.keys()], [], 'the relay is told of all that nobody waits for');
    }),
    { numRuns: 200 },
  );
});
