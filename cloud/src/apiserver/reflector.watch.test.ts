import assert from 'node:assert/strict';
import { test } from 'node:test';
import { harness } from './testing/harness.ts';
import { bookmark, event, secret, secretList, status } from './testing/objects.ts';

test('a bookmark moves the place from which a watch that the server ended is resumed, at once', async (t) => {
  const h = await harness(t);
  const stream = await h.synced(5);
  await stream.write(bookmark(90));
  await h.at(90);
  stream.end();
  h.clock.advance(5_000);
  const watch = await h.resumed(90);
  await watch.write(event('ADDED', secret('a', 95)));
  assert.deepEqual(await h.emitted(1), ['+a uid-a@95']);
  watch.end();
  await h.resumed(95);
  assert.deepEqual(
    h.clock.waits.filter((ms) => ms < 10_000),
    [],
  );
});

test('adds, changes and deletes are one change each; repeated and stale events are none', async (t) => {
  const h = await harness(t);
  const stream = await h.synced(5, [secret('a', 3)]);
  const steps: [string, string[]][] = [
    [event('MODIFIED', secret('a', 6)), ['+a uid-a@6']],
    [event('MODIFIED', secret('a', 6)) + event('ADDED', secret('a', 3)) + event('ADDED', secret('b', 7)), ['+b uid-b@7']],
    [event('DELETED', secret('nobody', 8)) + event('DELETED', secret('b', 9)), ['-b uid-b@9']],
    [event('DELETED', secret('a', 10)) + event('ADDED', secret('a', 11, 'new')), ['-a uid-a@10', '+a new@11']],
    [event('DELETED', secret('a', 12, 'other')) + event('ADDED', secret('c', 13)), ['+c uid-c@13']],
  ];
  await h.emitted(1);
  for (const [lines, expected] of steps) {
    await stream.write(lines);
    assert.deepEqual(await h.emitted(expected.length), expected);
  }
  await h.at(13);
});

test('a burst on one object that comes in one piece is its last version', async (t) => {
  const h = await harness(t);
  const stream = await h.synced(5);
  await stream.write(Array.from({ length: 100 }, (_, i) => event('MODIFIED', secret('a', 10 + i))).join(''));
  await h.at(109);
  const changes = h.changes();
  assert.equal(changes.at(-1), '+a uid-a@109');
  assert.ok(changes.length < 10, `${changes.length} changes`);
});

test('lines come whole wherever the connection cuts them', async (t) => {
  const h = await harness(t);
  const stream = await h.synced(5);
  const line = Buffer.from(event('ADDED', { ...secret('a', 6), note: 'ä€\u{1F600}' }));
  for (const byte of line) await stream.write(Uint8Array.of(byte));
  assert.deepEqual(await h.emitted(1), ['+a uid-a@6']);
});

test('a connection that is cut in the middle of a line is resumed after the last whole one', async (t) => {
  const h = await harness(t);
  const stream = await h.synced(5);
  await stream.write(event('ADDED', secret('a', 6)) + event('ADDED', secret('b', 7)).slice(0, 30));
  assert.deepEqual(await h.emitted(1), ['+a uid-a@6']);
  stream.cut();
  await h.clock.pass(400);
  const watch = await h.resumed(6);
  await watch.write(event('ADDED', secret('b', 7)));
  assert.deepEqual(await h.emitted(1), ['+b uid-b@7']);
  assert.equal(h.status().state, 'synced');
});

test('a watch that ends cleanly in the middle of a line is resumed likewise', async (t) => {
  const h = await harness(t);
  const stream = await h.synced(5);
  await stream.write(event('ADDED', secret('a', 6)).slice(0, -1));
  stream.end();
  await h.clock.pass(400);
  await h.resumed(5);
  assert.deepEqual(h.changes(), []);
});

test('how long a watch may be silent can be told', async (t) => {
  const h = await harness(t, { watchSilenceMs: 30_000 });
  await h.synced(5);
  await h.clock.pass(30_000);
  await h.resumed(5);
});

test('a watch that has gone silent is cut and resumed; one with bookmarks is not', async (t) => {
  const h = await harness(t);
  const stream = await h.synced(5);
  for (let version = 10; version < 20; version += 1) {
    h.clock.advance(149_000);
    await stream.write(bookmark(version));
    await h.at(version);
  }
  h.clock.advance(149_999);
  assert.equal(h.server.untaken, 0);
  h.clock.advance(1);
  await stream.closed;
  await h.resumed(19);
  assert.equal(h.status().state, 'synced');
});

