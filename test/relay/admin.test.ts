import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { objectKey } from '@hawser/protocol';
import { pino } from 'pino';
import { until } from '../support/until.ts';
import { askAdmin, openAdmin } from './admin-client.ts';
import { type Cluster, configMap, pod, ready, registration, start } from './cluster.ts';

const GET = { verbs: ['get'], nonResourceURLs: ['/hawser/*'] };

/** One for all tests of this file: a relay, and users with some of the rights. */
let cluster: Cluster;
const ends: (() => unknown)[] = [];
after(async () => {
  for (const end of ends.toReversed()) await end();
});
before(async () => {
  const options = {
    tokens: [
      { token: 'viewer', user: 'viewer', groups: ['system:authenticated'] },
      { token: 'nobody', user: 'nobody', groups: ['system:authenticated'] },
      // Of which nothing is remembered when its test comes.
      { token: 'late', user: 'viewer', groups: ['system:authenticated'] },
    ],
    bindings: [{ subject: { user: 'viewer' }, rules: [GET] }],
  };
  cluster = await start({ after: (end) => ends.push(end) }, {}, options, {
    logger: pino({ level: 'warn' }, { write: () => undefined }),
  });
  await ready(cluster.relay);
});

test('the sessions of a replica are listed in pages, by name', async () => {
  for (const node of ['edge-2', 'edge-1', 'edge-3']) await cluster.dial(node);
  const first = JSON.parse((await askAdmin(cluster, '/hawser/nodes?limit=2', 'viewer')).text);
  assert.equal(first.kind, 'NodeSessionList');
  assert.deepEqual(
    first.items.map(({ node, state }: { node: string; state: string }) => [node, state]),
    [
      ['edge-1', 'nodeMissing'],
      ['edge-2', 'nodeMissing'],
    ],
  );
  assert.ok(first.items[0].sentBytes > 0 && first.items[0].receivedBytes > 0);
  const rest = JSON.parse((await askAdmin(cluster, `/hawser/nodes?limit=2&continue=${first.continue}`, 'viewer')).text);
  assert.deepEqual([rest.items.length, rest.items[0].node, rest.continue], [1, 'edge-3', '']);
});

test('a token that the cluster does not know is 401, one without the right 403 in words, and each is counted', async () => {
  for (const token of [undefined, 'wrong']) {
    const { status, headers, text } = await askAdmin(cluster, '/hawser/nodes', token);
    assert.deepEqual([status, headers['www-authenticate'], JSON.parse(text).reason], [401, 'Bearer', 'Unauthorized']);
  }
  const forbidden = await askAdmin(cluster, '/hawser/nodes', 'nobody');
  assert.equal(forbidden.status, 403);
  assert.match(JSON.parse(forbidden.text).message, /"nobody" may not get the path \/hawser\/nodes.*hawser-viewer/);
  // Seeing is not changing.
  const change = { method: 'PUT', body: '{"level":"debug"}' };
  assert.equal((await askAdmin(cluster, '/hawser/log-level', 'viewer', change)).status, 403);
  assert.equal((await askAdmin(cluster, '/hawser/other', 'viewer')).status, 404);
  assert.equal((await askAdmin(cluster, '/hawser/nodes', 'viewer', { method: 'POST' })).status, 405);
  const page = await (await fetch(`http://127.0.0.1:${cluster.relay.opsPort}/metrics`)).text();
  assert.match(page, /hawser_relay_admin_requests_total\{to="nodes",outcome="unauthenticated"\} 2/);
  assert.match(page, /hawser_relay_admin_requests_total\{to="nodes",outcome="forbidden"\} 1/);
  assert.match(page, /hawser_relay_admin_requests_total\{to="setLogLevel",outcome="forbidden"\} 1/);
});

