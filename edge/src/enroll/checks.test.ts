import assert from 'node:assert/strict';
import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject, X509Certificate } from 'node:crypto';
import { before, test } from 'node:test';
import { type CertificateAuthority, type CertificatePair, createAuthority } from '../../../test/support/pki.ts';
import { checkAuthorities, checkIssued } from './checks.ts';

const DAY_SECONDS = 86_400;
const now = new Date();

let ours: CertificateAuthority;
let authorities: X509Certificate[];
let key: KeyObject;

before(async () => {
  ours = await createAuthority('hawser');
  authorities = [certificate(ours)];
  key = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
});

test('a certificate of our authority for the key that was asked for, and for our name, is taken', async () => {
  const [leaf] = checkIssued({ certificates: [await issue()], nodeName: 'truck-1', key, authorities, now });
  assert.equal(leaf.subject, 'O=system:nodes\nCN=system:node:truck-1');
});

test('one that begins in a moment is taken too: clocks differ', async () => {
  const certificates = [await issue({ begins: new Date(now.getTime() + 30_000) })];
  assert.ok(checkIssued({ certificates, nodeName: 'truck-1', key, authorities, now }));
});

test('another key, another name, another use, another authority, one that has ended: each is refused by name', async () => {
  const stranger = await createAuthority('hawser');
  const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const server = await ours.issueServer({ commonName: 'system:node:truck-1' });
  const cases: readonly (readonly [string, Uint8Array, RegExp, KeyObject?])[] = [
    ['key', await issue({ key: publicKey }), /another key/],
    ['name', await issue({ nodeName: 'truck-2' }), /it is for truck-2/],
    ['use', certificate(server).raw, /wrongUsage/, createPrivateKey(server.keyPem)],
    ['authority', await issue({ authority: stranger }), /untrusted/],
    ['ended', await issue({ begins: new Date(now.getTime() - 2_000_000), lifetimeSeconds: 1_000 }), /outOfTime/],
    ['no certificate', Buffer.from('no certificate'), /no certificate in DER/],
  ];
  for (const [what, der, message, asked = key] of cases) {
    const check = () => checkIssued({ certificates: [der], nodeName: 'truck-1', key: asked, authorities, now });
    assert.throws(check, { code: 'malformed_request', message }, what);
  }
  assert.throws(() => checkIssued({ certificates: [], nodeName: 'truck-1', key, authorities, now }), /none/);
});

test('where the clock is not to be believed only the time is left out', async () => {
  const begins = new Date(now.getTime() - 30 * DAY_SECONDS * 1_000);
  const ended = { certificates: [await issue({ begins })], nodeName: 'truck-1', key, authorities };
  assert.throws(() => checkIssued({ ...ended, now }), /outOfTime/);
  assert.ok(checkIssued({ ...ended, now: undefined }));
  const strangers = { ...ended, certificates: [await issue({ authority: await createAuthority('hawser') })] };
  assert.throws(() => checkIssued({ ...strangers, now: undefined }), /untrusted/);
});

test('authorities are followed as they are told: two in an overlap', async () => {
  const second = certificate(await createAuthority('hawser 2'));
  const followed = checkAuthorities([second.raw, certificate(ours).raw], now);
  assert.deepEqual(
    followed.map(({ fingerprint256 }) => fingerprint256),
    [second.fingerprint256, certificate(ours).fingerprint256],
  );
});

test('a list of authorities that would leave the device with nothing to trust, or with what is none, is refused', async () => {
  assert.throws(() => checkAuthorities([], now), /no authority/);
  const leaf = await issue();
  assert.throws(() => checkAuthorities([leaf], now), /is no authority/);
  assert.throws(
    () =>
      checkAuthorities(
        Array.from({ length: 17 }, () => certificate(ours).raw),
        now,
      ),
    /more than 16/,
  );
  const inElevenYears = new Date(now.getTime() + 11 * 365 * DAY_SECONDS * 1_000);
  assert.throws(() => checkAuthorities([certificate(ours).raw], inElevenYears), /all authorities have ended/);
  assert.ok(checkAuthorities([certificate(ours).raw], undefined), 'not by a clock that is wrong');
});

interface Issue {
  readonly authority?: CertificateAuthority;
  readonly nodeName?: string;
  readonly key?: KeyObject;
  readonly begins?: Date;
  readonly lifetimeSeconds?: number;
}

async function issue({ authority = ours, nodeName = 'truck-1', key: asked = key, begins, lifetimeSeconds }: Issue = {}) {
  const spki = (asked.type === 'private' ? createPublicKey(asked) : asked).export({ type: 'spki', format: 'der' });
  return new X509Certificate(await authority.certifyNode(nodeName, spki, lifetimeSeconds, begins)).raw;
}

function certificate({ certificatePem }: Pick<CertificatePair, 'certificatePem'>): X509Certificate {
  return new X509Certificate(certificatePem);
}
