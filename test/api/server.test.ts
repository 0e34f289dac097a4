import assert from 'node:assert/strict';
import { once } from 'node:events';
import { request } from 'node:https';
import { connect } from 'node:net';
import { describe, it } from 'node:test';
import type { Credentials, Fault, RequestAttributes } from '@hawser/edge';
import { type CertificatePair, createAuthority } from '../support/pki.ts';
import { HTTP_VERSIONS, type HttpVersion } from './client.ts';
import { startTestServer, type TestServer } from './server.ts';

const COLLECTION = '/api/v1/namespaces/ns/configmaps';

/** A request with a client certificate or a token, and its status. */
function callAs(test: TestServer, client: Partial<CertificatePair>, headers: Record<string, string> = {}): Promise<number> {
  const { port } = test.server.address();
  return new Promise((resolve, reject) => {
    const tls = { ca: test.authority.certificatePem, cert: client.certificatePem, key: client.keyPem, agent: false } as const;
    request({ host: '127.0.0.1', port, path: COLLECTION, headers, ...tls }, (response) => {
      response.resume().on('end', () => resolve(response.statusCode ?? 0));
    })
      .on('error', reject)
      .end();
  });
}

describe('who a request is from', () => {
  it('comes to the policy as certificate, token and impersonation', async () => {
    const seen: [Credentials, RequestAttributes][] = [];
    const test = await startTestServer({
      policy: {
        authenticate: (credentials, attributes) => {
          seen.push([credentials, attributes]);
          return { name: 'x', groups: [] };
        },
      },
    });
    const node = await test.authority.issueClient({ commonName: 'system:node:edge-1', organizations: ['system:nodes', 'b'] });
    assert.equal(await callAs(test, node, { authorization: 'Bearer secret', 'impersonate-user': 'bob' }), 200);
    const [credentials, attributes] = seen[0] ?? [];
    assert.equal(credentials?.certificate?.commonName, 'system:node:edge-1');
    assert.deepEqual([...(credentials?.certificate?.organizations ?? [])].sort(), ['b', 'system:nodes']);
    assert.equal(credentials?.bearerToken, 'secret');
    assert.equal(credentials?.impersonate.user, 'bob');
    assert.equal(attributes?.resource?.namespace, 'ns');
    await test.close();
  });

  it('is nobody with a certificate of another authority, unless a token says who', async () => {
    const test = await startTestServer({
      policy: {
        authenticate: ({ bearerToken, certificate }) =>
          certificate !== undefined || bearerToken === 'good' ? { name: 'x', groups: [] } : undefined,
      },
    });
    const stranger = await (await createAuthority('stranger')).issueClient({ commonName: 'system:node:edge-1' });
    assert.equal(await callAs(test, stranger), 401);
    assert.equal(await callAs(test, stranger, { authorization: 'Bearer good' }), 200);
    assert.equal(await callAs(test, {}, { authorization: 'Bearer bad' }), 401);
    await test.close();
  });

  it('is asked before it is known whether the path leads anywhere', async () => {
    const test = await startTestServer({ policy: { authorize: () => ({ allowed: false, reason: '' }) } });
    const refused = await test.call('GET', '/apis/no.such.group/v1/things');
    assert.equal(refused.status, 403);
    assert.equal(
      refused.json.message,
      'things.no.such.group is forbidden: User "tester" cannot list resource "things" in API group "no.such.group" at the cluster scope',
    );
    assert.equal((await test.call('GET', '/api')).json.message, 'forbidden: User "tester" cannot get path "/api"');
    await test.close();
  });
});

/** What a client sees of an answer that was cut before it began. */
const CUT: Readonly<Record<HttpVersion, string>> = { 'HTTP/1.1': 'ECONNRESET', 'HTTP/2': 'ERR_HTTP2_STREAM_ERROR' };

