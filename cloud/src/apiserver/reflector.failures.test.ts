import assert from 'node:assert/strict';
import { test } from 'node:test';
import { harness } from './testing/harness.ts';
import { bookmark, event, secret, secretList, status } from './testing/objects.ts';
import { until } from './testing/until.ts';

const forbidden = status(403, 'Forbidden', 'secrets is forbidden: User "relay" cannot list resource "secrets"');

test('a resource that is forbidden is failing and says why, until it is granted', async (t) => {
  const h = await harness(t);
  (await h.server.next()).answer(403, forbidden);
  await h.state('failing');
  assert.match(h.status().detail, /403 Forbidden: secrets is forbidden/);
  await h.clock.pass(400);
  await h.synced(5, [secret('a', 1)]);
  assert.equal(h.status().detail, '');
  assert.deepEqual(h.changes(), ['+a uid-a@1']);
});

test('a resource that was synced counts as failing only when the server keeps refusing, and recovers', async (t) => {
  const h = await harness(t);
  const stream = await h.synced(5);
  stream.cut();
  await h.clock.pass(400);
  for (const wait of [800, 1600]) {
    (await h.resumed(5)).answer(401, status(401, 'Unauthorized'));
    await h.clock.pass(wait);
    assert.equal(h.status().state, 'synced');
    assert.match(h.status().detail, /401/);
  }
  (await h.resumed(5)).answer(403, forbidden);
  await h.state('failing');
  await h.clock.pass(3200);
  const watch = await h.resumed(5);
  await watch.write(event('ADDED', secret('a', 6)));
  await h.state('synced');
  assert.deepEqual(await h.emitted(1), ['+a uid-a@6']);
});

test('other failures leave what was synced as it is', async (t) => {
  const h = await harness(t);
  (await h.synced(5)).cut();
  for (const wait of [400, 800, 1600, 3200, 6400]) {
    await h.clock.pass(wait);
    (await h.resumed(5)).answer(500, status(500, 'InternalError', 'etcd is on fire'));
    await until('the failure', () => /etcd is on fire/.test(h.status().detail));
    assert.deepEqual([h.status().state, h.status().resourceVersion], ['synced', '5']);
  }
});

test('Retry-After is waited for, and the jitter comes on top', async (t) => {
  const h = await harness(t);
  (await h.server.next()).answer(429, status(429, 'TooManyRequests'), { 'retry-after': '7' });
  await h.clock.pass(7_400);
  const inBody = { details: { retryAfterSeconds: 2 } };
  (await h.server.next()).answer(503, status(503, 'ServiceUnavailable', 'starting', inBody));
  await h.clock.pass(2_800);
  const date = new Date(h.clock.now().getTime() + 20_000).toUTCString();
  (await h.server.next()).answer(503, '<html>no backend</html>', { 'retry-after': date, 'content-type': 'text/html' });
  // An HTTP date has whole seconds, and the third step is 1,600 ms.
  await until(
    'the wait',
    () => h.clock.waits.some((ms) => ms > 18_000 && ms <= 21_600),
    () => `${h.clock.waits}`,
  );
  assert.match(h.status().detail, /503: HTTP status 503/);
});

test('Retry-After that is out of reason is cut to five minutes', async (t) => {
  const h = await harness(t);
  (await h.server.next()).answer(503, '', { 'retry-after': '99999999' });
  await h.clock.pass(300_400);
  await h.server.next();
});

test('the streaming list of a server that is not up to date yet is asked for again', async (t) => {
  const h = await harness(t);
  const more = { details: { retryAfterSeconds: 1, causes: [{ reason: 'ResourceVersionTooLarge' }] } };
  (await h.server.next()).answer(200, event('ERROR', status(504, 'Timeout', 'Too large resource version', more)));
  await h.clock.pass(1_400);
  await h.synced(5);
});

test('a server that is not there is waited for with growing waits', async (t) => {
  const h = await harness(t);
  (await h.server.next()).cut();
  await h.state('failing');
  await h.server.close();
  for (const wait of [400, 800, 1600, 3200, 6400, 12_800, 15_000, 15_000]) await h.clock.pass(wait);
  await until('a refused connection', () => /ECONNREFUSED/.test(h.status().detail));
});

test('a server that accepts and never answers is given up after a minute', async (t) => {
  const h = await harness(t);
  const mute = await h.server.next();
  h.clock.advance(60_000);
  await mute.closed;
  await h.clock.pass(400);
  await h.synced(3);
});

test('a failing answer whose text never ends is given up', async (t) => {
  const h = await harness(t);
  const mute = await h.server.next();
  mute.answer(500, 'short', { 'content-length': '1000' });
  await h.clock.pass(60_000);
  await mute.closed;
  await h.clock.pass(400);
  await h.synced(3);
});

