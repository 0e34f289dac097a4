import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { Writable } from 'node:stream';
import { test } from 'node:test';
import { pipeWriter, READER_GONE } from './pipe-writer.ts';

test('a stream is opened with the first text, and once', () => {
  let opened = 0;
  const texts: string[] = [];
  const open = () => {
    opened += 1;
    return new Writable({ decodeStrings: false, write: (text, _, done) => done(void texts.push(text)) });
  };
  const write = pipeWriter(open, () => assert.fail('nobody has gone'));
  assert.equal(opened, 0);
  write('a');
  write('b');
  assert.deepEqual([opened, texts], [1, ['a', 'b']]);
});

test('a command whose reader has gone is over, without a word', async () => {
  const program = `
    import { pipeWriter } from ${JSON.stringify(import.meta.resolve('./pipe-writer.ts'))};
    const write = pipeWriter(() => process.stdout, (code) => process.exit(code));
    setInterval(() => write('line\\n'), 1);`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', program], { stdio: ['ignore', 'pipe', 'pipe'] });
  const said = child.stderr.setEncoding('utf8').toArray();
  await once(child.stdout, 'data');
  child.stdout.destroy();
  const [code] = await once(child, 'exit');
  assert.deepEqual([code, (await said).join('')], [READER_GONE, '']);
});
