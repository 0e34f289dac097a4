import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { before, test } from 'node:test';
import { HawserError } from '@hawser/protocol';
import { type CertificateAuthority, type CertificatePair, createAuthority } from '../../../../test/support/pki.ts';
import { type Authority, trustedBy } from '../authority/authority.ts';
import { makeAuthority, makeCross, makeLeaf } from '../authority/certificates.ts';
import { pemOf, pemOfKey } from '../authority/pem.ts';
import { namesOf } from '../authority/testing.ts';
import { type OperatorFiles, type OperatorPaths, operatorFiles, readOperatorFiles } from './operator-files.ts';

const now = new Date();
const TLS = { cert: '/tls.crt', key: '/tls.key', clientCa: '/ca.crt' };
const ISSUER = { cert: '/issuer.crt', key: '/issuer.key' };

let company: CertificateAuthority;
let relay: CertificatePair;
/** An intermediate of the company, and its root. */
let issuer: { readonly certificatePem: string; readonly keyPem: string; readonly root: Authority; readonly middle: Authority };

before(async () => {
  company = await createAuthority('company');
  relay = await company.issueServer({ commonName: 'relay' });
  const root = await makeAuthority(now);
  const middle = await makeAuthority(now);
  const cross = await makeCross(root, middle.certificate, now);
  issuer = { certificatePem: pemOf([cross]), keyPem: pemOfKey(middle.key), root, middle };
});

const tlsTexts = () => [relay.certificatePem, relay.keyPem, company.certificatePem];
const issuerTexts = () => [issuer.certificatePem + pemOf([issuer.root.certificate]), issuer.keyPem];

const readTls = (texts: string[]) => readOperatorFiles({ tls: TLS, issuer: undefined }, texts, now);
const readIssuer = (texts: string[]) => readOperatorFiles({ tls: undefined, issuer: ISSUER }, texts, now);
const readBoth = (texts: string[]) => readOperatorFiles({ tls: TLS, issuer: ISSUER }, texts, now);

async function refusal(reading: Promise<OperatorFiles>): Promise<string> {
  try {
    await reading;
  } catch (error) {
    assert.ok(error instanceof HawserError);
    assert.equal(error.code, 'bad_config');
    return error.message;
  }
  throw new Error('the files were taken');
}

test('files are followed in the order in which their texts are read', () => {
  const settings = (paths: OperatorPaths) => operatorFiles(paths).map(({ setting, path }) => `${setting} ${path}`);
  assert.deepEqual(settings({ tls: TLS, issuer: ISSUER }), [
    'tls.cert /tls.crt',
    'tls.key /tls.key',
    'tls.clientCa /ca.crt',
    'issuer.cert /issuer.crt',
    'issuer.key /issuer.key',
  ]);
  assert.deepEqual(settings({ tls: undefined, issuer: ISSUER }), ['issuer.cert /issuer.crt', 'issuer.key /issuer.key']);
});

test('a server’s files serve, and nobody signs', async () => {
  const { serving, signer } = await readTls(tlsTexts());
  assert.equal(serving?.cert, relay.certificatePem);
  assert.equal(serving?.clientCa, company.certificatePem);
  assert.ok((serving?.validTo.getTime() ?? 0) > Date.now());
  assert.equal(signer, undefined);
});

test('a file that is no PEM is named with its setting', async () => {
  const [cert = '', key = '', clientCa = ''] = tlsTexts();
  assert.match(await refusal(readTls(['junk', key, clientCa])), /^tls\.cert: \/tls\.crt is not a certificate/);
  assert.match(await refusal(readTls([cert, 'junk', clientCa])), /^tls\.key: \/tls\.key is not a private key/);
  assert.match(await refusal(readTls([cert, key, 'junk'])), /^tls\.clientCa: \/ca\.crt is not a certificate of an authority/);
  assert.match(await refusal(readTls([cert, cert, clientCa])), /^tls\.key: /);
});

test('a key of another certificate is refused, and nothing of it is told', async () => {
  const { keyPem } = await company.issueServer({ commonName: 'other' });
  const [cert = '', , clientCa = ''] = tlsTexts();
  const wrong = 'tls.key: /tls.key is not the key of the certificate in /tls.crt';
  assert.equal(await refusal(readTls([cert, keyPem, clientCa])), wrong);
});

test('an issuer signs, sends what leads to its root, and its root is what is trusted', async () => {
  const { serving, signer } = await readIssuer(issuerTexts());
  assert.equal(serving, undefined);
  assert.deepEqual(namesOf(signer?.behindDevice ?? []), [issuer.middle.certificate.subject]);
  assert.deepEqual(namesOf(signer?.behindServer ?? []), [issuer.middle.certificate.subject]);
  assert.deepEqual(namesOf(signer?.trusted ?? []), [issuer.root.certificate.subject]);
});

test('an issuer that is its own root sends nothing behind, and another root beside it is trusted too', async () => {
  const { root, middle } = issuer;
  const texts = [pemOf([root.certificate, middle.certificate]), pemOfKey(root.key)];
  const { signer } = await readIssuer(texts);
  assert.deepEqual(signer?.behindDevice, []);
  assert.deepEqual(namesOf(signer?.trusted ?? []), namesOf([root.certificate, middle.certificate]));
});

test('an issuer without its root, of another key, or that may sign nothing is refused', async () => {
  const [, key = ''] = issuerTexts();
  assert.match(
    await refusal(readIssuer([issuer.certificatePem, key])),
    /^issuer\.cert: .*must hold all up to the root: who has signed/,
  );
  const other = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  assert.match(await refusal(readIssuer([issuerTexts()[0] ?? '', pemOfKey(other.privateKey)])), /^issuer\.key: .*is not the key/);
  const leaf = await makeLeaf(
    { usage: 'client', subject: [{ CN: ['x'] }], publicKey: other.publicKey, names: [], lifetimeMs: 1e6 },
    issuer.root,
    now,
  );
  assert.match(await refusal(readIssuer([pemOf([leaf]), pemOfKey(other.privateKey)])), /^issuer\.cert: .*no authority/);
  assert.match(await refusal(readIssuer(['junk', key])), /^issuer\.cert: \/issuer\.crt is not a certificate/);
});

test('with both, the server’s files serve, the issuer signs, and both sides trust both; the server’s own root comes first', async () => {
  const { serving, signer } = await readBoth([...tlsTexts(), ...issuerTexts()]);
  assert.equal(serving?.cert, relay.certificatePem);
  assert.equal(serving?.clientCa, company.certificatePem + pemOf([issuer.root.certificate]));
  assert.deepEqual(namesOf(signer?.trusted ?? []), ['CN=company', issuer.root.certificate.subject]);
});

test('a server that joined devices could not verify is refused beside an issuer', async () => {
  const stranger = await createAuthority('stranger');
  const { certificatePem, keyPem } = await stranger.issueServer({ commonName: 'relay' });
  const texts = [certificatePem, keyPem, company.certificatePem, ...issuerTexts()];
  assert.match(await refusal(readBoth(texts)), /^tls\.cert: \/tls\.crt leads to no root/);
  assert.equal(trustedBy(issuer.root).length, 1);
});
