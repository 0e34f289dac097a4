import assert from 'node:assert/strict';
import { test } from 'node:test';
import { helpedCommands } from '../../../test/support/command-help.ts';
import { cli } from './testing.ts';

test('each command says with examples how it is called, and those of most also how it ends', async () => {
  const seen = await helpedCommands('hawser-agent', (args) => cli(args));
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
