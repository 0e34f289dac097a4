import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { openStore } from '@hawser/edge';
import Database from 'better-sqlite3';
import { pino } from 'pino';
import { createAuthority, issueNodeCertificate, writePair, writePem } from '../support/pki.ts';
import { runCommand } from '../support/processes.ts';

const AGENT_MAIN = 'edge/src/main.ts';

/** A schema that no agent of today knows. */
const NEWER = 99;

/** A device whose agent was a newer one. @returns the folder, and the settings with which an agent would run there */
async function deviceOfNewerAgent(t: TestContext) {
  const dir = mkdtempSync(join(tmpdir(), 'hawser-newer-'));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  const dataDir = join(dir, 'data');
  mkdirSync(dataDir, { mode: 0o700 });
  const path = join(dataDir, 'agent.db');
  openStore({ path, logger: pino({ level: 'silent' }), clock: { now: () => new Date() } }).close();
  const db = new Database(path);
  db.exec('CREATE TABLE of_the_future (id INTEGER PRIMARY KEY)');
  db.pragma(`user_version = ${NEWER}`);
  db.close();
  const authority = await createAuthority('hawser-newer');
  const pair = await writePair(dir, 'edge-1', await issueNodeCertificate(authority, 'edge-1'));
  const ca = await writePem(dir, 'ca.crt', authority.certificatePem);
  const settings = [
    ...['--relay-urls', 'wss://127.0.0.1:1', '--api-port', '0'],
    ...['--tls-cert', pair.certificateFile, '--tls-key', pair.keyFile, '--tls-ca', ca],
  ];
  return { dataDir, path, settings };
}

test('an agent older than its store refuses in every command, says what to do, and changes nothing', {
  timeout: 240_000,
}, async (t) => {
  const { dataDir, path, settings } = await deviceOfNewerAgent(t);
  const before = readFileSync(path);
  for (const args of [['run', ...settings], ['status'], ['outbox'], ['get', 'pods'], ['store', 'drop-secrets']]) {
    const name = `hawser-agent ${args.slice(0, 2).join(' ')}`;
    const { code, stdout, stderr } = await runCommand({ name, args: [AGENT_MAIN, ...args, '--data-dir', dataDir] });
    assert.equal(code, 1, `${name}: ${stdout}${stderr}`);
    const said = `${stdout}${stderr}`;
    assert.match(said, new RegExp(`schema ${NEWER}, and this one knows \\d+`), name);
    assert.match(said, /Nothing was changed\. Install the newer version again/, name);
    assert.match(said, /move \S+agent\.db and \S+agent\.db-wal away/, name);
    assert.match(said, /lost is what it had not been told \(the outbox\)/, name);
    assert.ok(readFileSync(path).equals(before), `${name} has changed the store`);
    assert.deepEqual(
      readdirSync(dataDir).filter((file) => file.startsWith('agent.db') && !file.endsWith('.lock')),
      ['agent.db'],
      name,
    );
  }
});
