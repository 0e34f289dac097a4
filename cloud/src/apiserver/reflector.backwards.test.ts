import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HawserError } from '@hawser/protocol';
import { answerHowFar, harness, isHowFar } from './testing/harness.ts';
import { bookmark, event, secret, secretList, status } from './testing/objects.ts';
import type { Exchange } from './testing/scripted-server.ts';
import { until } from './testing/until.ts';

const names = (count: number) => Array.from({ length: count }, (_, n) => `s-${n}`);

async function asked(next: Promise<Exchange>): Promise<Exchange> {
  const exchange = await next;
  assert.ok(isHowFar(exchange), `${exchange.path}?${exchange.query}`);
  return exchange;
}

test('a server that is behind where it was, twice, was restored: everything is listed anew, with lower versions', async (t) => {
  const told: string[] = [];
  const h = await harness(t, { howFar: 'asked', onRestored: (detail) => told.push(detail) });
  (await h.synced(150, [secret('a', 140), secret('b', 150), secret('gone', 120)])).cut();
  await h.emitted(3);
  await h.clock.pass(400);
  answerHowFar(await asked(h.server.next()), 110);
  await h.clock.pass(1000);
  assert.deepEqual(told, []);
  answerHowFar(await asked(h.server.next()), 111);
  const list = await h.server.next();
  assert.deepEqual(told, ['secrets were at 150 and are at 111']);
  assert.equal(h.status().state, 'listing');
  assert.equal(h.status().resourceVersion, undefined);
  // The resourceVersion of `b` was given out once more, for something else.
  list.answer(200, secretList(111, [secret('a', 100), secret('b', 150), secret('back', 90)]));
  await h.resumed(111);
  await h.state('synced');
  assert.deepEqual(h.changes().sort(), ['+a uid-a@100', '+b uid-b@150', '+back uid-back@90', '-gone uid-gone@111']);
  assert.equal(h.status().resourceVersion, '111');
});

test('one answer from the past is asked about, and nothing follows from it', async (t) => {
  const told: string[] = [];
  const h = await harness(t, { howFar: 'asked', onRestored: (detail) => told.push(detail) });
  (await h.synced(150, [secret('a', 140)])).cut();
  await h.clock.pass(400);
  answerHowFar(await asked(h.server.next()), 110);
  await h.clock.pass(1000);
  answerHowFar(await asked(h.server.next()), 151);
  await h.resumed(150);
  assert.deepEqual(told, []);
});

test('a question that is refused is a failure like any other', async (t) => {
  const h = await harness(t, { howFar: 'asked' });
  (await h.synced(150)).cut();
  await h.clock.pass(400);
  (await asked(h.server.next())).answer(503, status(503, 'ServiceUnavailable'));
  await h.clock.pass(800);
  answerHowFar(await asked(h.server.next()), 150);
  await h.resumed(150);
});

test('a list that is older than what the server said just before is not taken, and shows nobody the past', async (t) => {
  const h = await harness(t, { howFar: 'asked' });
  await h.inPages();
  (await h.server.next()).answer(200, secretList(150, [secret('a', 140), secret('b', 20)]));
  (await h.resumed(150)).answer(200, event('ERROR', status(410, 'Expired')));
  await h.emitted(2);
  await h.clock.pass(400);
  answerHowFar(await asked(h.server.next()), 160);
  (await h.server.next()).answer(200, secretList(130, [secret('a', 100), secret('deleted', 90), secret('b', 20)]));
  await h.clock.pass(800);
  assert.deepEqual(h.changes(), []);
  answerHowFar(await asked(h.server.next()), 160);
  (await h.server.next()).answer(200, secretList(160, [secret('a', 155), secret('b', 20)]));
  await h.resumed(160);
  assert.deepEqual(await h.emitted(1), ['+a uid-a@155']);
});

test('a position that nobody could resume from for minutes is given up: what was restored meanwhile may be past it again', async (t) => {
  const h = await harness(t);
  (await h.synced(150)).cut();
  await until('the wait', () => h.clock.waits.includes(400));
  h.clock.advance(6 * 60_000);
  const list = await h.server.next();
  assert.equal(list.query.has('resourceVersion'), false);
  assert.equal(list.query.get('sendInitialEvents'), 'true');
});

test('a complete list that lacks most of what is known is taken when a second one says the same', async (t) => {
  const h = await harness(t);
  await h.synced(
    50,
    names(10).map((name, n) => secret(name, n + 1)),
  );
  await h.emitted(10);
  void h.reflector.listAnew('again', 'a test wants it');
  (await h.server.next()).answer(200, secretList(60, [secret('s-0', 1)]));
  await h.clock.pass(400);
  const second = await h.server.next();
  assert.equal(second.query.get('limit'), '500', 'in pages');
  assert.deepEqual(h.changes(), []);
  assert.match(h.logs(), /lacks 9 of 10/);
  second.answer(200, secretList(61, [secret('s-1', 2)]));
  await h.resumed(61);
  assert.equal((await h.emitted(9)).length, 9);
});

