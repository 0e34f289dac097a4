import assert from 'node:assert/strict';
import { test } from 'node:test';
import { documentedMetrics, servedMetrics } from '../../../test/support/metrics-page.ts';
import { createMetrics } from './metrics.ts';
import { someReadings } from './testing/readings.ts';

test('every metric of the relay is described in docs/metrics.md, with its type and labels, and no other is', async () => {
  const metrics = createMetrics(someReadings());
  metrics.sessionEnded('lost');
  metrics.linkRefused('tls');
  metrics.received('ack', 10);
  metrics.nack('malformed');
  metrics.refusalEvent('created');
  metrics.apiCall('PATCH', 200);
  metrics.reportOutcome('applied', 'status');
  metrics.reportBegun(3);
  metrics.patchSent('less');
  metrics.queryAnswered('configmaps', 'found', 5);
  metrics.change('upsert', 'pods');
  metrics.listed('pods');
  metrics.watchBegun('pods');
  metrics.leaseCall('update', 'session', 'written');
  metrics.leaseRenewal('written');
  metrics.linkedWrite('written');
  metrics.sessionElsewhere('same');
  metrics.autonomyResult('lengthened');
  metrics.renewal('issued');
  metrics.denied('report');
  metrics.certificateFiles('taken');
  metrics.enrolment('joined');
  metrics.enrolmentMisuse('http');
  metrics.adminRequest('nodes', 'answered');
  const served = servedMetrics(await metrics.text(), 'hawser_relay_');
  const documented = await documentedMetrics('hawser_relay_');
  assert.deepEqual([...served.keys()].sort(), [...documented.keys()].sort());
  for (const [name, { type, labels }] of served) {
    assert.equal(documented.get(name)?.type, type, name);
    assert.deepEqual(documented.get(name)?.labels, labels, `labels of ${name}`);
  }
});

test('only nodes that lag are named, and are no longer when they do not', async () => {
  let lagging = [{ node: 'edge-7', lagMs: 2_500 }];
  const asked: number[][] = [];
  const metrics = createMetrics({
    ...someReadings(),
    lagging: (leastMs, most) => {
      asked.push([leastMs, most]);
      return lagging;
    },
  });
  assert.match(await metrics.text(), /^hawser_relay_session_lag_seconds\{node="edge-7"\} 2\.5$/m);
  lagging = [];
  assert.doesNotMatch(await metrics.text(), /edge-7/);
  assert.deepEqual(asked[0], [1_000, 1_000]);
});

test('the time of a delivery is told in seconds', async () => {
  const metrics = createMetrics(someReadings());
  metrics.delivered(120);
  const text = await metrics.text();
  assert.match(text, /^hawser_relay_delivery_seconds_bucket\{le="0\.1"\} 0$/m);
  assert.match(text, /^hawser_relay_delivery_seconds_bucket\{le="0\.25"\} 1$/m);
  assert.match(text, /^hawser_relay_delivery_seconds_sum 0\.12$/m);
});
