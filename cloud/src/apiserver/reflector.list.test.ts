import assert from 'node:assert/strict';
import { test } from 'node:test';
import { harness } from './testing/harness.ts';
import { bookmark, event, secret, secretList, status } from './testing/objects.ts';
import { until } from './testing/until.ts';

test('the first request is a streaming list with bookmarks, an end of its own and the field selector', async (t) => {
  const h = await harness(t, { fieldSelector: 'type!=helm.sh/release.v1' });
  const { path, query, headers } = await h.server.next();
  assert.equal(path, '/api/v1/secrets');
  assert.deepEqual(Object.fromEntries(query), {
    watch: 'true',
    allowWatchBookmarks: 'true',
    timeoutSeconds: '450',
    sendInitialEvents: 'true',
    resourceVersionMatch: 'NotOlderThan',
    fieldSelector: 'type!=helm.sh/release.v1',
  });
  assert.equal(headers.accept, 'application/json');
  assert.equal(headers.authorization, 'Bearer test');
});

test('one namespace and what a label selects are asked for in each form of the request', async (t) => {
  const h = await harness(t, { namespace: 'web', labelSelector: 'a in (b,c)' });
  const stream = await h.server.next();
  assert.equal(stream.path, '/api/v1/namespaces/web/secrets');
  assert.equal(stream.query.get('labelSelector'), 'a in (b,c)');
  stream.answer(422, status(422, 'Invalid', 'sendInitialEvents is forbidden'));
  const list = await h.server.next();
  assert.equal(list.path, '/api/v1/namespaces/web/secrets');
  assert.equal(list.query.get('labelSelector'), 'a in (b,c)');
  list.answer(200, secretList(40, []));
  const watch = await h.resumed(40);
  assert.equal(watch.path, '/api/v1/namespaces/web/secrets');
  assert.equal(watch.query.get('labelSelector'), 'a in (b,c)');
});

test('objects of a streaming list are emitted as they come; synced is said only at its end', async (t) => {
  const h = await harness(t);
  const stream = await h.server.next();
  await stream.write(event('ADDED', secret('a', 3)) + event('ADDED', secret('b', 5)));
  assert.deepEqual(await h.emitted(2), ['+a uid-a@3', '+b uid-b@5']);
  await stream.write(bookmark(6));
  assert.deepEqual(h.status(), { resource: 'secrets', state: 'listing', detail: '', resourceVersion: undefined });
  await stream.write(bookmark(7, true));
  await h.state('synced');
  assert.equal(h.status().resourceVersion, '7');
  await stream.write(event('MODIFIED', secret('a', 9)));
  assert.deepEqual(await h.emitted(1), ['+a uid-a@9']);
  await h.at(9);
});

test('a server without streaming lists is asked for a consistent list in pages, then for a watch from there', async (t) => {
  const h = await harness(t, { fieldSelector: 'type!=helm.sh/release.v1' });
  await h.inPages();
  const first = await h.server.next();
  assert.deepEqual(Object.fromEntries(first.query), { limit: '500', fieldSelector: 'type!=helm.sh/release.v1' });
  first.answer(200, secretList(40, [secret('a', 1), secret('b', 2)], 'to/ken='));
  const second = await h.server.next();
  assert.deepEqual(Object.fromEntries(second.query), {
    limit: '500',
    continue: 'to/ken=',
    fieldSelector: 'type!=helm.sh/release.v1',
  });
  assert.deepEqual(await h.emitted(2), ['+a uid-a@1', '+b uid-b@2']);
  assert.equal(h.status().state, 'listing');
  second.answer(200, secretList(40, [secret('c', 3)]));
  assert.deepEqual(await h.emitted(1), ['+c uid-c@3']);
  const watch = await h.resumed(40);
  assert.equal(watch.query.get('allowWatchBookmarks'), 'true');
  assert.equal(h.status().state, 'synced');
});

