import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { HawserError } from '@hawser/protocol';
import { environmentName, flagName } from '@hawser/settings';
import { helpedCommands } from '../../../test/support/command-help.ts';
import { runCli } from './cli.ts';
import { type Config, SETTINGS } from './settings.ts';
import { untilStopped } from './signals.ts';

const TLS = ['--tls-cert', 'a', '--tls-key', 'b', '--tls-client-ca', 'c'];

async function cli(args: string[], options: { env?: Record<string, string>; run?: (config: Config) => Promise<void> } = {}) {
  const said = { out: '', error: '', ran: undefined as Config | undefined };
  const code = await runCli(args, {
    version: '1.2.3',
    env: options.env ?? {},
    write: (text) => {
      said.out += text;
    },
    writeError: (text) => {
      said.error += text;
    },
    run:
      options.run ??
      (async (config) => {
        said.ran = config;
      }),
  });
  return { code, ...said };
}

async function fileWith(t: TestContext, text: string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'hawser-cli-'));
  t.after(() => rm(folder, { recursive: true }));
  const path = join(folder, 'relay.yaml');
  await writeFile(path, text);
  return path;
}

test('run gets the settings of flags, variables and file', async (t) => {
  const config = await fileWith(t, 'link: {port: 1}\nops: {port: 1}\nlabelNodes: false\n');
  const { code, ran } = await cli(['run', ...TLS, '--link-port', '3'], { env: { HAWSER_CONFIG: config, HAWSER_OPS_PORT: '2' } });
  assert.equal(code, 0);
  assert.deepEqual([ran?.settings.link.port, ran?.settings.ops.port, ran?.settings.labelNodes], [3, 2, false]);
});

test('help names every setting with its default, and examples', async () => {
  const { code, out } = await cli(['run', '--help']);
  assert.equal(code, 0);
  const text = out.replace(/\s+/g, ' ');
  for (const { path, fallback } of SETTINGS) {
    assert.ok(text.includes(`${flagName(path)} <`), path);
    if (fallback !== undefined) assert.ok(text.includes(`(default: ${fallback})`), path);
  }
  assert.match(text, /Examples: hawser-relay run --config/);
  assert.match(text, new RegExp(environmentName('link.port')));
});

test('each command says with examples how it is called, and those of most also how it ends', async () => {
  const seen = await helpedCommands('hawser-relay', cli);
  for (const known of ['run', 'config', 'nodes', 'node', 'log-level', 'token create', 'ca rotate', 'revoke', 'devices'])
    assert.ok(seen.includes(known), known);
});

test('what is a fixed set is offered behind its flag or command', async () => {
  const { out } = await cli(['completion', 'bash']);
  for (const line of [
    '"/run --log-level") COMPREPLY=($(compgen -W "trace debug info warn error fatal"',
    '"/run --key-exchange") COMPREPLY=($(compgen -W "hybrid x25519"',
    '"/nodes --output"|"/nodes -o") COMPREPLY=($(compgen -W "text wide json"',
    '"/token/create --output"|"/token/create -o") COMPREPLY=($(compgen -W "text json"',
  ]) {
    assert.ok(out.includes(line), line);
  }
});

test('config prints what would be used', async () => {
  const { code, out } = await cli(['config', ...TLS]);
  assert.equal(code, 0);
  assert.match(out, /^link:\n {2}address: "0\.0\.0\.0"\n {2}port: 8443$/m);
});

test('a wrong setting, a missing file, an unknown flag and no command are usage errors', async () => {
  const wrong = await cli(['run', ...TLS, '--link-port', 'http']);
  assert.equal(wrong.code, 2);
  assert.equal(wrong.error, 'hawser-relay: link.port: must be a whole number from 0 to 65535, not "http" (--link-port)\n');
  const missing = await cli(['run', '--config', '/nowhere/relay.yaml']);
  assert.equal(missing.code, 2);
  assert.equal(missing.error, 'hawser-relay: --config: the file /nowhere/relay.yaml is not there\n');
  assert.equal((await cli(['run', '--no-such-flag'])).code, 2);
  assert.equal((await cli(['walk'])).code, 2);
  assert.equal((await cli([])).code, 2);
});

test('a failure at the start says what it was and is code 1', async () => {
  const { code, error } = await cli(['run', ...TLS], {
    run: () => Promise.reject(new HawserError('address_in_use', 'port 8443 is in use')),
  });
  assert.equal(code, 1);
  assert.equal(error, 'hawser-relay: port 8443 is in use\n');
});

test('a fault of ours is not made to look like a message', async () => {
  await assert.rejects(cli(['run', ...TLS], { run: () => Promise.reject(new TypeError('oops')) }), TypeError);
});

test('the version is printed', async () => {
  assert.deepEqual(await cli(['--version']), { code: 0, out: '1.2.3\n', error: '', ran: undefined });
});

test('the first signal ends the wait, the second is impatience', async () => {
  const process = new EventEmitter();
  let impatient = 0;
  const stopped = untilStopped(process, () => {
    impatient += 1;
  });
  process.emit('SIGTERM');
  assert.equal(await stopped, 'SIGTERM');
  assert.equal(impatient, 0);
  process.emit('SIGINT');
  assert.equal(impatient, 1);
});

test('completion offers the commands of each group, and the version is one line', async () => {
  const { code, out } = await cli(['completion', 'bash']);
  assert.equal(code, 0);
  assert.match(out, /complete -F _hawser_relay hawser-relay/);
  assert.match(out, /"\/ca"\) words=".*rotate/);
  assert.match(out, /"\/nodes"\) words=".*--watch/);
  assert.match(out, /"\/log-level"\) words=".*debug/);
  assert.equal((await cli(['completion', 'tcsh'])).code, 2);
  assert.equal((await cli(['version'])).out, 'hawser-relay 1.2.3\n');
});
