import assert from 'node:assert/strict';
import { request } from 'node:https';
import { test } from 'node:test';
import { startEmbeddedApiServer } from './server.ts';

test('requests are counted by who made them, as whom, and of what, for the administrator to read', async (t) => {
  const server = await startEmbeddedApiServer({ countRequests: true });
  t.after(() => server.close());
  const ask = (method: string, path: string, token: string, headers: Record<string, string> = {}) =>
    new Promise<{ status: number; text: string }>((resolve, reject) => {
      const sent = request(
        new URL(path, server.url),
        { method, ca: server.caPem, headers: { authorization: `Bearer ${token}`, ...headers } },
        async (answer) => {
          const chunks: Buffer[] = [];
          for await (const chunk of answer) chunks.push(Buffer.from(chunk));
          resolve({ status: answer.statusCode ?? 0, text: Buffer.concat(chunks).toString('utf8') });
        },
      );
      sent.on('error', reject);
      sent.end();
    });
  await ask('GET', '/api/v1/namespaces/default/configmaps/a?limit=1', server.relayToken);
  await ask('GET', '/api/v1/namespaces/default/configmaps/b', server.relayToken);
  const as = { 'impersonate-user': 'system:node:edge-1' };
  await ask('DELETE', '/api/v1/namespaces/default/pods/web/status', server.relayToken, as);
  await ask('GET', '/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/edge-1', server.adminToken);
  await ask('GET', '/api/v1/namespaces/default', server.adminToken);

  const counts = await ask('GET', '/-/requests', server.adminToken);
  assert.deepEqual(JSON.parse(counts.text), [
    { by: 'relay', as: '', method: 'GET', resource: 'configmaps', count: 2 },
    { by: 'relay', as: 'system:node:edge-1', method: 'DELETE', resource: 'pods/status', count: 1 },
    { by: 'admin', as: '', method: 'GET', resource: 'leases', count: 1 },
    { by: 'admin', as: '', method: 'GET', resource: 'namespaces', count: 1 },
  ]);
  assert.equal((await ask('GET', '/-/requests', server.relayToken)).status, 401);

  const rates = JSON.parse((await ask('GET', '/-/requests/rates', server.adminToken)).text) as { count: number }[];
  assert.equal(
    rates.reduce((sum, { count }) => sum + count, 0),
    3,
    'of the relay',
  );
  assert.equal((await ask('GET', '/-/requests/rates', server.relayToken)).status, 401);
});
