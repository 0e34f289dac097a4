import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { HawserError } from '@hawser/protocol';
import { createAuthority, writePair, writePem } from '../../../test/support/pki.ts';
import { readTlsFiles, type TlsFiles } from './tls-files.ts';

let folder: string;
let files: TlsFiles;
let otherKey: string;

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hawser-tls-'));
  const authority = await createAuthority('test');
  const relay = await writePair(folder, 'relay', await authority.issueServer({ commonName: 'relay' }));
  const other = await writePair(folder, 'other', await authority.issueServer({ commonName: 'other' }));
  otherKey = other.keyFile;
  files = {
    cert: relay.certificateFile,
    key: relay.keyFile,
    clientCa: await writePem(folder, 'ca.crt', authority.certificatePem),
  };
});
after(() => rm(folder, { recursive: true }));

async function refusal(changed: Partial<TlsFiles>): Promise<string> {
  try {
    await readTlsFiles({ ...files, ...changed });
  } catch (error) {
    assert.ok(error instanceof HawserError);
    assert.equal(error.code, 'bad_config');
    return error.message;
  }
  throw new Error('the files were taken');
}

test('files that belong together are read', async () => {
  const material = await readTlsFiles(files);
  assert.match(material.cert, /BEGIN CERTIFICATE/);
  assert.ok(material.validTo.getTime() > Date.now());
});

test('a file that is not there is named with its setting', async () => {
  assert.equal(await refusal({ clientCa: `${folder}/none.crt` }), `tls.clientCa: the file ${folder}/none.crt is not there`);
});

test('a file that is no PEM is named with its setting', async () => {
  const junk = join(folder, 'junk');
  await writeFile(junk, 'junk');
  assert.match(await refusal({ cert: junk }), /^tls\.cert: .*junk is not a certificate/);
  assert.match(await refusal({ key: junk }), /^tls\.key: .*junk is not a private key/);
  assert.match(await refusal({ clientCa: junk }), /^tls\.clientCa: .*junk is not a certificate of an authority/);
});

test('a key of another certificate is refused, and nothing of it is told', async () => {
  assert.equal(await refusal({ key: otherKey }), `tls.key: ${otherKey} is not the key of the certificate in ${files.cert}`);
});

test('a certificate where the key should be is refused', async () => {
  assert.match(await refusal({ key: files.cert }), /^tls\.key: /);
});
