import assert from 'node:assert/strict';
import { Agent, request as httpsRequest } from 'node:https';
import { after, afterEach, before, describe, it } from 'node:test';
import { exchangeOnce, openWatch } from '../replay/client.ts';
import { until } from '../support/until.ts';
import { FAULTS_PATH } from './fault-endpoint.ts';
import { type EmbeddedApiServer, startEmbeddedApiServer } from './server.ts';

const CONFIGMAPS = '/api/v1/namespaces/default/configmaps';

describe('faults of the embedded API server', { timeout: 20_000 }, () => {
  let server: EmbeddedApiServer;
  let agent: Agent;

  before(async () => {
    server = await startEmbeddedApiServer({ faultEndpoint: true });
    agent = new Agent({ ca: server.caPem });
  });
  after(async () => {
    agent.destroy();
    await server.close();
  });
  afterEach(() => server.faults.clear());

  const request = (path: string, method = 'GET', body?: unknown, token = server.adminToken) => ({
    url: server.url,
    agent,
    method,
    path,
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  const create = (name: string) =>
    exchangeOnce(request(CONFIGMAPS, 'POST', { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name } }));

  it('answers 429 with Retry-After as often as asked, and only to what matches', async () => {
    server.faults.add({ fault: { type: 'answer', status: 429, retryAfterSeconds: 2 }, pathPrefix: CONFIGMAPS, times: 2 });
    assert.equal((await exchangeOnce(request('/api/v1/nodes'))).status, 200);
    const refused = await exchangeOnce(request(CONFIGMAPS));
    assert.equal(refused.status, 429);
    assert.equal(refused.headers['retry-after'], '2');
    assert.equal((await exchangeOnce(request(CONFIGMAPS))).status, 429);
    assert.equal((await exchangeOnce(request(CONFIGMAPS))).status, 200);
  });

  it('cuts open watches in the middle', async () => {
    const watch = await openWatch(request(`${CONFIGMAPS}?watch=true&resourceVersion=${server.storage.revision()}`));
    assert.equal(server.faults.cutWatches(), 1);
    assert.deepEqual(await watch.ended, []);
  });

  it('tells a watch that its revision has expired', async () => {
    server.faults.add({ fault: { type: 'expired' }, watch: true });
    const watch = await openWatch(request(`${CONFIGMAPS}?watch=true&resourceVersion=${server.storage.revision()}`));
    const [event] = await watch.ended;
    assert.deepEqual([watch.status, typeOf(event)], [200, 'ERROR']);
    const next = await openWatch(request(`${CONFIGMAPS}?watch=true&timeoutSeconds=1`));
    assert.notEqual(typeOf((await next.ended)[0]), 'ERROR');
  });

  it('lists nothing of what there is, once, in pages or as a stream, and says how far it is all the same', async () => {
    await create('there');
    const list = '/api/v1/configmaps';
    server.faults.add({ fault: { type: 'emptyList' }, pathPrefix: list, times: 2 });
    assert.notDeepEqual(itemsOf(await exchangeOnce(request(`${list}?limit=1`))), []);
    assert.notDeepEqual(itemsOf(await exchangeOnce(request(CONFIGMAPS))), []);
    assert.deepEqual(itemsOf(await exchangeOnce(request(`${list}?limit=500`))), []);
    const watch = await openWatch(
      request(`${list}?watch=true&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true`),
    );
    assert.deepEqual((await watch.ended).map(typeOf), ['BOOKMARK']);
    assert.notDeepEqual(itemsOf(await exchangeOnce(request(list))), []);
  });

  it('silences the watches that are open, and not those that come after', async () => {
    const path = `${CONFIGMAPS}?watch=true&resourceVersion=${server.storage.revision()}`;
    const open = await openWatch(request(path));
    server.faults.silenceOpenWatches();
    const later = await openWatch(request(`${path}&timeoutSeconds=1`));
    await create('unheard');
    assert.deepEqual((await later.ended).map(typeOf), ['ADDED']);
    server.faults.cutWatches();
    assert.deepEqual(await open.ended, []);
  });

  it('answers 410 to a watch from before a compaction', async () => {
    const old = server.storage.revision();
    await create('compacted');
    server.faults.compact();
    const watch = await openWatch(request(`${CONFIGMAPS}?watch=true&resourceVersion=${old}`));
    assert.deepEqual((await watch.ended).map(typeOf), ['ERROR']);
  });

  it('lets watches fall silent, and speak again', async () => {
    const now = () => `${CONFIGMAPS}?watch=true&timeoutSeconds=1&resourceVersion=${server.storage.revision()}`;
    const cut = await openWatch(request(now()));
    server.faults.silenceWatches();
    await create('unheard');
    server.faults.cutWatches();
    assert.deepEqual(await cut.ended, []);

    server.faults.speakWatches();
    const kept = await openWatch(request(now()));
    server.faults.silenceWatches();
    await create('heard-late');
    server.faults.speakWatches();
    assert.deepEqual((await kept.ended).map(typeOf), ['ADDED']);
  });

  it('lets watches speak that were silenced twice, and those that never were', async () => {
    const open = () =>
      openWatch(request(`${CONFIGMAPS}?watch=true&timeoutSeconds=1&resourceVersion=${server.storage.revision()}`));
    const never = await open();
    server.faults.speakWatches();
    await create('heard-at-once');
    assert.deepEqual((await never.ended).map(typeOf), ['ADDED']);

    const twice = await open();
    server.faults.silenceOpenWatches();
    server.faults.silenceWatches();
    await create('heard-after-both');
    server.faults.speakWatches();
    assert.deepEqual((await twice.ended).map(typeOf), ['ADDED']);
  });

  it('goes back to an older revision, as a restored cluster does', async () => {
    const revision = server.storage.revision();
    await create('lost');
    server.faults.rewind(revision);
    assert.equal((await exchangeOnce(request(`${CONFIGMAPS}/lost`))).status, 404);
    assert.equal(server.storage.revision(), revision);
  });

  it('holds requests, which are done when they are released, and answers to what is done', async () => {
    server.faults.add({ fault: { type: 'hold' }, pathPrefix: CONFIGMAPS, write: true });
    const held = create('late');
    await until('a held request', 60_000, undefined, async () => server.faults.held().requests === 1);
    assert.equal((await exchangeOnce(request(`${CONFIGMAPS}/late`))).status, 404);
    server.faults.releaseHeld();
    assert.equal((await held).status, 201);

    server.faults.add({ fault: { type: 'holdAnswer' }, pathPrefix: CONFIGMAPS, write: true });
    const unanswered = create('unanswered');
    await until('a held answer', 60_000, undefined, async () => server.faults.held().answers === 1);
    assert.equal((await exchangeOnce(request(`${CONFIGMAPS}/unanswered`))).status, 200);
    server.faults.releaseHeld();
    assert.equal((await unanswered).status, 201);
    assert.deepEqual(server.faults.held(), { requests: 0, answers: 0 });
  });

  it('does nothing of a held request whose client has gone', async () => {
    server.faults.add({ fault: { type: 'hold' }, method: 'POST' });
    const body = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'given-up' } };
    const { headers } = request(CONFIGMAPS, 'POST');
    const client = httpsRequest(new URL(CONFIGMAPS, server.url), { method: 'POST', headers, ca: server.caPem });
    client.on('error', () => undefined);
    client.end(JSON.stringify(body));
    await until('a held request', 60_000, undefined, async () => server.faults.held().requests === 1);
    client.destroy();
    await until('nothing held', 60_000, undefined, async () => server.faults.held().requests === 0);
    assert.equal((await exchangeOnce(request(`${CONFIGMAPS}/given-up`))).status, 404);
  });

  it('meets only what is made as that user', async () => {
    server.faults.add({ fault: { type: 'answer', status: 503 }, as: 'system:node:edge-1' });
    assert.equal((await exchangeOnce(request(CONFIGMAPS))).status, 200);
    const asNode = request(CONFIGMAPS);
    const headers = { ...asNode.headers, 'impersonate-user': 'system:node:edge-1' };
    assert.equal((await exchangeOnce({ ...asNode, headers })).status, 503);
  });

  it('takes commands over HTTP from the administrator alone', async () => {
    const command = { do: 'add', fault: { type: 'answer', status: 503, retryAfterSeconds: 1 }, method: 'GET' };
    assert.equal((await exchangeOnce(request(FAULTS_PATH, 'POST', command, 'another'))).status, 401);
    assert.equal((await exchangeOnce(request(FAULTS_PATH, 'POST', { do: 'dance' }))).status, 400);
    assert.equal((await exchangeOnce(request(FAULTS_PATH, 'POST', command))).status, 204);
    assert.equal((await exchangeOnce(request(CONFIGMAPS))).status, 503);
    assert.equal((await exchangeOnce(request(CONFIGMAPS))).status, 200);
  });
});

function itemsOf({ body }: { readonly body: unknown }): unknown {
  return typeof body === 'object' && body !== null && 'items' in body ? body.items : undefined;
}

function typeOf(event: unknown): unknown {
  return typeof event === 'object' && event !== null && 'type' in event ? event.type : undefined;
}
