import assert from 'node:assert/strict';
import { type ChildProcess, fork } from 'node:child_process';
import { on, once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { build } from 'tsup';
import { createAuthority } from '../../../test/support/pki.ts';
import type { ReaderOrder, ReaderReport, ServerOrder, ServerReady } from './testing/memory/messages.ts';

const SECRETS = 400;
const BYTES_EACH = 512 * 1024;
/** The relay's bound, all of it; the reflector alone must leave room below it. */
const LIMIT_MB = 150;

const options = existsSync('/proc/self/status')
  ? { timeout: 120_000 }
  : { skip: 'resident memory is read from /proc, which is not here' };

/** As users run it: one file of JavaScript. Node's reading of TypeScript alone takes 50 MB. */
async function bundledReader(t: TestContext): Promise<string> {
  const outDir = await mkdtemp(join(tmpdir(), 'hawser-memory-'));
  t.after(() => rm(outDir, { recursive: true, force: true }));
  await build({
    entry: { reader: fileURLToPath(new URL('./testing/memory/reader.ts', import.meta.url)) },
    outDir,
    format: 'esm',
    platform: 'node',
    target: 'node24',
    splitting: false,
    noExternal: [/./],
    banner: { js: "import { createRequire as __r } from 'node:module';\nconst require = __r(import.meta.url);" },
    outExtension: () => ({ js: '.mjs' }),
    config: false,
    silent: true,
  });
  return join(outDir, 'reader.mjs');
}

/**
 * Each 16 KB that TLS decrypts is a buffer that lives until the next collection of the young generation. With V8's default of
 * 16 MB for it those add up to some 40 MB more than with 4 MB, at the same speed.
 */
const V8_FLAGS = ['--max-semi-space-size=4'];

function start(t: TestContext, file: string | URL, execArgv: readonly string[] = []): ChildProcess {
  const child = fork(file, { execArgv: [...execArgv] });
  t.after(() => child.kill());
  return child;
}

for (const hasWatchList of [true, false]) {
  test(
    `200 MB of Secrets that nobody needs, ${hasWatchList ? 'as a streaming list' : 'in pages'}, and then 200 MB of changes`,
    options,
    async (t) => {
      const authority = await createAuthority('memory test');
      const pair = await authority.issueServer({ commonName: 'kube-apiserver' });
      const server = start(t, new URL('./testing/memory/server.ts', import.meta.url));
      const serverOrder: ServerOrder = { ...pair, secrets: SECRETS, bytes: BYTES_EACH, hasWatchList };
      server.send(serverOrder);
      const [ready]: ServerReady[] = await once(server, 'message');
      assert.ok(ready);

      const reader = start(t, await bundledReader(t), V8_FLAGS);
      const readerOrder: ReaderOrder = { url: ready.url, caPem: authority.certificatePem, secrets: SECRETS };
      reader.send(readerOrder);
      const reports: ReaderReport[] = [];
      // Two may come in one turn of the event loop.
      for await (const [report] of on(reader, 'message') as AsyncIterable<[ReaderReport]>) {
        reports.push(report);
        t.diagnostic(`${report.after}: peak ${report.peakMb.toFixed(0)} MB resident, ${report.upserts} upserts`);
        if (report.after === 'changes') break;
      }
      const [, list, changes] = reports;
      assert.ok(list && changes);
      assert.deepEqual(
        [list.upserts >= SECRETS, list.held, changes.held, changes.upserts],
        [true, SECRETS, SECRETS, 2 * SECRETS],
      );
      assert.ok(changes.peakMb < LIMIT_MB, `peak of ${changes.peakMb} MB`);
    },
  );
}
