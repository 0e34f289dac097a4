import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { Command } from 'commander';
import { addSettings, sourcesOf } from './command.ts';
import type { Sources } from './resolve.ts';
import { type ConfigPlace, environmentName, flagName } from './setting.ts';
import { TABLE } from './testing.ts';

const PLACE: ConfigPlace = { variable: 'HAWSER_AGENT_CONFIG' };

function given(args: string[], env: Sources['env'] = {}, place = PLACE, table = TABLE): Sources {
  const command = addSettings(new Command('t'), table, place).action(() => undefined);
  command.parse(args, { from: 'user' });
  return sourcesOf(command, table, env, place);
}

function fileWith(t: TestContext, text: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'hawser-settings-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const path = join(folder, 't.yaml');
  writeFileSync(path, text);
  return path;
}

/** As a user whom modes stop: root is none. */
function asNobody(work: () => void): void {
  const before = process.geteuid?.();
  if (before === 0) process.seteuid?.(65_534);
  try {
    work();
  } finally {
    if (before === 0) process.seteuid?.(0);
  }
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

test('the own variable of a program is stronger than the one that both read', (t) => {
  const [own, shared] = [fileWith(t, 'own'), fileWith(t, 'shared')];
  assert.equal(given([], { HAWSER_AGENT_CONFIG: own, HAWSER_CONFIG: shared }).file?.text, 'own');
  assert.equal(given([], { HAWSER_AGENT_CONFIG: '', HAWSER_CONFIG: shared }).file?.text, 'shared');
  assert.equal(given([], { HAWSER_RELAY_CONFIG: own }).file, undefined);
});

test('the standard file is read where nothing else is said: no file, no empty variable, no other of the programs that there may be', (t) => {
  const [standard, other] = [fileWith(t, 'standard'), fileWith(t, 'other')];
  const place: ConfigPlace = { ...PLACE, standard: { path: standard, unlessGiven: 'mode' } };
  const text = (args: string[], env: Sources['env'] = {}, table = TABLE) => given(args, env, place, table).file?.text;
  assert.equal(text([]), 'standard');
  assert.equal(text(['--link-port', '3'], { HAWSER_MODE: '' }), 'standard');
  assert.equal(text(['--config', other]), 'other');
  assert.equal(text([], { HAWSER_CONFIG: other }), 'other');
  assert.equal(text([], { HAWSER_AGENT_CONFIG: '' }), undefined);
  assert.equal(text([], { HAWSER_CONFIG: '' }), undefined);
  assert.equal(text(['--mode', 'loud']), undefined);
  assert.equal(text([], { HAWSER_MODE: 'loud' }), undefined);
  assert.equal(
    text(
      [],
      {},
      TABLE.filter(({ path }) => path !== 'mode'),
    ),
    undefined,
    'a command without that flag',
  );
});

test('a standard file that is not there is none; one that this user may not read is an error that says sudo', (t) => {
  const standard = fileWith(t, 'standard');
  const place: ConfigPlace = { ...PLACE, standard: { path: standard, unlessGiven: 'mode' } };
  chmodSync(standard, 0);
  asNobody(() =>
    assert.throws(() => given([], {}, place), {
      message: `the configuration: the file ${standard} may not be read by this user: give the command with sudo, or let the user read it`,
    }),
  );
  assert.equal(given([], { HAWSER_MODE: 'loud' }, place).file, undefined);
  rmSync(standard);
  assert.equal(given([], {}, place).file, undefined);
});

test('help shows each flag with the kind of its value and its default', () => {
  const help = addSettings(new Command('t'), TABLE, {
    ...PLACE,
    standard: { path: '/etc/t.yaml', unlessGiven: 'mode' },
  })
    .helpInformation()
    .replace(/\s+/g, ' ');
  for (const shown of [
    '--config <file> configuration file, YAML; also HAWSER_AGENT_CONFIG or HAWSER_CONFIG; without either /etc/t.yaml, if it is there and no --mode is given',
    '--mode <text> how (default: safe)',
    '--is-loud <true|false> whether (default: true)',
    '--link-port <number> where (default: 8443)',
    '--relay-urls <list> to whom --limits',
  ]) {
    assert.ok(help.includes(shown), shown);
  }
});
