import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { HawserError } from '@hawser/protocol';
import { pino } from 'pino';
import { type EndpointOptions, type Readiness, startEndpoint } from './endpoint.ts';
import { createMetrics } from './metrics.ts';
import { someReadings } from './testing/readings.ts';

const metrics = createMetrics(someReadings());

async function start(t: TestContext, options: Partial<EndpointOptions> = {}) {
  const endpoint = await startEndpoint({
    address: '127.0.0.1',
    port: 0,
    metrics,
    readiness: () => ({ type: 'ready' }),
    logger: pino({ level: 'silent' }),
    ...options,
  });
  t.after(() => endpoint.close());
  return {
    port: endpoint.port,
    get: async (path: string, method = 'GET') => {
      const response = await fetch(`http://127.0.0.1:${endpoint.port}${path}`, { method });
      return { status: response.status, text: await response.text() };
    },
  };
}

test('readiness names what is waited for, and turns when it has come', async (t) => {
  let readiness: Readiness = { type: 'notReady', waitingFor: ['pods: listing', 'secrets: failing (forbidden)'] };
  const { get } = await start(t, { readiness: () => readiness });
  assert.deepEqual(await get('/readyz'), {
    status: 503,
    text: 'waiting for pods: listing\nwaiting for secrets: failing (forbidden)\n',
  });
  assert.equal((await get('/healthz')).status, 200);
  readiness = { type: 'ready' };
  assert.deepEqual(await get('/readyz?verbose'), { status: 200, text: 'ok\n' });
});

test('metrics have the values of the moment, with help', async (t) => {
  metrics.sent('batch', 100);
  metrics.apiCall('PATCH', 200);
  const { get } = await start(t);
  const { status, text } = await get('/metrics');
  assert.equal(status, 200);
  for (const line of [
    'hawser_relay_sessions{state="inSync"} 3',
    'hawser_relay_dirty_keys 4',
    'hawser_relay_batches_total 6',
    'hawser_relay_operations_total{operation="touch"} 8',
    'hawser_relay_operations_total{operation="upsertDelta"} 17',
    'hawser_relay_body_bytes_total{encoding="delta"} 100',
    'hawser_relay_body_bytes_total{encoding="identity"} 400',
    'hawser_relay_delta_retries_total 3',
    'hawser_relay_superseded_bytes 500',
    'hawser_relay_digest_mismatches_total{told="check"} 1',
    'hawser_relay_reports{state="waiting"} 5',
    'hawser_relay_reflector_state{resource="pods",state="synced"} 1',
    'hawser_relay_reflector_state{resource="pods",state="failing"} 0',
    'hawser_relay_message_bytes_total{direction="out"} 100',
    'hawser_relay_api_calls_total{verb="PATCH",code="200"} 1',
  ]) {
    assert.ok(text.includes(`${line}\n`), line);
  }
  assert.match(text, /# HELP hawser_relay_sessions Live sessions by state\./);
});

test('other paths are 404 and other methods 405', async (t) => {
  const { get } = await start(t);
  assert.equal((await get('/')).status, 404);
  assert.equal((await get('/metrics', 'POST')).status, 405);
});

test('metrics that cannot be collected are a 500, and the endpoint goes on', async (t) => {
  const broken = { contentType: 'text/plain', text: () => Promise.reject(new Error('broken')) };
  const { get } = await start(t, { metrics: broken });
  assert.equal((await get('/metrics')).status, 500);
  assert.equal((await get('/healthz')).status, 200);
});

test('a port in use is named, with the setting to change', async (t) => {
  const { port } = await start(t);
  await assert.rejects(start(t, { port }), (error) => {
    assert.ok(error instanceof HawserError);
    assert.equal(error.code, 'address_in_use');
    assert.match(error.message, new RegExp(`^port ${port} on 127\\.0\\.0\\.1 is in use: .* ops\\.port`));
    return true;
  });
});

test('an address that is not ours is a wrong setting', async (t) => {
  await assert.rejects(start(t, { address: '203.0.113.1' }), (error) => {
    assert.ok(error instanceof HawserError);
    assert.equal(error.code, 'bad_config');
    assert.match(error.message, /^ops: cannot listen on 203\.0\.113\.1/);
    return true;
  });
});
