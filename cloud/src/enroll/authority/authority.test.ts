import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { before, test } from 'node:test';
import { HawserError } from '@hawser/protocol';
import fc from 'fast-check';
import { type Authority, authorityData, MAX_OLDER, readAuthority, retired, trustedBy } from './authority.ts';
import { makeAuthority, makeCross } from './certificates.ts';
import { pemOf } from './pem.ts';
import { authoritySecret, authorityUpdate, readAuthoritySecret } from './secret.ts';
import { namesOf, rotate } from './testing.ts';

const now = new Date();
let first: Authority;
let second: Authority;
let third: Authority;

before(async () => {
  first = await makeAuthority(now);
  second = await rotate(first, now);
  third = await rotate(second, now);
});

const stored = (text: string) => JSON.stringify({ ...JSON.parse(text), metadata: { uid: 'u', resourceVersion: '7' } });
const same = (one: Authority, other: Authority) => {
  assert.deepEqual(authorityData(one), authorityData(other));
};

test('an authority comes back from its Secret as it was, with those before it', () => {
  for (const authority of [first, second, third]) {
    const back = readAuthoritySecret(stored(authoritySecret(authority)));
    same(back.authority, authority);
    assert.deepEqual([back.uid, back.resourceVersion], ['u', '7']);
  }
  assert.deepEqual(namesOf(trustedBy(third)), namesOf([third.certificate, second.certificate, first.certificate]));
});

test('a rotation keeps what was trusted and drops the private key before', () => {
  assert.deepEqual(namesOf(second.older), namesOf([first.certificate]));
  const text = Object.values(authorityData(second)).join('');
  assert.equal(text.match(/PRIVATE KEY-----\n/g)?.length, 2, 'one key: a line before it and one behind');
  assert.equal(second.certificate.checkPrivateKey(first.key), false);
});

test('retiring leaves the current authority alone', () => {
  same(retired(third), { ...third, older: [], crosses: [] });
});

test('no more authorities are kept than agents check a chain of', async () => {
  let authority = third;
  while (authority.older.length < MAX_OLDER) authority = await rotate(authority, now);
  same(readAuthority(authorityData(authority)), authority);
  await assert.rejects(rotate(authority, now), { code: 'unsupported', message: /retire them first/ });
});

test('an update replaces the data of the Secret that was read, and leaves all else', () => {
  const text = JSON.stringify({ ...JSON.parse(stored(authoritySecret(first))), type: 'x', extra: { a: 1 } });
  const updated = authorityUpdate(text, second);
  same(readAuthoritySecret(updated).authority, second);
  const { type, extra, metadata } = JSON.parse(updated);
  assert.deepEqual({ type, extra, metadata }, { type: 'x', extra: { a: 1 }, metadata: { uid: 'u', resourceVersion: '7' } });
});

test('what does not belong together is refused with the name of what is wrong', async () => {
  const other = await makeAuthority(now);
  const data = authorityData(third);
  const strangerCross = await makeCross(other, third.certificate, now);
  const [newest, oldest] = third.crosses;
  assert.ok(newest !== undefined && oldest !== undefined);
  const cases: [Record<string, string>, RegExp][] = [
    [{}, /^ca\.crt: must hold one certificate$/],
    [{ ...data, 'ca.crt': pemOf([third.certificate, second.certificate]) }, /^ca\.crt: must hold one certificate$/],
    [{ ...data, 'ca.crt': pemOf([newest]) }, /^ca\.crt: ".*" is no authority signed by itself$/],
    [{ ...data, 'ca.key': '' }, /^ca\.key is no private key/],
    [{ ...data, 'ca.key': authorityData(second)['ca.key'] ?? '' }, /^ca\.key: is not the key of the certificate/],
    [{ ...data, 'older.crt': '' }, /^cross\.crt: holds 2 certificates, and must hold one for each of the 0/],
    [{ ...data, 'cross.crt': pemOf([oldest, newest]) }, /^cross\.crt: certificate 1 is not that of the authority after/],
    [{ ...data, 'cross.crt': pemOf([strangerCross, oldest]) }, /^cross\.crt: certificate 1 is not/],
    [{ ...data, 'older.crt': pemOf([newest, first.certificate]) }, /^older\.crt: ".*" is no authority/],
    [{ ...data, note: 'x'.repeat(70_000) }, /an authority at most/],
  ];
  for (const [wrong, message] of cases) assert.throws(() => readAuthority(wrong), { code: 'malformed_object', message });
});

test('a certificate whose key is of an unknown kind is refused, and ends nothing', () => {
  const der = Buffer.from(third.certificate.raw);
  const ecPublicKey = Buffer.from('2a8648ce3d0201', 'hex');
  der.writeUInt8(0x7f, der.indexOf(ecPublicKey) + ecPublicKey.length - 1);
  const data = { ...authorityData(third), 'ca.crt': pemOf([new X509Certificate(der)]) };
  assert.throws(() => readAuthority(data), { code: 'malformed_object', message: /key of an unknown kind/ });
});

test('whatever stands in the Secret is an authority or an error that tells nothing of a key', () => {
  const text = stored(authoritySecret(third));
  const key = /"ca\.key":"([^"]+)"/.exec(text)?.[1] ?? '';
  const secrets = [key, Buffer.from(key, 'base64').toString()].map((secret) => secret.slice(60, 100));
  const attempt = (input: string) => {
    try {
      readAuthoritySecret(input);
    } catch (error) {
      assert.ok(error instanceof HawserError && error.code === 'malformed_object', `${error}`);
      for (const secret of secrets) assert.ok(!error.message.includes(secret));
    }
  };
  const changes = fc.tuple(fc.nat(text.length), fc.nat(40), fc.string({ maxLength: 5 }));
  fc.assert(fc.property(changes, ([at, length, piece]) => attempt(text.slice(0, at) + piece + text.slice(at + length))));
  fc.assert(fc.property(fc.json(), attempt));
  const base64 = (value: string) => Buffer.from(value).toString('base64');
  const field = fc.constantFrom(...Object.values(authorityData(third)), ...Object.values(authorityData(second)), 'junk', '');
  const data = fc.dictionary(fc.constantFrom('ca.crt', 'ca.key', 'older.crt', 'cross.crt'), field.map(base64));
  fc.assert(fc.property(data, (some) => attempt(JSON.stringify({ metadata: { uid: 'u', resourceVersion: '1' }, data: some }))));
});
