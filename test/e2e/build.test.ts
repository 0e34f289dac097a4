import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { createAuthority, issueNodeCertificate, writePair, writePem } from '../support/pki.ts';
import { ROOT, runCommand, startProcess } from '../support/processes.ts';

test('the bundles start with the project’s Node and do what the sources do', { timeout: 120_000 }, async (t) => {
  // Inside the project, since the native SQLite is found in its node_modules.
  mkdirSync(join(ROOT, 'dist'), { recursive: true });
  const dir = mkdtempSync(join(ROOT, 'dist', 'test-'));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  const built = await runCommand({ name: 'build', args: ['scripts/build.ts', dir] });
  assert.equal(built.code, 0, built.stderr);
  t.diagnostic(built.stdout.trim().replaceAll(/\s+/g, ' '));

  const relay = await runCommand({ name: 'relay', args: [join(dir, 'hawser-relay.mjs'), '--help'] });
  assert.equal(relay.code, 0, relay.stderr);
  assert.match(relay.stdout, /Usage: hawser-relay/);

  const authority = await createAuthority('test');
  const ca = await writePem(dir, 'ca.crt', authority.certificatePem);
  const pair = await writePair(dir, 'edge-1', await issueNodeCertificate(authority, 'edge-1'));
  const agent = startProcess({
    name: 'agent',
    args: [
      join(dir, 'hawser-agent.mjs'),
      'run',
      ...['--data-dir', join(dir, 'data'), '--relay-urls', 'wss://127.0.0.1:1', '--api-port', '0'],
      ...['--tls-cert', pair.certificateFile, '--tls-key', pair.keyFile, '--tls-ca', ca],
    ],
  });
  t.after(() => agent.kill());
  await agent.line('its start', ({ msg }) => msg === 'agent started');
  assert.deepEqual(await agent.stop(), { code: 0, signal: null });
});
