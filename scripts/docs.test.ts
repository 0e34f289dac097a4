import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { parseAllDocuments } from 'yaml';
import { RELAY_BINDINGS, RELAY_NAMESPACE, RELAY_USER } from '../test/apiserver/relay-identity.ts';

const ROOT = join(import.meta.dirname, '..');
const pages = ['README.md', 'CONTRIBUTING.md', ...readdirSync(join(ROOT, 'docs')).map((page) => `docs/${page}`)];

for (const page of pages) {
  const text = readFileSync(join(ROOT, page), 'utf8');

  test(`${page} names only files that are there`, () => {
    const named = [...text.matchAll(/`((?:protocol|settings|cloud|edge|test|scripts|docs|examples)\/[\w./-]+)`/g)].map(
      ([, path = '']) => path,
    );
    assert.deepEqual(
      named.filter((path) => !existsSync(join(ROOT, path))),
      [],
    );
  });

  test(`${page} links only to pages that are there`, () => {
    const links = [...text.matchAll(/\]\((?!https?:)([^)#]+)/g)].map(([, link = '']) => link);
    assert.deepEqual(
      links.filter((link) => !existsSync(join(ROOT, dirname(page), link))),
      [],
    );
  });

  test(`${page} names only npm scripts that exist`, () => {
    const { scripts } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { scripts: Record<string, string> };
    const named = [...text.matchAll(/npm run (?:--silent )?([a-z]+)/g)].map(([, name = '']) => name);
    assert.deepEqual(
      named.filter((name) => !(name in scripts)),
      [],
    );
  });
}

test('examples/relay-rbac.yaml gives the relay just the rights that it has in the tests', () => {
  const text = readFileSync(join(ROOT, 'examples', 'relay-rbac.yaml'), 'utf8');
  const objects = parseAllDocuments(text).map((document) => document.toJS());
  const found = RELAY_BINDINGS.map(({ namespace }) => {
    const [role, binding] = ['', 'Binding'].map((suffix) =>
      objects.find(({ kind }) => kind === `${namespace === undefined ? 'ClusterRole' : 'Role'}${suffix}`),
    );
    assert.deepEqual([role.metadata.namespace, binding.metadata.namespace], [namespace, namespace]);
    assert.deepEqual([binding.roleRef.kind, binding.roleRef.name], [role.kind, role.metadata.name]);
    assert.deepEqual(
      binding.subjects.map(({ namespace, name }: Record<string, string>) => `system:serviceaccount:${namespace}:${name}`),
      [RELAY_USER],
    );
    return role.rules;
  });
  assert.deepEqual(
    found,
    RELAY_BINDINGS.map(({ rules }) => rules),
  );
  assert.deepEqual(
    objects.filter(({ kind }) => kind === 'Namespace').map(({ metadata }) => metadata.name),
    [RELAY_NAMESPACE],
  );
});
