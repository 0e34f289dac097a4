import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const SIGNALS_MODULE = fileURLToPath(new URL('signals.ts', import.meta.url));

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  test(`${signal} in the midst of a turn ends the process with that signal, and what the turn writes is written`, async () => {
    const script = `
      import { writeSync } from 'node:fs';
      import { endBetweenTurns } from ${JSON.stringify(SIGNALS_MODULE)};
      endBetweenTurns(process, (signal) => process.kill(process.pid, signal));
      setInterval(() => {
        writeSync(1, 'begin\\n');
        // The test sends its signal at that word: by the end of the turn it has long come.
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 500);
        writeSync(1, 'end\\n');
      }, 10);`;
    const child = spawn(process.execPath, ['--input-type=module-typescript', '-e', script], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let said = '';
    child.stdout.setEncoding('utf8');
    child.stdout.on('data', (text: string) => {
      if (said === '') child.kill(signal);
      said += text;
    });
    const [code, ended] = await once(child, 'close');
    assert.deepEqual([code, ended], [null, signal]);
    assert.match(said, /^(begin\nend\n)+$/);
  });
}
