import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import { join } from 'node:path';
import { test } from 'node:test';
import { createAuthority, issueNodeCertificate, writePair, writePem } from '../support/pki.ts';
import { runCommand, startProcess } from '../support/processes.ts';
import { bundlesFor } from './harness.ts';

test('the bundles start with the project’s Node and do what the sources do', { timeout: 240_000 }, async (t) => {
  const bundles = await bundlesFor(t);
  const { dir } = bundles;

  for (const bundle of [bundles.relay, bundles.agent]) {
    assert.equal(
      readFileSync(bundle).findIndex((byte) => byte > 0x7f),
      -1,
      `${bundle} is ASCII: V8 keeps it in one byte a character`,
    );
  }
  for (const bundle of [bundles.relay, bundles.agent]) {
    const imports = /(?:^|;)import(?:[\s*{][^;"']*?from)?\s*["']([^"']+)["']/gm;
    const imported = [...readFileSync(bundle, 'latin1').matchAll(imports)].map(([, module]) => module);
    assert.deepEqual(new Set(imported.filter((module) => isBuiltin(module ?? ''))), new Set(['node:module']), bundle);
  }
  const relay = await runCommand({ name: 'relay', args: [bundles.relay, '--help'] });
  assert.equal(relay.code, 0, relay.stderr);
  assert.match(relay.stdout, /Usage: hawser-relay/);

  const authority = await createAuthority('test');
  const ca = await writePem(dir, 'ca.crt', authority.certificatePem);
  const pair = await writePair(dir, 'edge-1', await issueNodeCertificate(authority, 'edge-1'));
  const data = join(dir, 'data');
  const options = {
    name: 'agent',
    args: [
      bundles.agent,
      'run',
      ...['--data-dir', data, '--relay-urls', 'wss://127.0.0.1:1', '--api-port', '0'],
      ...['--tls-cert', pair.certificateFile, '--tls-key', pair.keyFile, '--tls-ca', ca],
    ],
  };
  const certificates: string[] = [];
  for (const start of ['first', 'second']) {
    const agent = startProcess(options);
    t.after(() => agent.kill());
    await agent.line(`its ${start} start`, ({ msg }) => msg === 'agent started');
    certificates.push(readFileSync(join(data, 'api.crt'), 'utf8'));
    assert.deepEqual(await agent.stop(), { code: 0, signal: null });
  }
  const [first, second] = certificates;
  assert.equal(new X509Certificate(first ?? '').checkIP('127.0.0.1'), '127.0.0.1');
  assert.equal(second, first, 'the certificate of the first start is kept');
});
