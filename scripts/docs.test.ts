import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { EDGE_LABEL } from '@hawser/cloud';
import { TOLERATES_ANNOTATION } from '@hawser/protocol';
import { parseAllDocuments } from 'yaml';
import { RELAY_NAMESPACE, RELAY_USER, relayBindings } from '../test/apiserver/relay-identity.ts';

const ROOT = join(import.meta.dirname, '..');
/** What the cluster's own programs say. */
const OF_OTHERS = ['ImagePullBackOff'];
const pages = ['README.md', 'CONTRIBUTING.md', ...readdirSync(join(ROOT, 'docs')).map((page) => `docs/${page}`)];

for (const page of pages) {
  const text = readFileSync(join(ROOT, page), 'utf8');

  test(`${page} names only files that are there`, () => {
    const named = [...text.matchAll(/`((?:protocol|settings|cloud|edge|test|scripts|docs|examples|deploy)\/[\w./-]+)`/g)].map(
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

test('deploy gives rights to the ServiceAccount of the relay and to nobody else, and of users only in the older form', () => {
  for (const form of ['constrained', 'groups'] as const) {
    const bindings = relayBindings(form);
    assert.deepEqual(
      [...new Set(bindings.map(({ subject }) => JSON.stringify(subject)))],
      [JSON.stringify({ user: RELAY_USER })],
    );
    assert.deepEqual(
      bindings.map(({ namespace }) => namespace),
      [undefined, RELAY_NAMESPACE, 'kube-system', undefined, undefined],
    );
    // Where the cluster's own tokens and ConfigMaps are, only what marks a token as used.
    assert.deepEqual(
      bindings.filter(({ namespace }) => namespace === 'kube-system').flatMap(({ rules }) => rules),
      [{ apiGroups: [''], resources: ['secrets'], verbs: ['patch'] }],
    );
    const impersonates = bindings.flatMap(({ rules }) => rules).some(({ verbs }) => verbs.includes('impersonate'));
    assert.equal(impersonates, form === 'groups');
  }
});

test('each admission policy of deploy/manifests is bound, denies, and is about the relay or about edge nodes', () => {
  const read = (file: string) =>
    parseAllDocuments(readFileSync(join(ROOT, 'deploy', 'manifests', 'optional', file), 'utf8')).map((document) => {
      assert.deepEqual(document.errors, [], file);
      return document.toJS() as { kind: string; metadata: { name: string }; spec: Record<string, unknown> };
    });
  for (const [file, about] of [
    ['protect-nodes.yaml', EDGE_LABEL],
    ['relay-pods.yaml', `'${RELAY_USER}'`],
  ] as const) {
    const objects = read(file);
    const policy = objects.find(({ kind }) => kind === 'ValidatingAdmissionPolicy');
    const binding = objects.find(({ kind }) => kind === 'ValidatingAdmissionPolicyBinding');
    assert.equal(binding?.spec.policyName, policy?.metadata.name);
    assert.deepEqual(binding?.spec.validationActions, ['Deny']);
    assert.ok(JSON.stringify(policy?.spec).includes(about), file);
  }
  const [policy] = read('relay-pods.yaml').filter(({ kind }) => kind === 'ValidatingAdmissionPolicy');
  assert.ok(JSON.stringify(policy?.spec.validations).includes(`'${TOLERATES_ANNOTATION}'`));
});

test('each message and word that the first columns of docs/troubleshooting.md quote is one of the programs’', () => {
  const sources = ['protocol', 'settings', 'cloud', 'edge']
    .flatMap((workspace) =>
      readdirSync(join(ROOT, workspace, 'src'), { recursive: true, encoding: 'utf8' }).map((file) =>
        join(workspace, 'src', file),
      ),
    )
    .filter((file) => file.endsWith('.ts') && !file.endsWith('.test.ts'))
    .map((file) => readFileSync(join(ROOT, file), 'utf8'))
    .join('\n');
  const page = readFileSync(join(ROOT, 'docs/troubleshooting.md'), 'utf8');
  const quoted = [...page.matchAll(/^\| ([^|]*) \|/gm)].flatMap(([, cell = '']) =>
    [...cell.matchAll(/`([^`]+)`/g)].map(([, text = '']) => text),
  );
  assert.ok(quoted.length > 30, `${quoted.length} are quoted`);
  const unknown = quoted.filter((text) => !text.split('…').every((part) => sources.includes(part.trim())));
  assert.deepEqual(unknown, OF_OTHERS);
});
