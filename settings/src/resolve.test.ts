import assert from 'node:assert/strict';
import { test } from 'node:test';
import { describeSettings, findText, resolveSettings, resolveText, type Sources } from './resolve.ts';
import { complaintOf, SCHEMA, TABLE } from './testing.ts';

const NEEDED = 'relay: {urls: [wss://a]}\ntls: {cert: /a.crt, clientCa: /ca.crt}\n';

function sources(text: string, env: Sources['env'] = {}, flags: Record<string, string> = {}): Sources {
  return { file: { path: '/etc/t.yaml', text }, env, flags: new Map(Object.entries(flags)) };
}

const NOTHING: Sources = { env: {}, flags: new Map() };
const resolve = (...given: Parameters<typeof sources>) => resolveSettings(SCHEMA, TABLE, sources(...given));
const complaints = (...given: Parameters<typeof sources>) => complaintOf(() => resolve(...given)).split('\n');

test('what is not said has its default, and what has none is absent', () => {
  assert.deepEqual(resolve(NEEDED).settings, {
    mode: 'safe',
    isLoud: true,
    link: { port: 8443 },
    tls: { cert: '/a.crt', clientCa: '/ca.crt' },
    relay: { urls: ['wss://a'] },
    limits: { pingSeconds: 8 },
  });
});

test('a flag is stronger than a variable, a variable than the file, the file than the default', () => {
  const text = `${NEEDED}link: {port: 1}\nmode: safe\nlimits: {pingSeconds: 5}\n`;
  const { settings } = resolve(text, { HAWSER_LINK_PORT: '2', HAWSER_MODE: 'fast' }, { 'link.port': '3' });
  assert.deepEqual([settings.link.port, settings.mode, settings.limits.pingSeconds], [3, 'fast', 5]);
});

test('an empty variable and a key without a value mean not set', () => {
  const { settings } = resolve(`${NEEDED}note:\nlink:\n`, { HAWSER_LINK_PORT: '' });
  assert.equal('note' in settings, false);
  assert.equal(settings.link.port, 8443);
});

test('true and false, numbers, and lists with commas are written as text in variables and flags', () => {
  const { settings } = resolve(NEEDED, { HAWSER_IS_LOUD: 'false', HAWSER_RELAY_URLS: 'wss://b, wss://c,' }, { 'link.port': '0' });
  assert.deepEqual([settings.isLoud, settings.relay.urls, settings.link.port], [false, ['wss://b', 'wss://c'], 0]);
});

test('each wrong value is named with its path, what it was, and where it came from', () => {
  const lines = complaints(
    `isLoud: perhaps\nlimits: {pingSeconds: 60}\nrelay: {urls: [wss://a, https://x]}\ntls: {cert: 7, clientCa: ''}\n`,
    { HAWSER_LINK_PORT: 'tcp://10.0.0.1:8443' },
    { mode: 'slow' },
  );
  assert.deepEqual(lines.sort(), [
    'isLoud: must be true or false, not "perhaps" (/etc/t.yaml)',
    'limits.pingSeconds: must be a whole number from 1 to 9, not 60 (/etc/t.yaml)',
    'link.port: must be a whole number from 0 to 65535, not "tcp://10.0.0.1:8443" (HAWSER_LINK_PORT)',
    'mode: must be one of fast, safe, not "slow" (--mode)',
    'relay.urls.1: must begin with wss:, not "https://x" (/etc/t.yaml)',
    'tls.cert: must be the path of a file, not 7 (/etc/t.yaml)',
    'tls.clientCa: must be the path of a file, and is empty, not "" (/etc/t.yaml)',
  ]);
});

test('an item of a list is traced to the variable or flag that holds the list', () => {
  assert.deepEqual(complaints(NEEDED, { HAWSER_RELAY_URLS: 'wss://a,b' }), [
    'relay.urls.1: must begin with wss:, not "b" (HAWSER_RELAY_URLS)',
  ]);
});