test('what the cluster cannot be asked about is 503 and no permission; the answer is not remembered', async () => {
  const { faults } = cluster.api;
  faults.add({ pathPrefix: '/apis/authentication.k8s.io/v1/tokenreviews', fault: { type: 'answer', status: 500 } });
  const unknown = await askAdmin(cluster, '/hawser/nodes', 'late');
  assert.equal(unknown.status, 503);
  assert.match(JSON.parse(unknown.text).message, /who the token is from could not be asked/);
  faults.add({ pathPrefix: '/apis/authorization.k8s.io/v1/subjectaccessreviews', fault: { type: 'answer', status: 503 } });
  const unjudged = await askAdmin(cluster, '/hawser/nodes', 'late');
  assert.equal(unjudged.status, 503);
  assert.match(JSON.parse(unjudged.text).message, /whether you may could not be asked/);
  assert.equal((await askAdmin(cluster, '/hawser/nodes', 'late')).status, 200);
});

test('the log level is changed while the relay runs, and set back', async () => {
  const token = cluster.api.adminToken;
  const level = async (body?: string) => {
    const { status, text } = await askAdmin(
      cluster,
      '/hawser/log-level',
      token,
      body === undefined ? {} : { method: 'PUT', body },
    );
    return status === 200 ? JSON.parse(text).level : status;
  };
  const before = await level();
  assert.equal(await level('{"level":"debug"}'), 'debug');
  assert.equal(await level(), 'debug');
  assert.equal(await level('{"level":null}'), before);
  for (const wrong of ['{"level":"loud"}', '[', '{}', '{"level":"info","more":1}']) assert.equal(await level(wrong), 400);
  assert.equal(await level(' '.repeat(2_000)), 413);
});

test('a watch tells what there is, then what changes, a line each', async (t) => {
  const { agent } = await cluster.dial('watch-1');
  const answer = await openAdmin(cluster.relay.adminPort, '/hawser/nodes?watch=true', 'viewer');
  t.after(() => answer.destroy());
  const lines: { type: string; object?: { node: string; state: string } }[] = [];
  let rest = '';
  answer.setEncoding('utf8').on('data', (chunk: string) => {
    const parts = (rest + chunk).split('\n');
    rest = parts.pop() ?? '';
    lines.push(...parts.map((line) => JSON.parse(line)));
  });
  const told = (type: string, node: string, state?: string) =>
    until(`${type} of ${node}`, 60_000, undefined, async () =>
      lines.some(
        (line) => line.type === type && line.object?.node === node && (state ?? line.object.state) === line.object.state,
      ),
    );
  await until('the end of the state', 60_000, undefined, async () => lines.some(({ type }) => type === 'SYNCED'));
  assert.equal(
    lines.some(({ object }) => object?.node === 'watch-1'),
    true,
  );
  const { agent: other } = await cluster.dial('watch-2');
  await told('ADDED', 'watch-2');
  await agent.report(registration('watch-1'));
  await told('MODIFIED', 'watch-1', 'inSync');
  other.close();
  await told('DELETED', 'watch-2');
});

test('one node is told with what it should hold, holds and was refused, and that an older agent does not tell', async () => {
  const { kube } = cluster;
  assert.equal((await askAdmin(cluster, '/hawser/nodes/node-1', 'viewer')).status, 404);
  await kube.create(configMap('settings', { colour: 'red' }));
  const { agent } = await cluster.dial('node-1');
  agent.refuses = objectKey('configmaps', 'default', 'settings');
  await agent.report(registration('node-1'));
  await kube.create(pod('front', 'node-1', 'settings'));
  const report = await until('the refusal to be told', 60_000, undefined, async () => {
    const { status, text } = await askAdmin(cluster, '/hawser/nodes/node-1', 'viewer');
    assert.equal(status, 200, text);
    const one = JSON.parse(text);
    return one.refusals.length > 0 ? one : undefined;
  });
  assert.equal(report.refusals[0].key, 'configmaps/default/settings');
  const counts = report.objects.resources.find(({ resource }: { resource: string }) => resource === 'configmaps');
  assert.deepEqual(counts, { resource: 'configmaps', desired: 2, known: 2, differing: 1 });
  assert.deepEqual(
    report.objects.differing.find(({ key }: { key: string }) => key === 'configmaps/default/settings')?.why,
    'refused',
  );
  assert.match(report.device.untold, /version that does not tell/);
  assert.equal(report.session.node, 'node-1');
  assert.ok(Date.parse(report.session.certificateEnd) > Date.now());
});
