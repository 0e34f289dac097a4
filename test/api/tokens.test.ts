import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createDevicePolicy, type SpecialAnswer, serviceUnavailable } from '@hawser/edge';
import { startTestServer } from './server.ts';

const PATH = '/api/v1/namespaces/shop/serviceaccounts/clerk/token';
const ANSWER = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', metadata: {}, status: { token: 'abc' } };

/** The device's API, with one token for the node and one for the administrator. */
async function deviceApi(requestToken?: () => Promise<SpecialAnswer>) {
  const holders = new Map<string, 'kubelet' | 'administrator'>([
    ['the-node', 'kubelet'],
    ['t', 'administrator'],
  ]);
  const options = { nodeName: 'edge-1', holderOf: (token: string) => holders.get(token), hasSynced: () => true };
  return startTestServer({
    policy: createDevicePolicy(requestToken === undefined ? options : { ...options, requestToken }),
  });
}

const as = (token: string) => ({ headers: { authorization: `Bearer ${token}` }, body: { spec: {} } });

test('a TokenRequest over HTTP is answered for the node, 403 for the administrator, 401 for nobody', async (t) => {
  const server = await deviceApi(async () => ({ status: 201, body: ANSWER }));
  t.after(server.close);
  const given = await server.call('POST', PATH, as('the-node'));
  assert.equal(given.status, 201);
  assert.deepEqual(given.json, ANSWER);
  assert.equal(given.headers.warning, undefined);
  const refused = await server.call('POST', PATH, as('t'));
  assert.deepEqual([refused.status, refused.json.reason], [403, 'Forbidden']);
  assert.equal((await server.call('POST', PATH, { body: {} })).status, 401);
  assert.equal((await server.call('PUT', PATH, as('the-node'))).status, 403);
  assert.equal((await server.call('GET', PATH, { headers: { authorization: 'Bearer t' } })).status, 405);
});

test('what a person should know of an answer goes out as Warning headers, quoted as they must be', async (t) => {
  const warnings = ['the token has expired', 'a "quoted" \\ word'];
  const server = await deviceApi(async () => ({ status: 201, body: ANSWER, warnings }));
  t.after(server.close);
  const { headers } = await server.call('POST', PATH, as('the-node'));
  assert.deepEqual(String(headers.warning), '299 - "the token has expired", 299 - "a \\"quoted\\" \\\\ word"');
});

test('without a token and without the cloud it is 503 with Retry-After', async (t) => {
  const server = await deviceApi(async () => {
    throw serviceUnavailable('no token of this pod is kept, and the cloud cannot be asked', 7);
  });
  t.after(server.close);
  const { status, headers, json } = await server.call('POST', PATH, as('the-node'));
  assert.deepEqual([status, headers['retry-after'], json.reason], [503, '7', 'ServiceUnavailable']);
});

test('where nobody answers TokenRequests they are 405', async (t) => {
  const server = await deviceApi();
  t.after(server.close);
  assert.equal((await server.call('POST', PATH, as('the-node'))).status, 405);
});
