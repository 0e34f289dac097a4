import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { RELAY_NAMESPACE, RELAY_USER, relayBindings } from '../test/apiserver/relay-identity.ts';

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

test('deploy/rbac gives rights to the ServiceAccount of the relay and to nobody else, and of users only in the older form', () => {
  for (const form of ['constrained', 'groups'] as const) {
    const bindings = relayBindings(form);
    assert.deepEqual(
      [...new Set(bindings.map(({ subject }) => JSON.stringify(subject)))],
      [JSON.stringify({ user: RELAY_USER })],
    );
    assert.deepEqual(
      bindings.map(({ namespace }) => namespace),
      [undefined, RELAY_NAMESPACE, undefined],
    );
    const impersonates = bindings.flatMap(({ rules }) => rules).some(({ verbs }) => verbs.includes('impersonate'));
    assert.equal(impersonates, form === 'groups');
  }
});
