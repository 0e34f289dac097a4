import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { createAuthority, issueNodeCertificate, writePair } from './pki.ts';

test('certificates of an authority verify against it and name their subject', async () => {
  const authority = await createAuthority('test authority');
  const root = new X509Certificate(authority.certificatePem);
  const server = new X509Certificate((await authority.issueServer({ commonName: 'relay' })).certificatePem);
  const node = new X509Certificate((await issueNodeCertificate(authority, 'edge-1')).certificatePem);

  assert.ok(server.checkIssued(root) && server.verify(root.publicKey));
  assert.ok(node.checkIssued(root) && node.verify(root.publicKey));
  assert.equal(server.checkHost('localhost'), 'localhost');
  assert.equal(server.checkIP('127.0.0.1'), '127.0.0.1');
  assert.equal(node.subject, 'O=system:nodes\nCN=system:node:edge-1');
});

test('an authority that is made again from its files signs for the same root', async () => {
  const first = await createAuthority('test authority');
  const second = await createAuthority('test authority', first);
  const client = new X509Certificate((await second.issueClient({ commonName: 'a' })).certificatePem);
  assert.ok(client.verify(new X509Certificate(first.certificatePem).publicKey));
});

test('key files are readable by their owner only', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'pki-'));
  t.after(() => rm(folder, { recursive: true }));
  const { keyFile } = await writePair(folder, 'ca', await createAuthority('test authority'));
  assert.equal((await stat(keyFile)).mode & 0o777, 0o600);
});
