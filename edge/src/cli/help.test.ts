import assert from 'node:assert/strict';
import { test } from 'node:test';
import { cli } from './testing.ts';

/** The commands below one, by its help. */
async function commandsIn(...path: string[]): Promise<string[]> {
  const { out } = await cli([...path, '--help']);
  const [, listed = ''] = /^Commands:\n((?: {2}.*\n)+)/m.exec(out) ?? [];
  return [...listed.matchAll(/^ {2}([a-z][a-z-]*)/gm)].map(([, name = '']) => name).filter((name) => name !== 'help');
}

test('each command says with examples how it is called, and those of most also how it ends', async () => {
  const seen: string[] = [];
  for (const command of await commandsIn()) {
    const below = await commandsIn(command);
    for (const path of below.length === 0 ? [[command]] : below.map((name) => [command, name])) {
      const { code, out } = await cli([...path, '--help']);
      assert.equal(code, 0);
      assert.match(out, new RegExp(`^Examples?:\\n(?: {2}.*\\n)*? {2}.*hawser-agent ${path.join(' ')}`, 'm'), path.join(' '));
      if (!['version', 'completion'].includes(command)) assert.match(out, /^Exit codes: 0 /m, path.join(' '));
      seen.push(path.join(' '));
    }
  }
  for (const known of ['run', 'join', 'status', 'doctor', 'log-level', 'kubelet config', 'store rekey'])
    assert.ok(seen.includes(known), known);
});

test('what is a fixed set is offered behind its flag or command', async () => {
  const { out } = await cli(['completion', 'bash']);
  for (const line of [
    '"/run --log-level") COMPREPLY=($(compgen -W "trace debug info warn error fatal"',
    '"/run --workload") COMPREPLY=($(compgen -W "hollow kubelet none"',
    '"/run --api-pods") COMPREPLY=($(compgen -W "true false"',
    '"/status --output"|"/status -o") COMPREPLY=($(compgen -W "text json"',
    '"/doctor --output"|"/doctor -o") COMPREPLY=($(compgen -W "text json"',
  ]) {
    assert.ok(out.includes(line), line);
  }
  assert.match(out, /"\/log-level"\) words=".* trace debug info warn error fatal"/);
});