test('a server that is known not to have streaming lists is not asked for one again', async (t) => {
  const h = await harness(t);
  await h.inPages();
  (await h.server.next()).answer(200, secretList(5, []));
  (await h.resumed(5)).answer(200, event('ERROR', status(410, 'Expired')));
  await h.clock.pass(400);
  assert.equal((await h.server.next()).query.get('limit'), '500');
});

test('a server that takes a streaming list for an ordinary watch is listed in pages', async (t) => {
  const h = await harness(t);
  const stream = await h.server.next();
  await stream.write(event('ADDED', secret('a', 3)));
  assert.deepEqual(await h.emitted(1), ['+a uid-a@3']);
  h.clock.advance(150_000);
  const list = await h.server.next();
  assert.equal(list.query.get('limit'), '500');
  list.answer(200, secretList(9, [secret('a', 3)]));
  await h.resumed(9);
  await h.state('synced');
  assert.deepEqual(h.changes(), []);
});

test('5,000 objects in pages', async (t) => {
  const h = await harness(t);
  await h.inPages();
  for (let page = 0; page < 10; page += 1) {
    const items = Array.from({ length: 500 }, (_, i) => secret(`s-${page * 500 + i}`, page * 500 + i + 1));
    const request = await h.server.next();
    assert.equal(request.query.get('continue'), page === 0 ? null : `page-${page}`);
    request.answer(200, secretList(9000, items, page === 9 ? undefined : `page-${page + 1}`));
  }
  await h.resumed(9000);
  await h.state('synced');
  const changes = h.changes();
  assert.equal(changes.length, 5000);
  assert.equal(new Set(changes).size, 5000);
});

test('a page that comes in single bytes is read like any other', async (t) => {
  const h = await harness(t);
  await h.inPages();
  const page = await h.server.next();
  for (const byte of Buffer.from(JSON.stringify(secretList(8, [secret('ä"}', 3), secret('b', 5)]))))
    await page.write(Uint8Array.of(byte));
  page.end();
  await h.resumed(8);
  await h.state('synced');
  assert.deepEqual(h.changes(), ['+ä"} uid-ä"}@3', '+b uid-b@5']);
});

test('a token that expires between two pages leads to the list in one answer', async (t) => {
  const h = await harness(t);
  await h.inPages();
  (await h.server.next()).answer(200, secretList(40, [secret('a', 1), secret('gone', 2)], 'token'));
  const second = await h.server.next();
  second.answer(410, {
    ...status(410, 'Expired', 'The provided continue parameter is too old'),
    metadata: { continue: 'inconsistent' },
  });
  await h.clock.pass(400);
  const whole = await h.server.next();
  assert.equal(whole.query.toString(), '');
  whole.answer(200, secretList(60, [secret('a', 1), secret('b', 50)]));
  await h.resumed(60);
  await h.state('synced');
  assert.deepEqual(h.changes(), ['+a uid-a@1', '+gone uid-gone@2', '+b uid-b@50', '-gone uid-gone@60']);
});

/** Ways in which a list does not come to its end. */
const half = JSON.stringify(secretList(50, [secret('new', 30), secret('b', 2)])).slice(0, -40);
const broken = {
  'that is cut in the middle': { text: half, cut: true },
  'whose text ends early': { text: half, cut: false },
  'that is empty': { text: '', cut: false },
  'that is an empty object': { text: '{}', cut: false },
  'of another kind': { text: '{"kind":"PodList","metadata":{"resourceVersion":"50"},"items":[]}', cut: false },
  'without items': { text: '{"kind":"SecretList","metadata":{"resourceVersion":"50"}}', cut: false },
  'without a resourceVersion': { text: '{"kind":"SecretList","metadata":{},"items":[]}', cut: false },
  'that is a page of HTML': { text: '<html><body>log in</body></html>', cut: false },
  'with an item without a name': {
    text: '{"kind":"SecretList","metadata":{"resourceVersion":"50"},"items":[{"metadata":{}}]}',
    cut: false,
  },
};
for (const [which, { text, cut }] of Object.entries(broken)) {
  test(`a list ${which} deletes nothing and is asked for again`, async (t) => {
    const h = await harness(t);
    await h.inPages();
    (await h.server.next()).answer(200, secretList(5, [secret('a', 1), secret('z', 4)]));
    (await h.resumed(5)).answer(410, status(410, 'Expired'));
    await h.clock.pass(400);
    const list = await h.server.next();
    await list.write(text);
    if (cut) {
      // What was sent has arrived.
      await until('the item before the cut', () => h.seen().includes('+new uid-new@30'));
      list.cut();
    } else list.end();
    await h.clock.pass(800);
    const again = await h.server.next();
    assert.equal(again.query.get('limit'), '500');
    assert.deepEqual(
      h.changes().filter((change) => change.startsWith('-')),
      [],
    );
    assert.deepEqual([h.status().state, h.status().resourceVersion], ['synced', '5']);
    assert.notEqual(h.status().detail, '');
    again.answer(200, secretList(70, [secret('z', 4)]));
    await h.resumed(70);
    await h.at(70);
    assert.equal(h.status().detail, '');
    assert.ok(h.changes().includes('-a uid-a@70'));
  });
}