test('an empty list that a second one contradicts deletes nothing, also as a stream', async (t) => {
  const h = await harness(t);
  const all = names(12).map((name, n) => secret(name, n + 1));
  (await h.synced(50, all)).end();
  await h.emitted(12);
  await h.clock.pass(400);
  (await h.resumed(50)).answer(200, event('ERROR', status(410, 'Expired')));
  await h.clock.pass(800);
  await (await h.server.next()).write(bookmark(60, true) + event('ADDED', secret('late', 61)));
  await h.clock.pass(1600);
  (await h.server.next()).answer(200, secretList(62, all));
  await h.resumed(62);
  await h.at(62);
  assert.deepEqual(h.changes(), []);
});

test('a first list that is empty is taken when a second one says the same, where that is asked for', async (t) => {
  const h = await harness(t, { confirmsEmpty: true });
  const stream = await h.server.next();
  await stream.write(bookmark(50, true));
  const second = await h.server.next();
  assert.equal(second.query.get('limit'), '500', 'in pages');
  assert.match(h.logs(), /the first list is empty/);
  assert.notEqual(h.reflector.status().state, 'synced');
  second.answer(200, secretList(51, []));
  await h.resumed(51);
  await h.state('synced');
});

test('a first list that is empty, and that a second one contradicts, shows nobody that there is nothing', async (t) => {
  const h = await harness(t, { confirmsEmpty: true });
  await h.inPages();
  (await h.server.next()).answer(200, secretList(50, []));
  assert.notEqual(h.reflector.status().state, 'synced');
  (await h.server.next()).answer(200, secretList(50, [secret('a', 20)]));
  await h.resumed(50);
  assert.deepEqual(await h.emitted(1), ['+a uid-a@20']);
});

test('few objects may go at once', async (t) => {
  const h = await harness(t);
  await h.synced(
    50,
    names(9).map((name, n) => secret(name, n + 1)),
  );
  await h.emitted(9);
  void h.reflector.listAnew('again', 'a test wants it');
  (await h.server.next()).answer(200, secretList(60, []));
  assert.equal((await h.emitted(9)).length, 9);
});

test('another cluster is not listed, nor is a list taken when another cluster answers at its end', async (t) => {
  let isOurs = true;
  let doubts = 0;
  const identity = {
    check: async () => {
      if (!isOurs) throw new HawserError('wrong_cluster', 'another cluster');
    },
    doubt: () => {
      doubts += 1;
    },
  };
  const h = await harness(t, { identity });
  const watch = await h.synced(150, [secret('a', 140)]);
  await h.emitted(1);
  assert.equal(doubts, 0);
  isOurs = false;
  watch.cut();
  await h.clock.pass(400);
  await h.clock.pass(800);
  assert.equal(h.server.untaken, 0);
  assert.match(h.status().detail, /another cluster/);
  assert.ok(doubts > 0);
  isOurs = true;
  await h.clock.pass(1600);
  (await h.resumed(150)).answer(200, event('ERROR', status(410, 'Expired')));
  await h.clock.pass(3200);
  const list = await h.server.next();
  isOurs = false;
  await list.write(bookmark(200, true));
  await h.clock.pass(6400);
  assert.deepEqual(h.changes(), []);
  assert.equal(h.status().resourceVersion, '150');
  isOurs = true;
});

test('what comes behind the end of a streaming list waits until the list is taken, and is not lost', async (t) => {
  let release = () => {};
  const identity = {
    check: () =>
      new Promise<void>((resolve) => {
        release = resolve;
      }),
    doubt: () => undefined,
  };
  t.after(() => release());
  const h = await harness(t, { identity });
  release();
  const stream = await h.server.next();
  const asking = release;
  await stream.write(event('ADDED', secret('a', 3)) + bookmark(5, true) + event('MODIFIED', secret('a', 6)));
  await until('the question at the end', () => release !== asking);
  assert.deepEqual(await h.emitted(1), ['+a uid-a@3']);
  assert.equal(h.status().state, 'listing');
  release();
  assert.deepEqual(await h.emitted(1), ['+a uid-a@6']);
  await h.at(6);
  await stream.write(event('DELETED', secret('a', 7)));
  assert.deepEqual(await h.emitted(1), ['-a uid-a@7']);
});

test('listing anew on request gives up the watch, waits for no backoff, and resolves when the list was handed on', async (t) => {
  const h = await harness(t);
  const watch = await h.synced(50, [secret('a', 1)]);
  await h.emitted(1);
  let isDone = false;
  const done = h.reflector.listAnew('again', 'the watch lags').then(() => {
    isDone = true;
  });
  await watch.closed;
  const list = await h.server.next();
  assert.equal(h.status().state, 'synced', 'what was handed on stands');
  assert.equal(isDone, false);
  list.answer(200, secretList(60, [secret('a', 1), secret('b', 55)]));
  await done;
  assert.deepEqual(h.changes(), ['+b uid-b@55']);
  await h.resumed(60);
});

test('a new epoch in the middle of a list begins the list again, and what waited of the old one is not handed on', async (t) => {
  const h = await harness(t);
  const stream = await h.server.next();
  await stream.write(event('ADDED', secret('a', 300)));
  await h.emitted(1);
  const done = h.reflector.listAnew('newEpoch', 'restored');
  assert.deepEqual([h.status().state, h.status().detail], ['listing', 'restored']);
  await stream.closed;
  (await h.server.next()).answer(200, secretList(60, [secret('a', 3)]));
  await done;
  assert.deepEqual(h.changes(), ['+a uid-a@3']);
  await h.state('synced');
  await h.resumed(60);
});
