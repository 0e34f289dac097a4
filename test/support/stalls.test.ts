import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runCommand, startProcess } from './processes.ts';

test('with stalls a process is heard late, in order and to its end, and the seed is said', async () => {
  const script = `
    import { startProcess } from './test/support/processes.ts';
    const said = startProcess({ name: 'counter', args: ['-e', 'for (let n = 0; n < 20; n++) console.log(JSON.stringify({ n }))'] });
    await said.exited;
    console.log(said.lines.map(({ n }) => n).join());
  `;
  const args = ['--input-type=module', '-e', script];
  const { stdout, stderr } = await runCommand({ name: 'stalled', args, env: { HAWSER_TEST_STALLS: '7' } });
  assert.equal(stdout.trim(), Array.from({ length: 20 }, (_, n) => n).join());
  assert.match(stderr, /^HAWSER_TEST_STALLS=7$/m);
});

test('the last words of a process are found, whenever they are asked for', async () => {
  const said = startProcess({
    name: 'short',
    args: ['-e', 'console.log(JSON.stringify({ first: true }) + "\\n" + JSON.stringify({ last: true }))'],
  });
  await said.line('its last word', ({ last }) => last === true);
  await said.exited;
  await said.line('its last word', ({ last }) => last === true);
  await assert.rejects(
    said.line('another', ({ other }) => other === true),
    /ended before another/,
  );
});