test('a streaming list that is cut before its end deletes nothing and is asked for again', async (t) => {
  const h = await harness(t);
  (await h.synced(5, [secret('a', 1), secret('b', 2)])).end();
  await h.emitted(2);
  await h.clock.pass(400);
  (await h.resumed(5)).answer(200, event('ERROR', status(410, 'Expired')));
  await h.clock.pass(800);
  const stream = await h.server.next();
  await stream.write(event('ADDED', secret('b', 2)));
  stream.cut();
  await h.clock.pass(1600);
  const again = await h.server.next();
  assert.equal(again.query.get('sendInitialEvents'), 'true');
  assert.deepEqual(h.changes(), []);
  await again.write(event('ADDED', secret('b', 2)) + bookmark(9, true));
  assert.deepEqual(await h.emitted(1), ['-a uid-a@9']);
});

test('a list that stops in the middle is given up after a minute', async (t) => {
  const h = await harness(t);
  await h.inPages();
  const list = await h.server.next();
  await list.write(half);
  assert.deepEqual(await h.emitted(1), ['+new uid-new@30']);
  h.clock.advance(60_000);
  await list.closed;
  await h.clock.pass(400);
  (await h.server.next()).answer(200, secretList(9, [secret('a', 1)]));
  await h.state('synced');
});

test('an object without uid is left out and named, and the rest of the list stands', async (t) => {
  const h = await harness(t);
  await h.inPages();
  (await h.server.next()).answer(200, secretList(5, [secret('known', 1), secret('a', 2)]));
  (await h.resumed(5)).answer(410, status(410, 'Expired'));
  await h.clock.pass(400);
  await h.emitted(2);
  const items = [{ metadata: { name: 'known', namespace: 'web', resourceVersion: '8' } }, secret('b', 9)];
  (await h.server.next()).answer(200, secretList(9, items));
  await h.resumed(9);
  await h.at(9);
  assert.deepEqual(h.changes().sort(), ['+b uid-b@9', '-a uid-a@9']);
  assert.match(h.logs(), /"key":"secrets\/web\/known","reason":"has no metadata.uid"/);
});

test('changes of a list are handed on over several turns, and none is lost', async (t) => {
  let turns = 0;
  let counted = 0;
  const perTurn: number[] = [];
  const h = await harness(t, {
    onChange() {
      counted += 1;
      if (counted === 1) {
        const tick = () => {
          turns += 1;
          perTurn.push(counted);
          if (counted < 1000) setImmediate(tick);
        };
        setImmediate(tick);
      }
    },
  });
  await h.synced(
    2000,
    Array.from({ length: 1000 }, (_, i) => secret(`s-${i}`, i + 1)),
  );
  assert.equal((await h.emitted(1000)).length, 1000);
  await until('all turns', () => perTurn.at(-1) === 1000);
  const most = Math.max(...perTurn.map((count, i) => count - (perTurn[i - 1] ?? 0)));
  assert.ok(turns >= 5 && most <= 256, `${turns} turns, at most ${most} changes in one`);
});
