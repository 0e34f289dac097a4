import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HawserError } from '@hawser/protocol';
import { describeSettings, flagName, type Sources } from '@hawser/settings';
import { resolveConfig, SETTINGS } from './settings.ts';

const TLS = { HAWSER_TLS_CERT: 'relay.crt', HAWSER_TLS_KEY: 'relay.key', HAWSER_TLS_CLIENT_CA: 'ca.crt' };

function resolve(sources: { file?: string; env?: Sources['env']; flags?: Record<string, string> }) {
  return resolveConfig({
    ...(sources.file === undefined ? {} : { file: { path: 'relay.yaml', text: sources.file } }),
    env: { ...TLS, ...sources.env },
    flags: new Map(Object.entries(sources.flags ?? {})),
  });
}

function refusal(sources: Parameters<typeof resolve>[0]): string {
  try {
    resolve(sources);
  } catch (error) {
    assert.ok(error instanceof HawserError);
    assert.equal(error.code, 'bad_config');
    return error.message;
  }
  throw new Error('the configuration was taken');
}

test('what is not set has its default', () => {
  const { settings } = resolve({});
  assert.equal(settings.link.port, 8443);
  assert.equal(settings.labelNodes, true);
  assert.equal(settings.keyExchange, 'hybrid');
  assert.equal(settings.kubeconfig, undefined);
});

test('a flag is stronger than a variable, a variable than the file, the file than the default', () => {
  const file = 'link: {port: 1}\nops: {port: 1}\nlimits: {sessions: 7}\n';
  const { settings } = resolve({
    file,
    env: { HAWSER_LINK_PORT: '2', HAWSER_OPS_PORT: '2' },
    flags: { 'link.port': '3' },
  });
  assert.deepEqual([settings.link.port, settings.ops.port, settings.limits.sessions], [3, 2, 7]);
});

test('each wrong value is named with its path, what it was, and where it came from', () => {
  const message = refusal({
    file: 'labelNodes: perhaps\nlimits: {pingSeconds: 60}\n',
    env: { HAWSER_LINK_PORT: 'tcp://10.0.0.1:8443' },
    flags: { keyExchange: 'rsa' },
  });
  assert.deepEqual(message.split('\n').sort(), [
    'keyExchange: must be one of hybrid, x25519, not "rsa" (--key-exchange)',
    'labelNodes: must be true or false, not "perhaps" (relay.yaml)',
    'limits.pingSeconds: must be a whole number from 1 to 9, not 60 (relay.yaml)',
    'link.port: must be a whole number from 0 to 65535, not "tcp://10.0.0.1:8443" (HAWSER_LINK_PORT)',
  ]);
});

test('labels and taints for Nodes are lists, and each that is none is named', () => {
  const file = 'nodeLabels: [node-role.kubernetes.io/gateway=, site=north]\n';
  const { settings } = resolve({ file, env: { HAWSER_NODE_TAINTS: 'hawser.dev/edge:NoSchedule,a=b:NoExecute' } });
  assert.deepEqual(settings.nodeLabels, ['node-role.kubernetes.io/gateway=', 'site=north']);
  assert.deepEqual(settings.nodeTaints, ['hawser.dev/edge:NoSchedule', 'a=b:NoExecute']);
  assert.deepEqual(resolve({}).settings.nodeLabels, []);
  const message = refusal({ file: 'nodeLabels: [ok, "no label"]\n', flags: { nodeTaints: 'a=b:Never' } });
  assert.deepEqual(message.split('\n').sort(), [
    'nodeLabels.1: must be a label, KEY=VALUE, not "no label" (relay.yaml)',
    'nodeTaints.0: must be a taint, KEY=VALUE:EFFECT, not "a=b:Never" (--node-taints)',
  ]);
  const many = Array.from({ length: 33 }, (_, n) => `l${n}`).join(',');
  assert.match(refusal({ flags: { nodeLabels: many } }), /^nodeLabels: must be at most 32 labels/);
});

test('certificates of one’s own are given whole or not at all, and what is missing is named with the three ways to set it', () => {
  assert.equal(
    refusal({ env: { HAWSER_TLS_CERT: undefined } }),
    'tls.cert: is missing; set it in the file, as HAWSER_TLS_CERT or with --tls-cert',
  );
  assert.deepEqual(
    refusal({ file: 'issuer: {cert: ca.crt}\n', env: { HAWSER_TLS_KEY: '', HAWSER_TLS_CLIENT_CA: '' } }).split('\n'),
    [
      'tls.key: is missing; set it in the file, as HAWSER_TLS_KEY or with --tls-key',
      'tls.clientCa: is missing; set it in the file, as HAWSER_TLS_CLIENT_CA or with --tls-client-ca',
      'issuer.key: is missing; set it in the file, as HAWSER_ISSUER_KEY or with --issuer-key',
    ],
  );
  const env = { HAWSER_TLS_CERT: '', HAWSER_TLS_KEY: '', HAWSER_TLS_CLIENT_CA: '' };
  const { tls, issuer } = resolve({ env }).settings;
  assert.deepEqual([tls, issuer], [{}, {}]);
});

test('names of serving certificates and relays of join lines are read, and each that is none is named', () => {
  const { settings } = resolve({
    env: { HAWSER_LINK_NAMES: 'relay.example,192.0.2.7,::1,*.edge.example' },
    file: 'enroll: {relays: ["wss://relay.example:8443"]}\n',
  });
  assert.deepEqual(settings.link.names, ['relay.example', '192.0.2.7', '::1', '*.edge.example']);
  assert.deepEqual(settings.enroll.relays, ['wss://relay.example:8443']);
  assert.deepEqual(refusal({ flags: { 'link.names': 'a b,ok', 'enroll.relays': 'https://x' } }).split('\n'), [
    'link.names.0: must be a DNS name or an IP address, not "a b" (--link-names)',
    'enroll.relays.0: must be the address of a relay: wss://HOST[:PORT], not "https://x" (--enroll-relays)',
  ]);
});

test('unknown keys of the file are refused with whose settings these are, and a list is no section', () => {
  assert.match(refusal({ file: 'lable: true\n' }), /^lable: is not a setting of the relay \(relay\.yaml\)$/);
  assert.match(refusal({ file: 'limits: {pings: 3}\n' }), /^limits\.pings: is not a setting of the relay \(relay\.yaml\)$/);
  assert.match(
    refusal({ file: 'limits: [1]\n' }),
    /^limits: must be a section with settings below it, not \[1\] \(relay\.yaml\)$/,
  );
});

test('the effective settings read back as a file that means the same', () => {
  const { settings } = resolve({ env: { HAWSER_KUBECONFIG: '/etc/k', HAWSER_LIMITS_SESSIONS: '5' } });
  assert.deepEqual(
    resolveConfig({ file: { path: 'x', text: describeSettings(settings) }, env: {}, flags: new Map() }).settings,
    settings,
  );
});

test('no two settings have one flag', () => {
  assert.equal(new Set(SETTINGS.map(({ path }) => flagName(path))).size, SETTINGS.length);
});
