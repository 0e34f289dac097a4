import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { Command } from 'commander';
import { addSettings, sourcesOf } from './command.ts';
import type { Sources } from './resolve.ts';
import { environmentName, flagName } from './setting.ts';
import { TABLE } from './testing.ts';

function given(args: string[], env: Sources['env'] = {}): Sources {
  const command = addSettings(new Command('t'), TABLE).action(() => undefined);
  command.parse(args, { from: 'user' });
  return sourcesOf(command, TABLE, env);
}

function fileWith(t: TestContext, text: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'hawser-settings-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const path = join(folder, 't.yaml');
  writeFileSync(path, text);
  return path;
}

test('names of flags and variables follow from the path and are distinct', () => {
  assert.equal(environmentName('limits.pingSeconds'), 'HAWSER_LIMITS_PING_SECONDS');
  assert.equal(flagName('tls.clientCa'), '--tls-client-ca');
  assert.equal(new Set(TABLE.map(({ path }) => flagName(path))).size, TABLE.length);
});

test('flags that were typed come by the path of their setting, and no others', () => {
  const { flags, file } = given(['--tls-client-ca', 'c', '--limits-ping-seconds', '3', '--is-loud', 'false']);
  assert.deepEqual(Object.fromEntries(flags), { 'tls.clientCa': 'c', 'limits.pingSeconds': '3', isLoud: 'false' });
  assert.equal(file, undefined);
});

test('the file is the one of --config, otherwise the one of HAWSER_CONFIG, where empty means none', (t) => {
  const [one, two] = [fileWith(t, 'one'), fileWith(t, 'two')];
  assert.deepEqual(given(['--config', one], { HAWSER_CONFIG: two }).file, { path: one, text: 'one' });
  assert.deepEqual(given([], { HAWSER_CONFIG: two }).file, { path: two, text: 'two' });
  assert.equal(given([], { HAWSER_CONFIG: '' }).file, undefined);
  const gone = `${one}.gone`;
  assert.throws(() => given(['--config', gone], { HAWSER_CONFIG: two }), { message: `--config: the file ${gone} is not there` });
  assert.throws(() => given([], { HAWSER_CONFIG: gone }), { message: `HAWSER_CONFIG: the file ${gone} is not there` });
});

test('help shows each flag with the kind of its value and its default', () => {
  const help = addSettings(new Command('t'), TABLE).helpInformation().replace(/\s+/g, ' ');
  for (const shown of [
    '--config <file> configuration file, YAML; also HAWSER_CONFIG',
    '--mode <text> how (default: safe)',
    '--is-loud <true|false> whether (default: true)',
    '--link-port <number> where (default: 8443)',
    '--relay-urls <list> to whom --limits',
  ]) {
    assert.ok(help.includes(shown), shown);
  }
});
