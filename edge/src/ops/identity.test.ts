import assert from 'node:assert/strict';
import { createPrivateKey, createPublicKey, X509Certificate } from 'node:crypto';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { pino } from 'pino';
import {
  type CertificateAuthority,
  createAuthority,
  issueNodeCertificate,
  writePair,
  writePem,
} from '../../../test/support/pki.ts';
import { createIdentityFolder } from '../enroll/index.ts';
import { linkIdentity, readTlsFiles } from './identity.ts';
import type { Settings } from './settings.ts';

let dir = '';
let authority: CertificateAuthority;
let tls: { cert: string; key: string; ca: string };
const logger = pino({ level: 'silent' });

before(async () => {
  dir = mkdtempSync(join(tmpdir(), 'hawser-identity-'));
  authority = await createAuthority('test');
  const pair = await writePair(dir, 'device', await issueNodeCertificate(authority, 'edge-1.plant'));
  tls = { cert: pair.certificateFile, key: pair.keyFile, ca: await writePem(dir, 'ca.crt', authority.certificatePem) };
});
after(() => rmSync(dir, { recursive: true, force: true }));

function identityWith(changes: Partial<Settings>) {
  const relay = { urls: ['wss://relay.example'] };
  return linkIdentity({ tls, relay, keyExchange: 'hybrid', dataDir: join(dir, 'none'), ...changes }, logger);
}

test('a key that others may read is refused with the command that mends it', (t) => {
  t.after(() => chmodSync(tls.key, 0o600));
  for (const mode of [0o640, 0o644, 0o604]) {
    chmodSync(tls.key, mode);
    assert.throws(() => readTlsFiles(tls, 'hybrid'), { code: 'bad_config', message: new RegExp(`chmod 600 ${tls.key}$`) });
  }
});

test('the files of the link are read, with the key exchange that was chosen', () => {
  assert.equal(readTlsFiles(tls, 'hybrid').ecdhCurve, undefined);
  const read = readTlsFiles(tls, 'x25519');
  assert.equal(read.ecdhCurve, 'X25519');
  assert.equal(read.ca, authority.certificatePem);
});

test('with files of the operator, name and relays are theirs, and there is no folder to change', () => {
  const { nodeName, relays, folder, tls: read } = identityWith({});
  assert.deepEqual([nodeName, relays, folder], ['edge-1.plant', ['wss://relay.example'], undefined]);
  assert.equal(read().ca, authority.certificatePem);
  assert.equal(identityWith({ nodeName: 'edge-1.plant' }).nodeName, 'edge-1.plant');
  assert.throws(
    () => identityWith({ nodeName: 'edge-2' }),
    /nodeName: is edge-2, but the certificate in .* is for edge-1\.plant/,
  );
});

test('without them a device is what it has joined as', async () => {
  const dataDir = join(dir, 'data');
  const folder = createIdentityFolder({ dataDir, logger });
  const spki = createPublicKey(folder.requestKey()).export({ type: 'spki', format: 'der' });
  const leaf = new X509Certificate(await authority.certifyNode('truck-1', spki));
  const root = new X509Certificate(authority.certificatePem);
  folder.writeJoined({ nodeName: 'truck-1', relays: ['wss://joined.example'], certificates: [leaf], authorities: [root] });
  const identity = identityWith({ dataDir, tls: {}, relay: {}, keyExchange: 'x25519' });
  assert.deepEqual([identity.nodeName, identity.relays], ['truck-1', ['wss://joined.example']]);
  const read = identity.tls();
  assert.equal(new X509Certificate(read.cert).fingerprint256, leaf.fingerprint256);
  assert.ok(leaf.checkPrivateKey(createPrivateKey(read.key)));
  assert.equal(read.ecdhCurve, 'X25519');
  assert.deepEqual(identityWith({ dataDir, tls: {} }).relays, ['wss://relay.example']);
  assert.throws(
    () => identityWith({ dataDir, tls: {}, nodeName: 'edge-2' }),
    /nodeName: is edge-2, but the certificate in .* is for truck-1/,
  );
});

test('a device with neither is told how to join', () => {
  assert.throws(() => identityWith({ tls: {} }), {
    code: 'bad_config',
    message: /this device has not joined: .*hawser-agent join wss:/s,
  });
});

test('a certificate that is no node’s is refused', async () => {
  const pair = await authority.issueClient({ commonName: 'kubernetes-admin', organizations: ['system:masters'] });
  const { certificateFile, keyFile } = await writePair(dir, 'admin', pair);
  assert.throws(
    () => identityWith({ tls: { ...tls, cert: certificateFile, key: keyFile } }),
    /tls\.cert: .*admin\.crt is not the certificate of a node: its CN must be system:node:NAME/,
  );
});

test('files that do not belong together, are none or are not there are named with their setting', async () => {
  const other = await writePair(dir, 'other', await issueNodeCertificate(authority, 'edge-2'));
  const text = join(dir, 'text.pem');
  writeFileSync(text, 'hello\n', { mode: 0o600 });
  const large = join(dir, 'large.pem');
  writeFileSync(large, Buffer.alloc(2 * 1024 * 1024));
  const reading = (changes: Partial<typeof tls>) => () => readTlsFiles({ ...tls, ...changes }, 'hybrid');
  assert.throws(reading({ key: other.keyFile }), /tls\.key: .*other\.key is not the key of the certificate/);
  assert.throws(reading({ cert: text }), /tls\.cert: .*text\.pem is not a certificate in PEM form/);
  assert.throws(reading({ key: text }), /tls\.key: .*text\.pem is not a private key/);
  assert.throws(reading({ ca: join(dir, 'none.crt') }), /tls\.ca: the file .*none\.crt is not there/);
  assert.throws(reading({ ca: large }), /too large to be a PEM file/);
  assert.throws(reading({ ca: dir }), /tls\.ca: the file .* cannot be read \(EISDIR\)/);
});
