import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import fc from 'fast-check';
import { startTestServer, type TestServer } from './server.ts';

const segment = fc.oneof(
  fc.constantFrom(
    'api',
    'apis',
    'v1',
    'apps',
    'events.k8s.io',
    'watch',
    'namespaces',
    'ns',
    'pods',
    'configmaps',
    'nodes',
    'events',
  ),
  fc.constantFrom(
    'deployments',
    'a',
    'status',
    'finalize',
    'log',
    '..',
    '.',
    '%00',
    '%2F',
    '',
    '__proto__',
    'constructor',
    'version',
  ),
);
const path = fc.oneof(
  fc.array(segment, { maxLength: 8 }).map((segments) => `/${segments.join('/')}`),
  fc
    .tuple(fc.constantFrom('configmaps', 'pods', 'secrets', 'events'), segment)
    .map(([kind, name]) => `/api/v1/namespaces/ns/${kind}/${name}`),
  fc.constantFrom('/api/v1/namespaces/ns/configmaps', '/api/v1/nodes', '/apis/events.k8s.io/v1/namespaces/ns/events'),
);
const parameter = fc.constantFrom(
  ...['labelSelector', 'fieldSelector', 'limit', 'continue', 'resourceVersionMatch', 'sendInitialEvents', 'dryRun'],
  ...['fieldValidation', 'gracePeriodSeconds', 'propagationPolicy', 'includeObject', 'pretty', '__proto__'],
);
const value = fc.oneof(
  fc.constantFrom(
    '',
    '0',
    '-1',
    '1e9',
    '99999999999999999999',
    'true',
    'a=b',
    'a in (b',
    'metadata.name=a',
    'Exact',
    'All',
    'None',
    '=',
  ),
  fc.string({ maxLength: 10 }),
);
const query = fc.array(fc.tuple(parameter, value), { maxLength: 4 }).map((pairs) => new URLSearchParams(pairs).toString());
const metadata = fc.record(
  {
    name: fc.oneof(fc.constantFrom('a', 'b', ''), fc.jsonValue()),
    generateName: fc.oneof(fc.constant('g-'), fc.jsonValue()),
    namespace: fc.constantFrom('ns', 'other', null, 1),
    labels: fc.jsonValue(),
    annotations: fc.jsonValue(),
    finalizers: fc.oneof(fc.constant(['x/y']), fc.jsonValue()),
    ownerReferences: fc.jsonValue(),
    resourceVersion: fc.constantFrom('1', 'x', '', 7),
    uid: fc.jsonValue(),
    deletionTimestamp: fc.jsonValue(),
  },
  { requiredKeys: [] },
);
const object = fc.record(
  {
    metadata: fc.oneof(metadata, fc.jsonValue()),
    data: fc.jsonValue(),
    spec: fc.jsonValue(),
    status: fc.jsonValue(),
    kind: fc.jsonValue(),
  },
  { requiredKeys: [] },
);
const plausible = fc.record({
  metadata: fc.record({ name: fc.constantFrom('a', 'b', 'status'), labels: fc.constantFrom({ a: 'b' }, {}) }),
  data: fc.oneof(fc.constant({ k: 'v' }), fc.jsonValue()),
  spec: fc.jsonValue(),
  status: fc.jsonValue(),
});
const operation = fc.record({
  op: fc.constantFrom('add', 'remove', 'test'),
  path: fc.constantFrom('/metadata', '/metadata/name', '/data/x', ''),
  value: fc.jsonValue(),
});
const body = fc.oneof(
  object.map((sent) => JSON.stringify(sent)),
  plausible.map((sent) => JSON.stringify(sent)),
  fc.jsonValue().map((sent) => JSON.stringify(sent)),
  fc.array(operation, { maxLength: 3 }).map((sent) => JSON.stringify(sent)),
  fc.string({ maxLength: 20 }),
);
const contentType = fc.constantFrom(
  ...['application/json', 'application/yaml', 'text/plain', 'application/merge-patch+json', 'application/json-patch+json'],
  ...['application/strategic-merge-patch+json', '', ';;', 'application/json;q=x'],
);
const accept = fc.constantFrom(
  '*/*',
  'application/json',
  'application/yaml',
  'application/json;as=Table;v=v1;g=meta.k8s.io',
  'text/html',
  ';',
  ',,',
);

describe('a server that anybody may write to', () => {
  let test: TestServer;
  before(async () => {
    test = await startTestServer();
    await test.call('POST', '/api/v1/namespaces/ns/configmaps', { body: { metadata: { name: 'a' } } });
  });
  after(() => test.close());

  it('answers every request with an answer that it means', async () => {
    const method = fc.constantFrom('GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS');
    await fc.assert(
      fc.asyncProperty(fc.record({ method, path, query, body, contentType, accept }), async (sent) => {
        // A watch would stay open; they have tests of their own.
        fc.pre(!sent.path.includes('/watch'));
        const headers = { accept: sent.accept, 'content-type': sent.contentType };
        const withBody = sent.method !== 'GET' && sent.method !== 'OPTIONS';
        const url = encodeURI(sent.path).replaceAll('%25', '%');
        const answer = await test.call(
          sent.method,
          `${url}?${sent.query}`,
          withBody ? { headers, body: sent.body } : { headers },
        );
        assert.ok(answer.status >= 200 && answer.status < 600);
        assert.doesNotMatch(answer.text, /see the log of the server/);
      }),
      { numRuns: 1500 },
    );
  });
});
