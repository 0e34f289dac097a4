import assert from 'node:assert/strict';
import { test } from 'node:test';
import { documentedMetrics, servedMetrics } from '../../../test/support/metrics-page.ts';
import { createMetrics, type Readings } from './metrics.ts';

const readings: Readings = {
  api: () => ({
    connections: 3,
    requests: 1,
    watches: 2,
    unauthorized: 3,
    reached: {
      connections: 0,
      strangers: 4,
      requests: 0,
      watches: 1,
      headerBytes: 0,
      bodyBytes: 0,
      frames: 0,
      time: 0,
      unread: 0,
    },
  }),
  linkState: () => 'open',
  link: () => ({ dials: 3, opened: 2, failures: { silent: 1 }, bytesRead: 1_000, bytesWritten: 500 }),
  sessionState: () => 'inSync',
  sync: () => ({
    batches: 1,
    operations: 2,
    nacks: 0,
    inventories: 0,
    checks: 0,
    byType: { upsert: 1, upsertDelta: 0, touch: 1, delete: 0 },
  }),
  recheck: () => ({ rows: 10, rounds: 1, failures: 0, damaged: { row: 0, lost: 0, body: 1, write: 0, served: 0 } }),
  queries: () => ({
    open: 1,
    waiting: 0,
    asked: 9,
    answered: { found: 3, notFound: 1, forbidden: 1, refused: 0, unavailable: 1, offline: 1, unknownOutcome: 0 },
    abandoned: 1,
    sent: 7,
    cancelled: 1,
    ignored: 1,
  }),
  answers: () => ({ answers: 3, size: 700 }),
  isKubeletAlive: () => true,
  runner: () => ({ state: 'waiting', starts: 3, ends: 2, linesLeftOut: 7 }),
  certificate: () => ({ renewals: { issued: 2, promoted: 1 }, endsMs: 1_800_000_000_000 }),
  clock: () => 'behind',
  clockOffsetMs: () => -90_500,
  autonomy: () => ({ awaySeconds: 90, podsStopped: 3 }),
  tokens: () => 4,
  tokenRequests: () => ({ fresh: 7, renewed: 4, kept: 2, expired: 1, refused: 0, unavailable: 0 }),
  upstream: () => ({ sent: 1, applied: 1, refused: 0, unavailable: 0, inFlight: 0, held: 0 }),
  outbox: () => ({ entries: 2, bytes: 700 }),
  outboxOldest: () => 1_690_000_000,
  storage: () => ({ storeBytes: 4_096, freeBytes: 1_000_000, sizeBytes: 2_000_000 }),
  droppedEvents: () => ({ total: { count: 3, bytes: 0, age: 1 }, untold: 1 }),
  objects: () => 5,
  digest: () => 'ffffffffffff00000000000000000000',
  lastSync: () => 1_700_000_000,
};

test('every metric of the agent is described in docs/metrics.md, with its type and labels, and no other is', async () => {
  const served = servedMetrics(await (await createMetrics(readings)).text(), 'hawser_agent_');
  const documented = await documentedMetrics('hawser_agent_');
  assert.deepEqual([...served.keys()].sort(), [...documented.keys()].sort());
  for (const [name, { type, labels }] of served) {
    assert.equal(documented.get(name)?.type, type, name);
    assert.deepEqual(documented.get(name)?.labels, labels, `labels of ${name}`);
  }
});

test('metrics of the agent have the values of the moment', async () => {
  const text = await (await createMetrics(readings)).text();
  for (const line of [
    'hawser_agent_damaged_rows_total{damage="body"} 1',
    'hawser_agent_operations_total{operation="touch"} 1',
    'hawser_agent_link_bytes_total{direction="in"} 1000',
    'hawser_agent_digest 281474976710655',
    'hawser_agent_link_opened_total 2',
    'hawser_agent_token_requests_total{outcome="kept"} 2',
    'hawser_agent_kubelet_alive 1',
    'hawser_agent_outbox_bytes 700',
    'hawser_agent_outbox_oldest_timestamp_seconds 1690000000',
    'hawser_agent_storage_free_bytes 1000000',
    'hawser_agent_events_dropped_total{reason="age"} 1',
    'hawser_agent_certificate_end_timestamp_seconds 1800000000',
    'hawser_agent_renewals_total{outcome="promoted"} 1',
    'hawser_agent_clock{state="behind"} 1',
    'hawser_agent_clock_offset_seconds -90.5',
    'hawser_agent_queries{state="open"} 1',
    'hawser_agent_query_answers_total{answer="notFound"} 1',
    'hawser_agent_query_messages_total{message="lateAnswer"} 1',
    'hawser_agent_kept_answer_bytes 700',
  ]) {
    assert.ok(text.includes(`${line}\n`), line);
  }
});
