import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ManifestError, parseManifests } from './manifests.ts';

test('items of Lists come one by one, empty documents are none', () => {
  const item = (name: string) => ({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name } });
  const list = {
    apiVersion: 'v1',
    kind: 'List',
    items: [item('a'), { apiVersion: 'v1', kind: 'ConfigMapList', items: [item('b')] }],
  };
  const found = parseManifests(`---\n---\n# nothing\n---\n${JSON.stringify(list)}\n---\n`, 'app.yaml');
  assert.deepEqual(
    found.map(({ metadata }) => metadata.name),
    ['a', 'b'],
  );
});

const layers = Array.from({ length: 8 }, (_, i) => `l${i + 1}: &l${i + 1} [${Array(9).fill(`*l${i}`).join(', ')}]`).join('\n');
const unusable: [string, string, RegExp][] = [
  ['what is no YAML', 'a: [1,\nb', /app\.yaml, document 1 is no YAML/],
  ['a text', 'hello', /document 1 is no Kubernetes object/],
  ['an object without a name', 'apiVersion: v1\nkind: Pod\nmetadata: {}', /Pod has no metadata\.name/],
  ['aliases that multiply', `l0: &l0 [x]\n${layers}`, /app\.yaml, document 1 cannot be read/],
];
for (const [what, text, message] of unusable) {
  test(`${what} is told with file and document`, () => {
    assert.throws(
      () => parseManifests(text, 'app.yaml'),
      (error) => error instanceof ManifestError && message.test(error.message),
    );
  });
}
