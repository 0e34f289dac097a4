import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { keyHash } from '@hawser/protocol';
import { authorityData, trustedBy } from '../enroll/authority/authority.ts';
import { makeAuthority } from '../enroll/authority/certificates.ts';
import { publishedConfigMap } from '../enroll/authority/published.ts';
import { authoritySecret, readAuthoritySecret } from '../enroll/authority/secret.ts';
import { saidBy, startCluster } from './testing/cluster.ts';

const RELAYS = ['wss://relay.example:8443'];

/** A cluster whose relays are away: what they have written is there. */
async function cluster(t: TestContext) {
  const { kube, admin, reader } = await startCluster(t);
  const authority = await makeAuthority(new Date());
  const inNamespace = (text: string) => {
    const object = JSON.parse(text);
    return { ...object, metadata: { ...object.metadata, namespace: 'hawser-system' } };
  };
  return {
    authority,
    reader,
    kube,
    make: () => kube.create(inNamespace(authoritySecret(authority))),
    publish: () => kube.create(inNamespace(publishedConfigMap({ certificates: trustedBy(authority), relays: RELAYS }))),
    async stored() {
      return readAuthoritySecret(JSON.stringify(await kube.get('secrets', 'hawser-system', 'hawser-ca'))).authority;
    },
    ca: (args: string[], kubeconfig = admin) => saidBy(['ca', ...args], kubeconfig),
  };
}

test('a rotation makes a new authority, keeps the one before trusted, and drops its private key', async (t) => {
  const { ca, make, stored, authority } = await cluster(t);
  await make();
  const { code, out } = await ca(['rotate']);
  assert.equal(code, 0);
  const after = await stored();
  assert.equal(after.older[0]?.fingerprint256, authority.certificate.fingerprint256);
  assert.equal(after.crosses.length, 1);
  assert.ok(!after.certificate.publicKey.equals(authority.certificate.publicKey));
  assert.match(
    out,
    new RegExp(`${after.certificate.subject.replace('CN=', '')} signs from now on, ${keyHash(after.certificate.publicKey)}`),
  );
  assert.match(out, new RegExp(`still trusted .*: ${authority.certificate.subject}`));
  assert.equal((await ca(['rotate'])).code, 0);
  assert.equal((await stored()).older.length, 2);
});

test('retiring needs a yes, says what it means, and leaves the current authority alone', async (t) => {
  const { ca, make, stored, authority } = await cluster(t);
  await make();
  assert.deepEqual(await ca(['retire']), { code: 0, out: 'there is no older authority\n', error: '' });
  await ca(['rotate']);
  const before = authorityData(await stored());
  const refused = await ca(['retire']);
  assert.equal(refused.code, 2);
  assert.match(refused.error, /nothing was done. With --yes these are no longer trusted: CN=hawser-ca .*\n.*have to join anew/);
  assert.match(refused.error, /\nhawser-relay: No device has joined\.\n$/);
  assert.deepEqual(authorityData(await stored()), before);
  const done = await ca(['retire', '--yes']);
  assert.deepEqual(done, { code: 0, out: `${authority.certificate.subject} is no longer trusted\n`, error: '' });
  const { 'ca.crt': certificate, 'ca.key': key } = before;
  assert.deepEqual(authorityData(await stored()), { 'ca.crt': certificate, 'ca.key': key });
});

test('the status names each authority with hash and end, as text and as JSON, and nothing secret', async (t) => {
  const { ca, make, publish, stored, authority } = await cluster(t);
  await make();
  await publish();
  assert.match((await ca(['status'])).out, /^relays in join lines: wss:\/\/relay\.example:8443$/m);
  await ca(['rotate']);
  const { out } = await ca(['status', '-o', 'json']);
  const after = await stored();
  const shown = ({ subject, publicKey, validFromDate, validToDate }: typeof after.certificate) => ({
    subject,
    hash: keyHash(publicKey),
    validFrom: validFromDate.toISOString(),
    validTo: validToDate.toISOString(),
  });
  assert.deepEqual(JSON.parse(out), {
    source: 'secret',
    current: shown(after.certificate),
    older: [shown(authority.certificate)],
    published: false,
    relays: RELAYS,
  });
  const text = (await ca(['status'])).out;
  assert.match(text, /^older, still trusted: CN=hawser-ca/m);
  assert.match(text, /^not published yet/m);
  for (const said of [text, out]) assert.doesNotMatch(said, /PRIVATE/);
});

test('the hash needs no right to the Secret; where that is needed and missing, it is told', async (t) => {
  const { ca, make, publish, reader, authority } = await cluster(t);
  await make();
  await publish();
  assert.deepEqual(await ca(['hash'], reader), { code: 0, out: `${keyHash(authority.certificate.publicKey)}\n`, error: '' });
  const { code, error } = await ca(['rotate'], reader);
  assert.equal(code, 1);
  assert.match(error, /^hawser-relay: the Secret hawser-system\/hawser-ca was not read: .*forbidden/);
});

test('without a Secret or with a damaged one nothing is made up: the reason is told', async (t) => {
  const { ca, publish, kube } = await cluster(t);
  assert.match((await ca(['status'])).out, /^authority: none yet/);
  assert.match((await ca(['hash'])).error, /there is no ConfigMap hawser-system\/hawser-ca/);
  await publish();
  assert.match((await ca(['status'])).out, /^authority: an issuer of the operator/);
  const { code, error } = await ca(['rotate']);
  assert.equal(code, 1);
  assert.match(error, /there is no authority in the Secret hawser-system\/hawser-ca: no relay has made one/);
  await kube.create({
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: 'hawser-ca', namespace: 'hawser-system' },
    data: { 'ca.crt': Buffer.from('junk').toString('base64') },
  });
  const damaged = await ca(['retire', '--yes']);
  assert.equal(damaged.code, 1);
  assert.match(damaged.error, /the Secret hawser-system\/hawser-ca holds no authority: ca\.crt: must hold one certificate/);
});

test('of two administrators who rotate at once one succeeds, and the other is told', async (t) => {
  const { ca, make, stored } = await cluster(t);
  await make();
  const both = await Promise.all([ca(['rotate']), ca(['rotate'])]);
  const codes = both.map(({ code }) => code).sort();
  const { older } = await stored();
  // Where one came after the other they are two rotations, one after the other.
  assert.equal(older.length, codes.filter((code) => code === 0).length);
  for (const { code, error } of both) if (code !== 0) assert.match(error, /nothing was done: somebody else has changed/);
});

test('each command has help with examples and the exit codes', async (t) => {
  const { ca } = await cluster(t);
  for (const name of ['status', 'hash', 'rotate', 'retire']) {
    const { code, out } = await ca([name, '--help']);
    assert.equal(code, 0);
    assert.match(out, new RegExp(`Examples?:\n  hawser-relay ca ${name}[^]*Exit codes: 0 done`));
  }
});
