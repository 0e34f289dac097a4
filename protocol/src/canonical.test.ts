import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { canonicalize, parseCanonical } from './index.ts';

const meta = '"metadata":{"name":"a","namespace":"n","uid":"u-1","resourceVersion":"7"}';

test('the same object has the same body from list and watch, whatever the order of keys', () => {
  const watch = canonicalize(`{"kind":"ConfigMap","apiVersion":"v1",${meta},"data":{"b":"2","a":"1"}}`);
  const list = canonicalize(`{${meta}, "data":{"a":"1","b":"2"}}`, { apiVersion: 'v1', kind: 'ConfigMap' });
  assert.equal(list.body, watch.body);
  assert.deepEqual(list.version, watch.version);
});

test('managedFields, resourceVersion and the last-applied annotation leave no trace in the body', () => {
  const bare = canonicalize(`{"kind":"ConfigMap","apiVersion":"v1",${meta}}`);
  const dressed = canonicalize(
    JSON.stringify({
      kind: 'ConfigMap',
      apiVersion: 'v1',
      metadata: {
        name: 'a',
        namespace: 'n',
        uid: 'u-1',
        resourceVersion: '8',
        managedFields: [{ manager: 'kubectl' }],
        annotations: { 'kubectl.kubernetes.io/last-applied-configuration': '{"x":1.0}' },
      },
    }),
  );
  assert.equal(dressed.body, bare.body);
  assert.equal(dressed.version.hash, bare.version.hash);
  assert.equal(dressed.version.resourceVersion, '8');
});

test('other annotations stay', () => {
  const { body } = canonicalize(
    `{"kind":"A","apiVersion":"v1","metadata":{"name":"a","uid":"u","resourceVersion":"1","annotations":{"x":"y"}}}`,
  );
  assert.match(body, /"annotations":\{"x":"y"\}/);
});

test('numbers and unknown fields are kept as the API server wrote them', () => {
  const text = `{"kind":"A","apiVersion":"v1",${meta},"big":12345678901234567890,"float":1.0,"exp":1e3,"minus":-0,"list":[1.50,2],"small":3}`;
  const { body } = canonicalize(text);
  for (const kept of ['"big":12345678901234567890', '"float":1.0', '"exp":1e3', '"minus":-0', '"list":[1.50,2]', '"small":3']) {
    assert.ok(body.includes(kept), `${kept} in ${body}`);
  }
});

test('a body is valid JSON and its canonical form is itself, for any content', () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      const text = JSON.stringify({
        kind: 'A',
        apiVersion: 'v1',
        metadata: { name: 'a', uid: 'u', resourceVersion: '1' },
        value,
      });
      const first = canonicalize(text);
      const second = canonicalize(JSON.stringify(parseCanonical(first.body, '1')));
      assert.equal(second.body, first.body);
      assert.deepEqual(JSON.parse(first.body).value, JSON.parse(text).value);
    }),
  );
});

test('a body that is nested without end is refused when it is read back', () => {
  const body = `{"apiVersion":"v1","kind":"A","metadata":{"name":"a","uid":"u"},"x":${'['.repeat(100_000)}${']'.repeat(100_000)}}`;
  assert.throws(() => parseCanonical(body, '1'), { code: 'malformed_object', message: /nested deeper/ });
});

for (const [what, text, message] of [
  ['no JSON', '{"kind":', /no JSON/],
  ['a list', '[]', /no JSON object/],
  ['without kind', `{"apiVersion":"v1",${meta}}`, /no apiVersion and kind/],
  ['without name', '{"kind":"A","apiVersion":"v1","metadata":{"uid":"u","resourceVersion":"1"}}', /no metadata.name/],
  ['without uid', '{"kind":"A","apiVersion":"v1","metadata":{"name":"a","resourceVersion":"1"}}', /A a has no metadata.uid/],
  [
    'with a resourceVersion that is no number',
    '{"kind":"A","apiVersion":"v1","metadata":{"name":"a","uid":"u","resourceVersion":"x"}}',
    /no decimal/,
  ],
  [
    'with a namespace that nests without end',
    `{"kind":"A","apiVersion":"v1","metadata":{"name":"a","namespace":${'['.repeat(20_000)}${']'.repeat(20_000)}}}`,
    /A a has no metadata.uid/,
  ],
  ['nested without end', `{"kind":"A","apiVersion":"v1",${meta},"x":${'['.repeat(5000)}${']'.repeat(5000)}}`, /nested deeper/],
] as const) {
  test(`an object ${what} is refused with its reason`, () => {
    assert.throws(() => canonicalize(text), { name: 'HawserError', code: 'malformed_object', message });
  });
}