for (const http of HTTP_VERSIONS) {
  describe(`a fault over ${http}`, () => {
    async function withFault(fault: Fault): Promise<TestServer> {
      let left = 1;
      return startTestServer({
        http,
        server: { intercept: ({ path }) => (path === COLLECTION && left-- > 0 ? fault : undefined) },
      });
    }

    it('answers 429 with Retry-After once, and then as usual', async () => {
      const test = await withFault({ type: 'answer', status: 429, retryAfterSeconds: 7 });
      const refused = await test.call('GET', COLLECTION);
      assert.deepEqual([refused.status, refused.headers['retry-after'], refused.json.reason], [429, '7', 'TooManyRequests']);
      assert.equal((await test.call('GET', COLLECTION)).status, 200);
      await test.close();
    });

    it('cuts a request', async () => {
      const test = await withFault({ type: 'cut' });
      await assert.rejects(test.call('GET', COLLECTION), { code: CUT[http] });
      await test.close();
    });

    it('delays a request', async () => {
      const test = await withFault({ type: 'delay', milliseconds: 50 });
      const begin = performance.now();
      assert.equal((await test.call('GET', COLLECTION)).status, 200);
      assert.ok(performance.now() - begin >= 49);
      await test.close();
    });

    it('stalls a request until the server closes', async () => {
      const test = await withFault({ type: 'stall' });
      const stalled = test.call('GET', COLLECTION);
      assert.equal((await test.call('GET', '/healthz')).status, 200);
      await Promise.all([assert.rejects(stalled), test.close()]);
    });
  });
}

describe('a server', () => {
  it('says why it is not ready', async () => {
    const test = await startTestServer({ server: { notReady: () => 'secrets are not synced' } });
    const { status, text } = await test.call('GET', '/readyz');
    assert.equal(status, 500);
    assert.match(text, /secrets are not synced/);
    assert.equal((await test.call('GET', '/livez')).status, 200);
    await test.close();
  });

  it('refuses a port that is in use', async () => {
    const test = await startTestServer();
    const other = await startTestServer();
    await other.close();
    await assert.rejects(other.server.listen(test.server.address().port), { code: 'EADDRINUSE' });
    await test.close();
  });

  it('answers 500 for a failure of its own and goes on', async () => {
    const test = await startTestServer({
      policy: {
        admit: () => {
          throw new TypeError('a mistake in the policy');
        },
      },
    });
    const failed = await test.call('POST', COLLECTION, { body: { metadata: { name: 'x' } } });
    assert.equal(failed.status, 500);
    assert.doesNotMatch(failed.text, /a mistake in the policy/);
    assert.equal((await test.call('GET', COLLECTION)).status, 200);
    await test.close();
  });

  it('hands subresources that it does not know to the policy', async () => {
    const test = await startTestServer({
      policy: {
        specialResources: [
          {
            group: 'authorization.k8s.io',
            version: 'v1',
            resource: 'selfsubjectreviews',
            kind: 'X',
            namespaced: false,
            verbs: ['create'],
          },
        ],
        handleSpecial: ({ verb, resource, subresource, name, body }) =>
          subresource === 'log'
            ? undefined
            : {
                status: 201,
                body: {
                  kind: 'Echo',
                  apiVersion: 'v1',
                  metadata: { name: `${verb} ${resource}/${name}/${subresource}` },
                  sent: body,
                },
              },
      },
    });
    const binding = await test.call('POST', '/api/v1/namespaces/ns/pods/p/binding', { body: { target: { name: 'n' } } });
    assert.deepEqual([binding.status, binding.json.metadata.name], [201, 'create pods/p/binding']);
    assert.equal((await test.call('POST', '/apis/authorization.k8s.io/v1/selfsubjectreviews', { body: {} })).status, 201);
    assert.equal((await test.call('GET', '/apis/authorization.k8s.io/v1/selfsubjectreviews')).status, 405);
    assert.equal((await test.call('GET', '/api/v1/namespaces/ns/pods/p/log')).status, 404);
    await test.close();
  });
});

describe('a connection whose TLS handshake is not done', () => {
  it('does not hold up a server that closes', { timeout: 10_000 }, async () => {
    const test = await startTestServer();
    const socket = connect(test.server.address().port, '127.0.0.1');
    await once(socket, 'connect');
    // Its accept comes before the answer to a request that is made after it.
    await callAs(test, {});
    const closed = once(socket, 'close');
    await test.close();
    await closed;
  });
});
