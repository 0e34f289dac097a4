import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HawserError } from '@hawser/protocol';
import { flagName, type Sources } from '@hawser/settings';
import { resolveConfig, SETTINGS } from './settings.ts';

const NEEDED = 'relay: {urls: [wss://relay:8443]}\ntls: {cert: /d.crt, key: /d.key, ca: /ca.crt}\n';

function sources(text: string, env: Sources['env'] = {}, flags: Record<string, string> = {}): Sources {
  return { file: { path: '/etc/agent.yaml', text }, env, flags: new Map(Object.entries(flags)) };
}

function complaintsOf(given: Sources): string {
  try {
    resolveConfig(given);
  } catch (error) {
    assert.ok(error instanceof HawserError && error.code === 'bad_config', String(error));
    return error.message;
  }
  return assert.fail('the configuration was taken');
}

test('what is not said has its default', () => {
  const { settings } = resolveConfig(sources(NEEDED));
  assert.deepEqual(settings, {
    dataDir: '/var/lib/hawser',
    relay: { urls: ['wss://relay:8443'] },
    tls: { cert: '/d.crt', key: '/d.key', ca: '/ca.crt' },
    store: {},
    keyExchange: 'hybrid',
    api: { address: '127.0.0.1', port: 6444, pods: false },
    workload: 'hollow',
    hollow: { tokens: true },
    kubelet: {},
    ops: { address: '127.0.0.1' },
    logLevel: 'info',
    limits: { apiConnections: 4_096, apiStrangers: 256, apiRequests: 256, apiWatches: 3_072 },
    recheckSeconds: 50,
    backoff: { baseMs: 500, capMs: 60_000 },
  });
});

test('a flag is stronger than a variable, a variable than the file', () => {
  const text = `${NEEDED}api: {port: 1}\nlogLevel: warn\nworkload: none\n`;
  const env = { HAWSER_API_PORT: '2', HAWSER_LOG_LEVEL: 'debug', HAWSER_WORKLOAD: '' };
  const { settings } = resolveConfig(sources(text, env, { 'api.port': '3' }));
  assert.equal(settings.api.port, 3);
  assert.equal(settings.logLevel, 'debug');
  assert.equal(settings.workload, 'none');
});

test('several relays are written with commas in a flag or variable', () => {
  const { settings } = resolveConfig(sources(NEEDED, { HAWSER_RELAY_URLS: 'wss://a:1, wss://b:2,' }));
  assert.deepEqual(settings.relay.urls, ['wss://a:1', 'wss://b:2']);
});

test('every wrong value is named with its path, the value and where it came from', () => {
  const text = 'relay: {urls: [https://x]}\ntls: {cert: /d.crt, key: 7}\napi: {address: 0.0.0.0}\nworkloads: hollow\n';
  const complaints = complaintsOf(sources(text, { HAWSER_API_PORT: 'http' }, { logLevel: 'loud' }));
  const lines = complaints.split('\n').sort();
  assert.deepEqual(lines, [
    'api.address: must be a loopback address: 127.0.0.1, ::1 or another of 127.0.0.0/8, not "0.0.0.0" (/etc/agent.yaml)',
    'api.port: must be a whole number from 0 to 65535, not "http" (HAWSER_API_PORT)',
    'logLevel: must be one of trace, debug, info, warn, error, fatal, not "loud" (--log-level)',
    'relay.urls.0: must be the address of a relay: wss://HOST[:PORT], not "https://x" (/etc/agent.yaml)',
    'tls.key: must be the path of a file, not 7 (/etc/agent.yaml)',
    'workloads: is not a setting of the agent (/etc/agent.yaml)',
  ]);
});

test('without files a device is what it has joined as: nothing is needed', () => {
  const { settings } = resolveConfig({ env: {}, flags: new Map() });
  assert.deepEqual([settings.tls, settings.relay], [{}, {}]);
});

test('a certificate of one’s own needs key, authorities and relays: what is missing is named by its own path', () => {
  const lines = complaintsOf(sources('tls: {cert: /d.crt}\n')).split('\n');
  assert.deepEqual(
    lines.map((line) => line.split(':')[0]),
    ['tls.key', 'tls.ca', 'relay.urls'],
  );
  assert.equal(
    complaintsOf(sources(NEEDED.replace(', ca: /ca.crt', ''))),
    'tls.ca: is missing; with tls.cert and tls.key it is needed: set it in the file, as HAWSER_TLS_CA or with --tls-ca',
  );
});

test('a link without TLS, or with a password in its address, is no relay', () => {
  for (const url of ['ws://relay', 'wss://me:secret@relay', 'wss://relay?x=1', 'relay:8443', '']) {
    assert.match(complaintsOf(sources(NEEDED.replace('wss://relay:8443', JSON.stringify(url)))), /^relay\.urls\.0: /);
  }
  assert.match(complaintsOf(sources(NEEDED.replace('[wss://relay:8443]', '[]'))), /^relay.urls: must name at least one relay/);
});

test('a longest wait below the first one is refused', () => {
  assert.match(complaintsOf(sources(`${NEEDED}backoff: {baseMs: 5000, capMs: 100}\n`)), /^backoff.capMs: 100 is less/);
});

test('no two settings have one flag', () => {
  assert.equal(new Set(SETTINGS.map(({ path }) => flagName(path))).size, SETTINGS.length);
});
