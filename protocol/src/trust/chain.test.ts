import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { before, test } from 'node:test';
import {
  type CertificateAuthority,
  type CertificatePair,
  createAuthority,
  issueNodeCertificate,
} from '../../../test/support/pki.ts';
import { checkChain } from './chain.ts';

const DAY_MS = 86_400_000;
const now = () => new Date();
const inTenDays = () => new Date(Date.now() + 10 * DAY_MS);

let ours: CertificateAuthority;
let root: X509Certificate;
let device: X509Certificate;

before(async () => {
  ours = await createAuthority('hawser');
  root = certificate(ours);
  device = certificate(await issueNodeCertificate(ours, 'truck-1'));
});

test('a certificate of a trusted authority is trusted for its use, and for no other', () => {
  const asked = { leaf: device, intermediates: [], roots: [root], at: now() };
  assert.deepEqual(checkChain({ ...asked, usage: 'client' }), { type: 'trusted', root });
  assert.deepEqual(checkChain({ ...asked, usage: 'server' }), { type: 'refused', why: 'wrongUsage' });
});

test('one that has ended is out of time, and trusted where time is left out', () => {
  const asked = { leaf: device, intermediates: [], roots: [root], usage: 'client' as const };
  assert.deepEqual(checkChain({ ...asked, at: inTenDays() }), { type: 'refused', why: 'outOfTime' });
  assert.deepEqual(checkChain({ ...asked, at: 'anyTime' }), { type: 'trusted', root });
});

test('another authority of the same name signs nothing that is trusted, ended or not, with time or without', async () => {
  const stranger = await createAuthority('hawser');
  const leaf = certificate(await issueNodeCertificate(stranger, 'truck-1'));
  for (const at of [now(), inTenDays(), 'anyTime'] as const) {
    const verdict = checkChain({ leaf, intermediates: [certificate(stranger)], roots: [root], usage: 'client', at });
    assert.deepEqual(verdict, { type: 'refused', why: 'untrusted' });
  }
});

test('an authority is no leaf, and a leaf is no authority', async () => {
  const asked = { intermediates: [], roots: [root], usage: 'client' as const, at: now() };
  assert.equal(checkChain({ ...asked, leaf: root }).type, 'refused');
  const other = certificate(await issueNodeCertificate(ours, 'truck-2'));
  assert.equal(checkChain({ ...asked, leaf: other, roots: [device] }).type, 'refused');
});

test('a server is trusted for the names in it, and for no other', async () => {
  const leaf = certificate(await ours.issueServer({ commonName: 'relay', hosts: ['relay.example', '192.0.2.7'] }));
  const asked = { leaf, intermediates: [], roots: [root], usage: 'server' as const, at: now() };
  for (const host of ['relay.example', '192.0.2.7']) assert.equal(checkChain({ ...asked, host }).type, 'trusted', host);
  for (const host of ['other.example', '192.0.2.8', 'relay']) {
    assert.deepEqual(checkChain({ ...asked, host }), { type: 'refused', why: 'wrongHost' }, host);
  }
});

test('many certificates that all seem to have issued each other cost no more than looking at each pair', async (t) => {
  const stranger = await createAuthority('hawser');
  const leaf = certificate(await issueNodeCertificate(stranger, 'truck-1'));
  const intermediates = Array.from({ length: 40 }, () => certificate(stranger));
  const verify = t.mock.method(X509Certificate.prototype, 'verify');
  const verdict = checkChain({ leaf, intermediates, roots: [root], usage: 'client', at: 'anyTime' });
  assert.deepEqual(verdict, { type: 'refused', why: 'untrusted' });
  assert.ok(verify.mock.callCount() < 300, `${verify.mock.callCount()} signatures verified`);
});

test('a certificate with a key of an unknown kind has issued nothing, and is not trusted', () => {
  const authority = withUnknownKey(root);
  const asked = { leaf: device, usage: 'client' as const, at: 'anyTime' as const };
  const refused = { type: 'refused', why: 'untrusted' };
  assert.deepEqual(checkChain({ ...asked, intermediates: [authority], roots: [authority] }), refused);
  assert.deepEqual(checkChain({ ...asked, leaf: withUnknownKey(device), intermediates: [], roots: [root] }), refused);
});

/** The same, but the algorithm of its key is one that nobody knows. */
function withUnknownKey({ raw }: X509Certificate): X509Certificate {
  const der = Buffer.from(raw);
  const ecPublicKey = Buffer.from('2a8648ce3d0201', 'hex');
  der.writeUInt8(0x7f, der.indexOf(ecPublicKey) + ecPublicKey.length - 1);
  return new X509Certificate(der);
}

function certificate({ certificatePem }: Pick<CertificatePair, 'certificatePem'>): X509Certificate {
  return new X509Certificate(certificatePem);
}
