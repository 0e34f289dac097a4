import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { type Authority, trustedBy } from './authority.ts';
import { makeAuthority } from './certificates.ts';
import { publishedConfigMap, publishedUpdate, readPublished } from './published.ts';
import { namesOf, rotate } from './testing.ts';

let authority: Authority;
before(async () => {
  authority = await rotate(await makeAuthority(new Date()), new Date());
});

const RELAYS = ['wss://relay.example:8443', 'wss://192.0.2.7'];
const published = () => ({ certificates: trustedBy(authority), relays: RELAYS });
const stored = (data: object) => JSON.stringify({ metadata: { resourceVersion: '7' }, data });

test('what is published is read back, the newest authority first, without any private key', () => {
  const text = publishedConfigMap(published());
  const back = readPublished(text);
  assert.deepEqual(namesOf(back.certificates), namesOf(trustedBy(authority)));
  assert.deepEqual(back.relays, RELAYS);
  assert.doesNotMatch(text, /PRIVATE/);
});

test('a ConfigMap that says it already is left alone, and one that does not is changed where it is wrong, on what was read', () => {
  const { data } = JSON.parse(publishedConfigMap(published()));
  assert.equal(publishedUpdate(stored({ ...data, note: 'of somebody' }), published()), undefined);
  const update = publishedUpdate(stored({ ...data, relays: 'wss://old\n', note: 'of somebody' }), published());
  assert.deepEqual(JSON.parse(update ?? ''), { metadata: { resourceVersion: '7' }, data: { ...data, note: 'of somebody' } });
});

test('no relays are no addresses', () => {
  assert.deepEqual(readPublished(publishedConfigMap({ certificates: trustedBy(authority), relays: [] })).relays, []);
});

test('a ConfigMap without certificates is an error that names it', () => {
  for (const text of ['', '[]', '{}', stored({ 'ca.crt': '' }), stored({ 'ca.crt': 7 })]) {
    assert.throws(() => readPublished(text), { code: 'malformed_object', message: /^the ConfigMap hawser-ca / });
  }
});
