import 'reflect-metadata';
import assert from 'node:assert/strict';
import { generateKeyPairSync, webcrypto } from 'node:crypto';
import { Agent } from 'node:https';
import { after, before, describe, it } from 'node:test';
import type { RuleBinding } from '@hawser/edge';
import { Pkcs10CertificateRequestGenerator } from '@peculiar/x509';
import { exchangeOnce, openWatch } from '../../replay/client.ts';
import { type EmbeddedApiServer, startEmbeddedApiServer } from '../server.ts';
import { fieldsOf, itemsOf, textOf } from './fields.ts';

const NODE_HEADERS = { 'impersonate-user': 'system:node:edge-1', 'impersonate-group': 'system:nodes' };
/** A caller that may act as any node, in the constrained form, and there only read Secrets. */
const CONSTRAINED = { token: 'token-of-the-constrained-relay', user: 'constrained', groups: [] };
const CONSTRAINED_RULES: RuleBinding = {
  subject: { user: CONSTRAINED.user },
  rules: [
    { apiGroups: ['authentication.k8s.io'], resources: ['nodes'], verbs: ['impersonate:arbitrary-node'] },
    { apiGroups: [''], resources: ['secrets'], verbs: ['impersonate-on:arbitrary-node:get'] },
  ],
};

describe('the policy of the embedded cluster', { timeout: 120_000 }, () => {
  let server: EmbeddedApiServer;
  let agent: Agent;

  before(async () => {
    server = await startEmbeddedApiServer({ tokens: [CONSTRAINED], bindings: [CONSTRAINED_RULES] });
    agent = new Agent({ ca: server.caPem });
    await send('POST', '/api/v1/nodes', { metadata: { name: 'edge-1' } });
    for (const name of ['used', 'unused']) {
      await send('POST', '/api/v1/namespaces/default/secrets', { metadata: { name }, stringData: { k: name } });
    }
    await send('POST', '/api/v1/namespaces/default/pods', podOn('edge-1', 'mine'));
    await send('POST', '/api/v1/namespaces/default/pods', podOn('edge-2', 'theirs'));
  });
  after(async () => {
    agent.destroy();
    await server.close();
  });

  async function send(
    method: string,
    path: string,
    body?: unknown,
    { token = server.adminToken, headers = {} }: { token?: string | undefined; headers?: Record<string, string> } = {},
    through = agent,
  ) {
    const authorization: Record<string, string> = token === '' ? {} : { authorization: `Bearer ${token}` };
    const answer = await exchangeOnce({
      url: server.url,
      agent: through,
      method,
      path,
      headers: { 'content-type': 'application/json', ...authorization, ...headers },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
    return { status: answer.status, body: fieldsOf(answer.body), message: textOf(fieldsOf(answer.body).message) };
  }

  it('lets the relay act as a node, within what the Node authorizer allows', async () => {
    const asNode = { token: server.relayToken, headers: { 'impersonate-user': 'system:node:edge-1' } };
    assert.equal((await send('GET', '/api/v1/namespaces/default/secrets/used', undefined, asNode)).status, 200);
    const refused = await send('GET', '/api/v1/namespaces/default/secrets/unused', undefined, asNode);
    assert.equal(refused.status, 403);
    assert.match(refused.message, /^secrets "unused" is forbidden: User "system:node:edge-1" .*no relationship found/);
    const others = await send('GET', '/api/v1/namespaces/default/pods/theirs', undefined, asNode);
    assert.equal(others.status, 403);
  });

  it('does not let a relay with the newer rights act in the older form', async () => {
    const refused = await send('GET', '/api/v1/nodes/edge-1', undefined, { token: server.relayToken, headers: NODE_HEADERS });
    assert.match(refused.message, /hawser-relay" cannot impersonate resource "users"/);
  });

  it('does not let the relay act as a member of system:masters', async () => {
    const headers = { 'impersonate-user': 'anybody', 'impersonate-group': 'system:masters' };
    const refused = await send('GET', '/api/v1/secrets', undefined, { token: server.relayToken, headers });
    assert.equal(refused.status, 403);
    assert.match(refused.message, /hawser-relay" cannot impersonate resource "users"/);
  });

  it('adds the group of nodes in the constrained form, and there checks the verb', async () => {
    const headers = { 'impersonate-user': 'system:node:edge-1' };
    const asNode = { token: CONSTRAINED.token, headers };
    assert.equal((await send('GET', '/api/v1/namespaces/default/secrets/used', undefined, asNode)).status, 200);
    const refused = await send('GET', '/api/v1/namespaces/default/configmaps/kube-root-ca.crt', undefined, asNode);
    assert.match(refused.message, /User "constrained" cannot impersonate-on:arbitrary-node:get resource "configmaps"/);
  });

  it('keeps a node from its neighbours and from labels that are not its to set', async () => {
    const asNode = { headers: { ...NODE_HEADERS, 'content-type': 'application/merge-patch+json' } };
    const label = (name: string) => ({ metadata: { labels: { [name]: 'x' } } });
    assert.equal((await send('PATCH', '/api/v1/nodes/edge-1', label('example.test/free'), asNode)).status, 200);
    const refused = await send('PATCH', '/api/v1/nodes/edge-1', label('node-role.kubernetes.io/edge'), asNode);
    assert.match(refused.message, /is not allowed to modify labels: node-role\.kubernetes\.io\/edge/);
    const status = await send('PATCH', '/api/v1/namespaces/default/pods/theirs/status', { status: { phase: 'Failed' } }, asNode);
    assert.match(status.message, /can only update pod status for pods with spec\.nodeName set to itself/);
  });

  it('deletes a bound pod in two steps', async () => {
    const path = '/api/v1/namespaces/default/pods/leaving';
    await send('POST', '/api/v1/namespaces/default/pods', podOn('edge-1', 'leaving'));
    const marked = await send('DELETE', path);
    assert.equal(fieldsOf(marked.body.metadata).deletionGracePeriodSeconds, 30);
    const watch = await openWatch({
      url: server.url,
      agent,
      method: 'GET',
      path: `/api/v1/pods?watch=true&timeoutSeconds=1&resourceVersion=${server.storage.revision()}`,
      headers: { authorization: `Bearer ${server.adminToken}` },
      body: undefined,
    });
    assert.equal((await send('DELETE', `${path}?gracePeriodSeconds=0`)).status, 200);
    assert.deepEqual(
      (await watch.ended).map((event) => fieldsOf(event).type),
      ['MODIFIED', 'DELETED'],
    );
  });

  it('issues tokens that end with the pod they are bound to', async () => {
    await send('POST', '/api/v1/namespaces/default/pods', podOn('edge-1', 'bearer'));
    const pod = server.storage.get({ resource: 'pods', namespace: 'default', name: 'bearer' });
    const reference = { kind: 'Pod', apiVersion: 'v1', name: 'bearer', uid: pod?.metadata.uid };
    const answer = await send(
      'POST',
      '/api/v1/namespaces/default/serviceaccounts/default/token',
      { spec: { expirationSeconds: 3607, boundObjectRef: reference } },
      { headers: NODE_HEADERS },
    );
    const token = textOf(fieldsOf(answer.body.status).token);
    const review = () =>
      send('POST', '/apis/authentication.k8s.io/v1/selfsubjectreviews', { kind: 'SelfSubjectReview' }, { token });
    const { userInfo } = fieldsOf((await review()).body.status);
    assert.equal(fieldsOf(userInfo).username, 'system:serviceaccount:default:default');
    await send('DELETE', '/api/v1/namespaces/default/pods/bearer?gracePeriodSeconds=0');
    assert.equal((await review()).status, 401);
  });

  it('issues tokens to who acts as a node by impersonation, for that node’s pods and their own account only', async () => {
    await send('POST', '/api/v1/namespaces/default/serviceaccounts', { metadata: { name: 'other' } });
    await send('POST', '/api/v1/namespaces/default/pods', podOn('edge-1', 'other', { serviceAccountName: 'other' }));
    const asNode = { token: server.relayToken, headers: { 'impersonate-user': 'system:node:edge-1' } };
    const request = (account: string, name: string, caller: { token?: string; headers?: Record<string, string> } = asNode) => {
      const uid = server.storage.get({ resource: 'pods', namespace: 'default', name })?.metadata.uid;
      const spec = { expirationSeconds: 3607, boundObjectRef: { kind: 'Pod', apiVersion: 'v1', name, uid } };
      return send('POST', `/api/v1/namespaces/default/serviceaccounts/${account}/token`, { spec }, caller);
    };
    const given = await request('default', 'mine');
    assert.equal(given.status, 201);
    const { status } = await send('POST', '/apis/authentication.k8s.io/v1/tokenreviews', {
      spec: { token: textOf(fieldsOf(given.body.status).token) },
    }).then(({ body }) => ({ status: fieldsOf(body.status) }));
    assert.equal(status.authenticated, true);
    const others = await request('default', 'theirs');
    assert.deepEqual(
      [others.status, others.message.split(': ')[1]],
      [403, 'node requested token bound to a pod scheduled on a different node'],
    );
    const mixed = 'cannot bind token for serviceaccount "default" to pod running with different serviceaccount name.';
    for (const caller of [asNode, {}]) {
      const { status: code, message } = await request('default', 'other', caller);
      assert.deepEqual([code, message], [400, mixed]);
    }
  });

  it('signs an approved request of a kubelet, and knows who comes with the certificate', async () => {
    const { pem, keyPem } = await certificateRequest('O=system:nodes, CN=system:node:edge-1');
    const path = '/apis/certificates.k8s.io/v1/certificatesigningrequests';
    const certificate = textOf(fieldsOf((await approved(path, 'good', pem)).status).certificate);
    const client = new Agent({ ca: server.caPem, cert: Buffer.from(certificate, 'base64').toString('utf8'), key: keyPem });
    const review = await send(
      'POST',
      '/apis/authentication.k8s.io/v1/selfsubjectreviews',
      { kind: 'SelfSubjectReview' },
      { token: '' },
      client,
    );
    client.destroy();
    assert.deepEqual(fieldsOf(review.body.status).userInfo, {
      username: 'system:node:edge-1',
      groups: ['system:nodes', 'system:authenticated'],
    });
  });

  it('refuses to sign a subject that is no node', async () => {
    const { pem } = await certificateRequest('O=system:nodes, CN=edge-1');
    const path = '/apis/certificates.k8s.io/v1/certificatesigningrequests';
    const conditions = itemsOf(fieldsOf((await approved(path, 'bad', pem)).status).conditions);
    assert.deepEqual(
      conditions.map(({ type }) => type),
      ['Approved', 'Failed'],
    );
  });

  /** Creates and approves, and waits for what the signer writes. */
  async function approved(path: string, name: string, pem: string) {
    const spec = {
      request: Buffer.from(pem).toString('base64'),
      signerName: 'kubernetes.io/kube-apiserver-client-kubelet',
      usages: ['digital signature', 'client auth'],
    };
    const { body } = await send('POST', path, { metadata: { name }, spec });
    const written = new Promise<void>((resolve) => {
      const stop = server.storage.subscribe('certificates.k8s.io/certificatesigningrequests', ({ object }) => {
        const { certificate, conditions } = fieldsOf(object.status);
        if (certificate === undefined && itemsOf(conditions).length < 2) return;
        stop();
        resolve();
      });
    });
    const approval = { ...body, status: { conditions: [{ type: 'Approved', status: 'True', reason: 'Test' }] } };
    assert.equal((await send('PUT', `${path}/${name}/approval`, approval)).status, 200);
    await written;
    return (await send('GET', `${path}/${name}`)).body;
  }
});

function podOn(nodeName: string, name: string, spec: object = {}) {
  return {
    metadata: { name },
    spec: {
      ...spec,
      nodeName,
      containers: [{ name: 'main', image: 'example.test/a:1', envFrom: [{ secretRef: { name: 'used' } }] }],
    },
  };
}

async function certificateRequest(subject: string): Promise<{ pem: string; keyPem: string }> {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256' };
  const request = await Pkcs10CertificateRequestGenerator.create({
    name: subject,
    signingAlgorithm: { name: 'ECDSA', hash: 'SHA-256' },
    keys: {
      privateKey: await webcrypto.subtle.importKey(
        'pkcs8',
        privateKey.export({ type: 'pkcs8', format: 'der' }),
        algorithm,
        true,
        ['sign'],
      ),
      publicKey: await webcrypto.subtle.importKey('spki', publicKey.export({ type: 'spki', format: 'der' }), algorithm, true, [
        'verify',
      ]),
    },
  });
  return { pem: request.toString('pem'), keyPem: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString() };
}
