import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { Agent } from 'node:https';
import { after, before, describe, it } from 'node:test';
import type { RuleBinding } from '@hawser/edge';
import { exchangeOnce, openWatch } from '../../replay/client.ts';
import { certificateRequest, SERVING_USAGES, servingRequest } from '../../support/certificate-request.ts';
import { type EmbeddedApiServer, startEmbeddedApiServer } from '../server.ts';
import { fieldsOf, itemsOf, textOf } from './fields.ts';

const REQUESTS = '/apis/certificates.k8s.io/v1/certificatesigningrequests';
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
    const certificate = textOf(fieldsOf((await approved(REQUESTS, 'good', pem)).status).certificate);
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
    const conditions = itemsOf(fieldsOf((await approved(REQUESTS, 'bad', pem)).status).conditions);
    assert.deepEqual(
      conditions.map(({ type }) => type),
      ['Approved', 'Failed'],
    );
  });

  it('signs a request for serving with the names that it has, and says why it does not sign', async () => {
    const serving = 'kubernetes.io/kubelet-serving';
    const conditionOf = async (name: string, pem: string, usages = SERVING_USAGES) => {
      const { status } = await approved(REQUESTS, name, pem, { signerName: serving, usages });
      const { certificate, conditions } = fieldsOf(status);
      return certificate === undefined ? itemsOf(conditions)[1]?.message : textOf(certificate);
    };
    const good = await servingRequest('edge-1');
    const certificate = new X509Certificate(Buffer.from(textOf(await conditionOf('serving', good.pem)), 'base64'));
    assert.match(String(certificate.subjectAltName), /192\.0\.2\.7/);
    assert.equal(certificate.ca, false);
    const names = [{ type: 'dns', value: 'edge-1' }] as const;
    const refused = {
      'no-names': [
        (await certificateRequest('O=system:nodes, CN=system:node:edge-1')).pem,
        'DNS or IP subjectAltName is required',
      ],
      'no-node': [
        (await certificateRequest('O=system:nodes, CN=bob', names)).pem,
        'subject common name does not begin with system:node:',
      ],
      'no-group': [(await certificateRequest('CN=system:node:edge-1', names)).pem, 'subject organization is not system:nodes'],
    };
    for (const [name, [pem = '', why]] of Object.entries(refused)) assert.equal(await conditionOf(name, pem), why);
    assert.match(textOf(await conditionOf('usages', good.pem, ['client auth'])), /^usages did not match \[/);
  });

  it('refuses what is no request, and rules of its fields that are broken, in the words of Kubernetes', async () => {
    const { base64, pem } = await servingRequest('edge-1');
    const refusal = async (spec: object, headers = {}) => {
      const whole = { request: base64, signerName: 'example.com/any', usages: SERVING_USAGES, ...spec };
      const { status, body } = await send('POST', REQUESTS, { metadata: { name: 'refused' }, spec: whole }, { headers });
      return [status, textOf(fieldsOf(body).message).replace(/^.*?(is invalid|is forbidden): /, '')];
    };
    const encoded = (text: string) => Buffer.from(text).toString('base64');
    const withBody = (der: Buffer) =>
      encoded(`-----BEGIN CERTIFICATE REQUEST-----\n${der.toString('base64')}\n-----END CERTIFICATE REQUEST-----\n`);
    const der = Buffer.from(pem.split('\n').slice(1, -2).join(''), 'base64');
    const otherNode = Buffer.from(der);
    otherNode.write('edge-2', der.indexOf('edge-1'));
    const no = 'PEM block type must be CERTIFICATE REQUEST';
    for (const [request, why] of [
      ['LS0t', no],
      ['', no],
      [encoded(pem.replaceAll('REQUEST', 'QUESTION')), no],
      [withBody(der.subarray(0, 100)), 'asn1: syntax error: data truncated'],
      [withBody(Buffer.concat([der, Buffer.from('x')])), 'asn1: syntax error: trailing data'],
      [withBody(Buffer.from([0, 0, 0])), /^asn1: /],
      [withBody(otherNode), 'x509: ECDSA verification failure'],
    ] as const) {
      const [status, message] = await refusal({ request });
      assert.equal(status, 422);
      const start = `spec.request: Invalid value: "${request}": `;
      assert.ok(String(message).startsWith(start), String(message));
      const rest = String(message).slice(start.length);
      if (typeof why === 'string') assert.equal(rest, why);
      else assert.match(rest, why);
    }
    const ofSigner = (value: string, why: string) => `spec.signerName: Invalid value: "${value}": ${why}`;
    const shape = "must be a fully qualified domain and path of the form 'example.com/signer-name'";
    for (const [spec, message] of [
      [{ usages: [] }, 'spec.usages: Required value: usages must be provided'],
      [{ usages: ['any', 'any'] }, 'spec.usages[1]: Duplicate value: "any"'],
      [{ signerName: '' }, 'spec.signerName: Required value: signerName must be provided'],
      [{ signerName: 'foo' }, ofSigner('foo', shape)],
      [{ signerName: 'a.b/c/d' }, ofSigner('a.b/c/d', shape)],
      [{ signerName: 'ab/c' }, ofSigner('ab', 'should be a domain with at least two segments separated by dots')],
      [
        { signerName: 'kubernetes.io/legacy-unknown' },
        ofSigner('kubernetes.io/legacy-unknown', 'the legacy signerName is not allowed via this API version'),
      ],
    ] as const) {
      assert.deepEqual(await refusal(spec), [422, message]);
    }
    assert.match(
      String((await refusal({ usages: ['dance'] }))[1]),
      /^spec\.usages\[0\]: Unsupported value: "dance": supported values: "any", /,
    );
    assert.match(
      String((await refusal({ signerName: 'A.b/c' }))[1]),
      /"A\.b": validating label "A": a lowercase RFC 1123 label must /,
    );
    const signerName = 'kubernetes.io/kubelet-serving';
    const other = (await servingRequest('edge-2')).base64;
    assert.deepEqual(await refusal({ signerName, request: other }, NODE_HEADERS), [
      403,
      'can only create a node CSR with CN=system:node:edge-1',
    ]);
    assert.deepEqual(await refusal({ signerName, request: 'LS0t' }, NODE_HEADERS), [403, `unable to parse csr: ${no}`]);
  });

  /** Creates and approves, and waits for what the signer writes. */
  async function approved(path: string, name: string, pem: string, asked: object = {}) {
    const spec = {
      request: Buffer.from(pem).toString('base64'),
      signerName: 'kubernetes.io/kube-apiserver-client-kubelet',
      usages: ['digital signature', 'client auth'],
      ...asked,
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
