import assert from 'node:assert/strict';
import { request } from 'node:https';
import { test } from 'node:test';
import { type EmbeddedApiServer, startEmbeddedApiServer } from './server.ts';

function ask(server: EmbeddedApiServer, method: string, path: string, token: string, body?: object): Promise<unknown> {
  const text = body === undefined ? undefined : JSON.stringify(body);
  const type = method === 'PATCH' ? 'application/merge-patch+json' : 'application/json';
  const headers = { authorization: `Bearer ${token}`, 'content-type': type };
  return new Promise((resolve, reject) => {
    const sent = request(new URL(path, server.url), { method, ca: server.caPem, headers }, async (answer) => {
      const chunks: Buffer[] = [];
      for await (const chunk of answer) chunks.push(Buffer.from(chunk));
      resolve(JSON.parse(Buffer.concat(chunks).toString('utf8')));
    });
    sent.on('error', reject);
    sent.end(text);
  });
}

test('what really changes is counted, and a request that changes nothing is not', async (t) => {
  const server = await startEmbeddedApiServer({ countRequests: true });
  t.after(() => server.close());
  const { adminToken } = server;
  const path = '/api/v1/namespaces/default/secrets';
  await ask(server, 'POST', path, adminToken, { metadata: { name: 'a' }, stringData: { key: 'one' } });
  await ask(server, 'PATCH', `${path}/a`, adminToken, { stringData: { key: 'two' } });
  await ask(server, 'PATCH', `${path}/a`, adminToken, { stringData: { key: 'two' } });
  await ask(server, 'DELETE', `${path}/a`, adminToken);
  await ask(server, 'DELETE', `${path}/a`, adminToken);
  const counts = (await ask(server, 'GET', '/-/changes', adminToken)) as { resource: string }[];
  assert.deepEqual(
    counts.filter(({ resource }) => resource === 'secrets'),
    [
      { resource: 'secrets', type: 'ADDED', count: 1 },
      { resource: 'secrets', type: 'MODIFIED', count: 1 },
      { resource: 'secrets', type: 'DELETED', count: 1 },
    ],
  );
  assert.deepEqual(await ask(server, 'GET', '/-/changes', server.relayToken), {});
});