const forms = {
  'as an ERROR event': { code: 200, body: event('ERROR', status(410, 'Expired', 'too old resource version: 5 (90)')) },
  'as an ERROR event with the older reason': { code: 200, body: event('ERROR', status(410, 'Gone')) },
  'as an HTTP status': { code: 410, body: JSON.stringify(status(410, 'Expired')) },
  'as an HTTP status without a Status': { code: 410, body: 'gone' },
};
for (const [form, { code, body }] of Object.entries(forms)) {
  test(`410 ${form} leads to a list, of which only the difference is emitted`, async (t) => {
    const h = await harness(t);
    const stream = await h.synced(5, [secret('same', 1), secret('changed', 2), secret('gone', 3), secret('renewed', 4)]);
    await h.emitted(4);
    stream.end();
    await h.clock.pass(400);
    (await h.resumed(5)).answer(code, body);
    await h.clock.pass(800);
    const list = await h.server.next();
    assert.equal(list.query.get('sendInitialEvents'), 'true');
    assert.equal(list.query.has('resourceVersion'), false);
    const now = [secret('changed', 8), secret('new', 9), secret('renewed', 10, 'again'), secret('same', 1)];
    await list.write(now.map((object) => event('ADDED', object)).join('') + bookmark(20, true));
    await h.at(20);
    const changes = h.changes();
    assert.deepEqual([...changes].sort(), [
      '+changed uid-changed@8',
      '+new uid-new@9',
      '+renewed again@10',
      '-gone uid-gone@20',
      '-renewed uid-renewed@10',
    ]);
    assert.ok(changes.indexOf('-renewed uid-renewed@10') < changes.indexOf('+renewed again@10'));
    assert.equal(h.statuses.filter(({ state }) => state === 'listing').length, 0, 'what was synced stays so');
  });
}

test('a server that answers 410 after each list is asked less and less often', async (t) => {
  const h = await harness(t);
  await h.inPages();
  for (const wait of [400, 800, 1600, 3200, 6400, 12_800, 15_000, 15_000]) {
    (await h.server.next()).answer(200, secretList(5, []));
    (await h.resumed(5)).answer(200, event('ERROR', status(410, 'Expired')));
    await h.clock.pass(wait);
  }
});

test('a watch that worked lets the waits begin small again', async (t) => {
  const h = await harness(t);
  let watch = await h.synced(5);
  for (const wait of [400, 800, 1600]) {
    watch.cut();
    await h.clock.pass(wait);
    watch = await h.resumed(5);
  }
  await watch.write(event('ADDED', secret('a', 6)));
  await h.emitted(1);
  watch.cut();
  await h.clock.pass(400);
  await h.resumed(6);
});

for (const [which, line] of Object.entries({
  'that is no JSON': 'what is this\n',
  'of an unknown type': event('NEWS', secret('a', 6)),
  'about an object without a name': event('ADDED', { metadata: { uid: 'x', resourceVersion: '6' } }),
  'that deletes an object without uid': event('DELETED', { metadata: { name: 'a', namespace: 'web' } }),
})) {
  test(`a line ${which} ends the watch and leads to a list`, async (t) => {
    const h = await harness(t);
    const stream = await h.synced(5, [secret('a', 1)]);
    await h.emitted(1);
    await stream.write(line);
    await stream.closed;
    await h.clock.pass(400);
    const list = await h.server.next();
    assert.equal(list.query.get('sendInitialEvents'), 'true');
    assert.deepEqual(h.changes(), []);
    assert.deepEqual([h.status().state, h.status().resourceVersion], ['synced', '5']);
  });
}

test('a line that never ends is cut at its bound', async (t) => {
  const h = await harness(t);
  const stream = await h.synced(5);
  const piece = 'x'.repeat(1024 * 1024);
  let isClosed = false;
  void stream.closed.then(() => {
    isClosed = true;
  });
  for (let n = 0; n < 40 && !isClosed; n += 1) await stream.write(piece);
  await stream.closed;
  await h.clock.pass(400);
  await h.server.next();
  assert.match(h.status().detail, /over 16777216 bytes/);
});

test('a consumer that throws loses its change and nothing else', async (t) => {
  const h = await harness(t, {
    onChange(change) {
      if (change.type === 'upsert' && change.object.key.endsWith('bad')) throw new Error('cannot take this');
    },
  });
  const stream = await h.synced(5, [secret('bad', 1)]);
  await stream.write(event('ADDED', secret('good', 6)));
  assert.deepEqual(await h.emitted(2), ['+bad uid-bad@1', '+good uid-good@6']);
  assert.match(h.logs(), /"key":"secrets\/web\/bad".*change not taken/);
});