const group = '/apis/discovery.k8s.io/v1';
const slices = { resource: 'discovery.k8s.io/endpointslices' };
const served = (...names: string[]) => ({
  kind: 'APIResourceList',
  groupVersion: 'v1',
  resources: names.map((name) => ({ name })),
});

test('a resource that discovery does not list counts as empty, and is asked for again after minutes', async (t) => {
  const h = await harness(t, slices);
  const first = await h.server.next();
  assert.equal(first.path, `${group}/endpointslices`);
  first.answer(404, '404 page not found\n', { 'content-type': 'text/plain' });
  const discovery = await h.server.next();
  assert.equal(discovery.path, group);
  discovery.answer(200, served('other', 'endpointslices/status'));
  await h.state('notServed');
  assert.equal(h.status().resourceVersion, undefined);
  await h.clock.pass(270_000);
  assert.equal((await h.server.next()).path, `${group}/endpointslices`);
});

test('a group that is not there is looked for in the list of groups', async (t) => {
  const h = await harness(t, slices);
  (await h.server.next()).answer(404, '404 page not found\n');
  (await h.server.next()).answer(404, '404 page not found\n');
  const groups = await h.server.next();
  assert.equal(groups.path, '/apis');
  groups.answer(200, { kind: 'APIGroupList', groups: [{ name: 'discovery.k8s.io', versions: [{ version: 'v1beta1' }] }] });
  await h.state('notServed');
});

for (const [which, answers] of Object.entries({
  'that discovery contradicts': [[200, served('endpointslices')]],
  'that discovery repeats without the list of groups': [
    [404, 'nothing here'],
    [404, 'nothing here'],
  ],
  'while the list of groups has the version': [
    [404, 'nothing here'],
    [200, { kind: 'APIGroupList', groups: [{ name: 'discovery.k8s.io', versions: [{ version: 'v1' }] }] }],
  ],
  'and discovery is something else': [[200, '<html></html>']],
  'and discovery fails': [[503, 'no']],
} as const)) {
  test(`a 404 ${which} is a failure and not an absence`, async (t) => {
    const h = await harness(t, slices);
    (await h.server.next()).answer(404, 'nothing here');
    for (const [code, body] of answers) (await h.server.next()).answer(code, body);
    await h.state('failing');
    assert.deepEqual(
      h.statuses.map(({ state }) => state),
      ['failing'],
    );
  });
}

test('a resource that stops being served is emptied, and filled again when it is back', async (t) => {
  const h = await harness(t);
  (await h.synced(5, [secret('a', 1)])).cut();
  await h.emitted(1);
  await h.clock.pass(400);
  (await h.resumed(5)).answer(404, '{}');
  (await h.server.next()).answer(200, served('pods'));
  assert.deepEqual(await h.emitted(1), ['-a uid-a@5']);
  await h.state('notServed');
  await h.clock.pass(270_000);
  await (await h.server.next()).write(event('ADDED', secret('a', 8)) + bookmark(9, true));
  await h.state('synced');
  assert.deepEqual(await h.emitted(1), ['+a uid-a@8']);
});

test('stop ends a watch, and nothing is emitted after it', async (t) => {
  const h = await harness(t);
  const stream = await h.synced(5);
  await stream.write(event('ADDED', secret('a', 6)));
  await h.emitted(1);
  const told = h.statuses.length;
  await h.reflector.stop();
  await stream.closed;
  assert.deepEqual(h.clock.waits, []);
  assert.equal(h.server.untaken, 0);
  assert.equal(h.statuses.length, told);
  assert.deepEqual(h.changes(), []);
});

test('stop ends a list in the middle, with changes that wait', async (t) => {
  const h = await harness(t);
  await h.inPages();
  const list = await h.server.next();
  const text = JSON.stringify(
    secretList(
      5000,
      Array.from({ length: 2000 }, (_, i) => secret(`s-${i}`, i + 1)),
    ),
  );
  await list.write(text.slice(0, -100));
  await h.emitted(1);
  await h.reflector.stop();
  h.changes();
  await list.closed;
  assert.deepEqual(h.changes(), []);
  assert.deepEqual(h.clock.waits, []);
});

test('stop ends a wait between two tries, and one before the first answer', async (t) => {
  const waiting = await harness(t);
  (await waiting.server.next()).answer(500, 'no');
  await until('the wait', () => waiting.clock.waits.includes(400));
  await waiting.reflector.stop();
  assert.deepEqual(waiting.clock.waits, []);
  const asking = await harness(t);
  const request = await asking.server.next();
  await asking.reflector.stop();
  await request.closed;
  assert.deepEqual(asking.statuses, []);
});
