import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HawserError, MAX_OPEN_QUERIES, type Query, type QueryAnswer } from '@hawser/protocol';
import { ManualClock } from '../../downstream/testing/manual-clock.ts';
import type { Answered } from './answer-query.ts';
import { createQueryDesk } from './query-desk.ts';

const NOT_FOUND: Answered = { type: 'notFound', code: 404, reason: 'NotFound', message: 'not found' };

function query(id: number, name = `app-${id}`, deadlineMs = 10_000): Query {
  return { id, deadlineMs, question: { type: 'get', resource: 'configmaps', namespace: 'web', name } };
}

/** A desk whose answers a test gives, by the name that was asked for. */
function open(concurrency: number) {
  const clock = new ManualClock();
  const begun: string[] = [];
  const ended: string[] = [];
  const given = new Map<string, (answer: Answered) => void>();
  const answered: string[] = [];
  const over: string[] = [];
  const desk = createQueryDesk({
    concurrency,
    perLane: MAX_OPEN_QUERIES,
    onOverBound: (bound) => over.push(bound),
    clock,
    answer: (node, { name }, signal) => {
      begun.push(`${node} ${name}`);
      signal.addEventListener('abort', () => ended.push(`${node} ${name}`));
      return new Promise((resolve) => given.set(name, resolve));
    },
    onAnswered: ({ name }, type) => answered.push(`${name} ${type}`),
  });
  const give = async (name: string, answer = NOT_FOUND) => {
    given.get(name)?.(answer);
    await new Promise(setImmediate);
  };
  const lane = (node: string) => {
    const answers: [number, QueryAnswer['type']][] = [];
    return { answers, ...desk.open(node, undefined, (id, { type }) => answers.push([id, type])) };
  };
  return { clock, desk, begun, ended, answered, over, give, lane };
}

test('questions run side by side and are answered as they end', async () => {
  const { lane, give, answered } = open(4);
  const edge = lane('edge-1');
  edge.ask(query(1));
  edge.ask(query(2));
  await give('app-2', { type: 'found', cached: true, body: '{}' });
  await give('app-1');
  assert.deepEqual(edge.answers, [
    [2, 'found'],
    [1, 'notFound'],
  ]);
  assert.deepEqual(answered, ['app-2 found', 'app-1 notFound']);
});

test('sessions take turns: one that asks much does not hold up the others', async () => {
  const { lane, give, begun, desk } = open(1);
  const loud = lane('loud');
  for (let id = 1; id <= 20; id += 1) loud.ask(query(id));
  lane('quiet').ask(query(1, 'quiet'));
  assert.deepEqual(desk.counts(), { waiting: 20, running: 1 });
  await give('app-1');
  await give('app-2');
  assert.deepEqual(begun, ['loud app-1', 'loud app-2', 'quiet quiet']);
});

test('one question over the bound is answered at once that it cannot be answered now', () => {
  const { lane, over } = open(1);
  const edge = lane('edge-1');
  for (let id = 1; id <= MAX_OPEN_QUERIES + 1; id += 1) edge.ask(query(id));
  assert.deepEqual(edge.answers, [[MAX_OPEN_QUERIES + 1, 'unavailable']]);
  assert.deepEqual(over, ['limits.queriesPerSession']);
});

test('who asks and cancels without end begins no more than others of its questions in a second', async () => {
  const { clock, lane, give, begun, desk } = open(1_000);
  const loud = lane('loud');
  let id = 0;
  const flood = async (questions: number) => {
    const before = begun.length;
    for (let last = id + questions; id < last; loud.cancel(id)) {
      id += 1;
      loud.ask(query(id));
      await give(`app-${id}`);
    }
    return begun.length - before;
  };
  assert.equal(await flood(500), 128);
  clock.advance(1_000);
  assert.equal(await flood(500), 50);
  clock.set(-3600_000);
  clock.advance(1_000);
  await flood(1);
  clock.advance(1_000);
  assert.equal(await flood(500), 50, 'a clock that is set back holds nobody up for longer');
  id += 1;
  loud.ask(query(id, 'waits'));
  lane('quiet').ask(query(1, 'quiet'));
  assert.equal(begun.at(-1), 'quiet quiet');
  assert.deepEqual(desk.counts(), { waiting: 1, running: 1 });
  clock.advance(20);
  assert.equal(begun.at(-1), 'loud waits');
  loud.close();
  assert.equal(desk.counts().waiting, 0);
});

test('large bodies wait at the agent: one is taken, and further ones as far as they fit beside it', async () => {
  const { lane, give } = open(1);
  const edge = lane('edge-1');
  const submit = (id: number, size: number): Query => ({
    ...query(id),
    question: {
      ...{ type: 'submit', resource: 'serviceaccounts', namespace: 'web', name: `sa-${id}`, subresource: 'token' },
      body: JSON.stringify('x'.repeat(size)),
    },
  });
  edge.ask(submit(1, 3_000_000));
  edge.ask(submit(2, 100));
  edge.ask(query(3));
  assert.deepEqual(edge.answers, [[2, 'unavailable']]);
  edge.cancel(1);
  edge.ask(submit(4, 100));
  assert.deepEqual(edge.answers.at(-1), [4, 'unavailable'], 'it runs until its call has ended');
  await give('sa-1');
  edge.ask(submit(5, 200_000));
  edge.ask(submit(6, 200_000));
  assert.deepEqual(edge.answers.at(-1), [6, 'unavailable']);
  edge.cancel(5);
  edge.ask(submit(7, 200_000));
  assert.equal(edge.answers.length, 3);
});

test('after its deadline a question is not begun, and one that has begun is ended', async () => {
  const { clock, lane, give, begun, ended, desk } = open(1);
  const edge = lane('edge-1');
  edge.ask(query(1, 'slow', 1_000));
  edge.ask(query(2, 'late', 1_000));
  edge.ask(query(3, 'patient', 60_000));
  clock.advance(1_000);
  assert.deepEqual(ended, ['edge-1 slow']);
  await give('slow');
  assert.deepEqual(begun, ['edge-1 slow', 'edge-1 patient']);
  await give('patient');
  assert.deepEqual(edge.answers, [[3, 'notFound']]);
  assert.deepEqual(desk.counts(), { waiting: 0, running: 0 });
});

test('a cancelled question and those of a session that has ended have no answers', async () => {
  const { lane, give, ended, begun } = open(2);
  const edge = lane('edge-1');
  edge.ask(query(1));
  edge.ask(query(2));
  edge.ask(query(3));
  edge.cancel(1);
  edge.cancel(99);
  await give('app-1');
  assert.deepEqual(begun, ['edge-1 app-1', 'edge-1 app-2', 'edge-1 app-3']);
  edge.close();
  await give('app-2');
  await give('app-3');
  assert.deepEqual(ended, ['edge-1 app-1', 'edge-1 app-2', 'edge-1 app-3']);
  assert.deepEqual(edge.answers, []);
});

test('an id that does not rise breaks the protocol', () => {
  const { lane } = open(1);
  const edge = lane('edge-1');
  edge.ask(query(5));
  for (const id of [5, 4]) {
    assert.throws(
      () => edge.ask(query(id)),
      (error) => error instanceof HawserError && error.code === 'protocol',
    );
  }
});