test('what is missing is named by its own path, with the three ways to set it, also when its whole section is missing', () => {
  assert.deepEqual(complaintOf(() => resolveSettings(SCHEMA, TABLE, NOTHING)).split('\n'), [
    'tls.cert: is missing; set it in the file, as HAWSER_TLS_CERT or with --tls-cert',
    'tls.clientCa: is missing; set it in the file, as HAWSER_TLS_CLIENT_CA or with --tls-client-ca',
    'relay.urls: is missing; set it in the file, as HAWSER_RELAY_URLS or with --relay-urls',
  ]);
  assert.deepEqual(complaints('relay: {urls: [wss://a]}\ntls: {cert: /a.crt}\n'), [
    'tls.clientCa: is missing; set it in the file, as HAWSER_TLS_CLIENT_CA or with --tls-client-ca',
  ]);
});

test('unknown keys of the file are refused with the name of whose settings these are, also below a section', () => {
  assert.deepEqual(complaints(`${NEEDED}lable: 1\n`), ['lable: is not a setting of the test (/etc/t.yaml)']);
  assert.deepEqual(complaints(`${NEEDED}limits: {pings: 3}\n`), ['limits.pings: is not a setting of the test (/etc/t.yaml)']);
});

test('a text, a number or a list in place of a section is refused with its path', () => {
  const text = 'relay: {urls: [wss://a]}\n';
  assert.deepEqual(complaints(`${text}tls: 4\n`), ['tls: must be a section with settings below it, not 4 (/etc/t.yaml)']);
  assert.deepEqual(complaints(`${text}tls: [1]\n`), ['tls: must be a section with settings below it, not [1] (/etc/t.yaml)']);
  assert.deepEqual(complaints(`${NEEDED}limits: x\n`, {}, { 'limits.pingSeconds': '3' }), [
    'limits: must be a section with settings below it, not "x" (/etc/t.yaml)',
  ]);
});

test('names of JavaScript objects are settings that nobody knows', () => {
  assert.deepEqual(complaints(`${NEEDED}constructor: 1\n`), ['constructor: is not a setting of the test (/etc/t.yaml)']);
  assert.match(complaints(`${NEEDED}__proto__: {polluted: 1}\n`).join(), /__proto__: is not a setting of the test/);
  assert.equal('polluted' in {}, false);
});

test('unknown variables with our prefix are listed and not refused', () => {
  const env = { HAWSER_RELAY_SERVICE_HOST: '10.0.0.1', HAWSER_CONFIG: 'x', HAWSER_LINK_PORT: '1', OTHER: '1' };
  assert.deepEqual(resolve(NEEDED, env).unknownVariables, ['HAWSER_RELAY_SERVICE_HOST']);
});

test('the effective settings read back as a file that means the same', () => {
  const { settings } = resolve(NEEDED, { HAWSER_NOTE: 'a: "b" # c' });
  const described = describeSettings(settings);
  assert.match(described, /^limits:\n {2}pingSeconds: 8$/m);
  assert.deepEqual(resolve(described).settings, settings);
});

test('one setting that may be left out is undefined then, and wrong where it is no text', () => {
  assert.equal(findText('note', TABLE, NOTHING), undefined);
  assert.equal(findText('note', TABLE, sources('note: here\nrelay: 7\n')), 'here');
  assert.equal(
    complaintOf(() => findText('note', TABLE, sources('note: 7\n'))),
    'note: must be a text, not 7 (/etc/t.yaml)',
  );
});

test('one setting can be read without the others', () => {
  assert.equal(resolveText('mode', TABLE, NOTHING), 'safe');
  assert.equal(resolveText('mode', TABLE, { ...NOTHING, env: { HAWSER_MODE: 'x' } }), 'x');
  assert.equal(resolveText('mode', TABLE, sources('mode: y\nrelay: 7\n')), 'y');
  assert.equal(
    complaintOf(() => resolveText('mode', TABLE, sources('mode: 7\n'))),
    'mode: must be a text, not 7 (/etc/t.yaml)',
  );
  assert.equal(
    complaintOf(() => resolveText('note', TABLE, NOTHING)),
    'note: must be a text, not null',
  );
});
