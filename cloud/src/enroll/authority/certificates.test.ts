import assert from 'node:assert/strict';
import { generateKeyPairSync, X509Certificate } from 'node:crypto';
import { before, test } from 'node:test';
import { checkChain } from '@hawser/protocol';
import { type Authority, MAX_OLDER } from './authority.ts';
import { AUTHORITY_LIFETIME_MS, BACKDATE_MS, type Leaf, makeAuthority, makeKeyPair, makeLeaf } from './certificates.ts';
import { rotate } from './testing.ts';

const HOUR_MS = 3600_000;
const now = new Date(Math.floor(Date.now() / 1000) * 1000);
const { publicKey } = await makeKeyPair();
const DEVICE: Leaf = {
  usage: 'client',
  subject: [{ O: ['system:nodes'] }, { CN: ['system:node:truck-1'] }],
  publicKey,
  names: [],
  lifetimeMs: HOUR_MS,
};
const RELAY: Leaf = { ...DEVICE, usage: 'server', subject: [{ CN: ['relay'] }], names: ['relay.example', '192.0.2.7', '::1'] };

let authority: Authority;
before(async () => {
  authority = await makeAuthority(now);
});

const times = ({ validFromDate, validToDate }: X509Certificate) => [validFromDate.getTime(), validToDate.getTime()];

test('an authority is P-256, signed by itself, for ten years, and two are never called the same', async () => {
  const { certificate } = authority;
  assert.equal(certificate.ca, true);
  assert.equal(certificate.publicKey.asymmetricKeyDetails?.namedCurve, 'prime256v1');
  assert.ok(certificate.verify(certificate.publicKey));
  assert.deepEqual(times(certificate), [now.getTime() - BACKDATE_MS, now.getTime() + AUTHORITY_LIFETIME_MS]);
  assert.match(certificate.subject, /^CN=hawser-ca [0-9a-f]{12}$/);
  assert.notEqual((await makeAuthority(now)).certificate.subject, certificate.subject);
});

test('a device’s certificate is for its node and for clients alone, begins a little ago and ends when it should', async () => {
  const leaf = await makeLeaf(DEVICE, authority, now);
  assert.equal(leaf.subject, 'O=system:nodes\nCN=system:node:truck-1');
  assert.equal(leaf.issuer, authority.certificate.subject);
  assert.deepEqual(leaf.keyUsage, ['1.3.6.1.5.5.7.3.2']);
  assert.equal(leaf.ca, false);
  assert.deepEqual(times(leaf), [now.getTime() - BACKDATE_MS, now.getTime() + HOUR_MS]);
  assert.ok(leaf.publicKey.equals(publicKey));
  const asked = { leaf, intermediates: [], roots: [authority.certificate], at: now };
  assert.equal(checkChain({ ...asked, usage: 'client' }).type, 'trusted');
  assert.equal(checkChain({ ...asked, usage: 'server' }).type, 'refused');
});

test('a relay’s certificate is for each of its names', async () => {
  const leaf = await makeLeaf(RELAY, authority, now);
  const asked = { leaf, intermediates: [], roots: [authority.certificate], usage: 'server' as const, at: now };
  for (const host of RELAY.names) assert.equal(checkChain({ ...asked, host }).type, 'trusted', host);
  assert.equal(checkChain({ ...asked, host: 'other.example' }).type, 'refused');
});

test('serial numbers are 128 bits, positive and never the same', async () => {
  const serials = await Promise.all(
    Array.from({ length: 20 }, async () => (await makeLeaf(DEVICE, authority, now)).serialNumber),
  );
  assert.equal(new Set(serials).size, 20);
  for (const serial of serials) assert.match(serial, /^[4-7][0-9A-F]{31}$/);
});

test('nothing outlives the authority that signed it, and one that has ended signs nothing', async () => {
  const end = authority.certificate.validToDate;
  const hourBefore = new Date(end.getTime() - HOUR_MS);
  const leaf = await makeLeaf({ ...DEVICE, lifetimeMs: 10 * HOUR_MS }, authority, hourBefore);
  assert.equal(leaf.validToDate.getTime(), end.getTime());
  await assert.rejects(makeLeaf(DEVICE, authority, end), { code: 'unreachable', message: /has ended on .*replace it/ });
});

test('who knows any authority of a row of rotations verifies what the newest signs, and a stranger does not', async () => {
  const row = [authority];
  while (row.length <= MAX_OLDER) row.unshift(await rotate(row[0] ?? authority, now));
  const [newest] = row;
  assert.ok(newest !== undefined);
  const leaf = await makeLeaf(RELAY, newest, now);
  const intermediates = newest.crosses;
  for (const { certificate } of row) {
    const verdict = checkChain({ leaf, intermediates, roots: [certificate], usage: 'server', at: now });
    assert.deepEqual(verdict, { type: 'trusted', root: certificate }, certificate.subject);
  }
  const stranger = (await makeAuthority(now)).certificate;
  assert.equal(checkChain({ leaf, intermediates, roots: [stranger], usage: 'server', at: now }).type, 'refused');
});

test('an issuer of another kind of key signs as well', async () => {
  const kinds = [
    generateKeyPairSync('rsa', { modulusLength: 2048 }),
    generateKeyPairSync('ec', { namedCurve: 'P-384' }),
    generateKeyPairSync('ec', { namedCurve: 'P-521' }),
  ];
  for (const { publicKey: issuerKey, privateKey } of kinds) {
    const certificate = await makeLeaf({ ...DEVICE, publicKey: issuerKey }, authority, now);
    const leaf = await makeLeaf(DEVICE, { certificate, key: privateKey }, now);
    assert.equal(leaf.issuer, certificate.subject);
    assert.ok(leaf.verify(issuerKey), issuerKey.asymmetricKeyType);
  }
  const { privateKey } = generateKeyPairSync('x25519');
  await assert.rejects(makeLeaf(DEVICE, { certificate: authority.certificate, key: privateKey }, now), { code: 'unsupported' });
});

test('a certificate is one that OpenSSL reads back to the same bytes', async () => {
  const leaf = await makeLeaf(RELAY, authority, now);
  assert.deepEqual(new X509Certificate(leaf.toString()).raw, leaf.raw);
});
