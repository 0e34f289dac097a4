import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import {
  type CertificateAuthority,
  createAuthority,
  issueNodeCertificate,
  writePair,
  writePem,
} from '../../../test/support/pki.ts';
import { nodeNameOf, readLinkTls } from './identity.ts';
import type { Settings } from './settings.ts';

let dir = '';
let authority: CertificateAuthority;
let tls: Settings['tls'];

before(async () => {
  dir = mkdtempSync(join(tmpdir(), 'hawser-identity-'));
  authority = await createAuthority('test');
  const pair = await writePair(dir, 'device', await issueNodeCertificate(authority, 'edge-1.plant'));
  tls = { cert: pair.certificateFile, key: pair.keyFile, ca: await writePem(dir, 'ca.crt', authority.certificatePem) };
});
after(() => rmSync(dir, { recursive: true, force: true }));

test('the files of the link are read, with the key exchange that was chosen', () => {
  assert.equal(readLinkTls({ tls, keyExchange: 'hybrid' }).ecdhCurve, undefined);
  const read = readLinkTls({ tls, keyExchange: 'x25519' });
  assert.equal(read.ecdhCurve, 'X25519');
  assert.equal(read.ca, authority.certificatePem);
});

test('the name of the node is the one in the certificate', () => {
  const { cert } = readLinkTls({ tls, keyExchange: 'hybrid' });
  assert.equal(nodeNameOf(cert, { tls }), 'edge-1.plant');
  assert.equal(nodeNameOf(cert, { tls, nodeName: 'edge-1.plant' }), 'edge-1.plant');
  assert.throws(
    () => nodeNameOf(cert, { tls, nodeName: 'edge-2' }),
    /nodeName: is edge-2, but the certificate .* is for edge-1\.plant/,
  );
});

test('a certificate that is no node’s names what it is', async () => {
  const { certificatePem } = await authority.issueClient({ commonName: 'kubernetes-admin', organizations: ['system:masters'] });
  assert.throws(() => nodeNameOf(certificatePem, { tls }), /its CN must be system:node:NAME and is "kubernetes-admin"/);
});

test('files that do not belong together, are none or are not there are named with their setting', async () => {
  const other = await writePair(dir, 'other', await issueNodeCertificate(authority, 'edge-2'));
  const text = join(dir, 'text.pem');
  writeFileSync(text, 'hello\n');
  const large = join(dir, 'large.pem');
  writeFileSync(large, Buffer.alloc(2 * 1024 * 1024));
  const reading = (changes: Partial<Settings['tls']>) => () =>
    readLinkTls({ tls: { ...tls, ...changes }, keyExchange: 'hybrid' });
  assert.throws(reading({ key: other.keyFile }), /tls\.key: .*other\.key is not the key of the certificate/);
  assert.throws(reading({ cert: text }), /tls\.cert: .*text\.pem is not a certificate in PEM form/);
  assert.throws(reading({ key: text }), /tls\.key: .*text\.pem is not a private key/);
  assert.throws(reading({ ca: join(dir, 'none.crt') }), /tls\.ca: the file .*none\.crt is not there/);
  assert.throws(reading({ ca: large }), /too large to be a PEM file/);
  assert.throws(reading({ ca: dir }), /tls\.ca: the file .* cannot be read \(EISDIR\)/);
});
