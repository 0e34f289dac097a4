import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import type { Report, ReportOutcome } from '@hawser/protocol';
import { pino } from 'pino';
import { ManualClock } from '../downstream/testing/manual-clock.ts';
import { createUpstream } from './index.ts';
import { nodeMarks } from './node-marks.ts';

interface Line {
  readonly level: number;
  readonly msg: string;
  readonly node?: string;
  readonly untold?: number;
}

/** Reports of any nodes in front of an API server that answers each call with `status`. */
function harness() {
  const clock = new ManualClock();
  const lines: Line[] = [];
  const outcomes: string[] = [];
  const api = { status: 404, retryAfter: undefined as string | undefined };
  const cache = { isBroken: false };
  const upstream = createUpstream({
    api: {
      request: async () => ({
        status: api.status,
        headers: { 'retry-after': api.retryAfter },
        text: JSON.stringify({ kind: 'Status', status: 'Failure', code: api.status, reason: 'Said', message: 'so' }),
      }),
    },
    clock,
    random: () => 0,
    logger: pino({ level: 'info' }, { write: (line: string) => void lines.push(JSON.parse(line)) }),
    counts: { apiCall: () => undefined, patchSent: () => undefined },
    cached: () => {
      if (cache.isBroken) throw new RangeError('Maximum call stack size exceeded');
      return undefined;
    },
    form: () => 'constrained',
    marks: nodeMarks(false, [], []),
    apiCalls: 8,
    apiCallsPerSecond: 1_000,
    reportBytesPerSession: 1024 * 1024,
    reportBytes: 256 * 1024 * 1024,
    onFull: () => undefined,
    reportsPerSession: 64,
    onOutcome: (outcome, about) => outcomes.push(`${about} ${outcome}`),
    denials: { report: () => undefined },
    events: { neededBy: () => [], uidOf: () => undefined },
    onBegun: () => undefined,
  });
  return { clock, lines, outcomes, api, cache, upstream };
}

function report(number: number, fields: Partial<Report> = {}): Report {
  return {
    number,
    resource: 'pods',
    namespace: 'web',
    name: `pod-${number}`,
    uid: 'u',
    subresource: 'status',
    operation: { type: 'patch', patchType: 'merge', body: '{}' },
    ...fields,
  };
}

/** Pushes them and waits for all answers. */
async function answers(upstream: ReturnType<typeof createUpstream>, node: string, reports: readonly Report[]) {
  const told: ReportOutcome[] = [];
  const lane = upstream.open(
    node,
    (_number, outcome) => told.push(outcome),
    () => undefined,
  );
  for (const one of reports) lane.push(one);
  while (told.length < reports.length) await turn();
  lane.close();
  return { told, lane };
}

test('a device whose reports are all refused has ten lines of the log a minute, and others have theirs', async () => {
  const { clock, lines, upstream } = harness();
  const refused = () => lines.filter(({ msg }) => msg === 'report refused');
  const lane = upstream.open(
    'noisy',
    () => undefined,
    () => undefined,
  );
  for (let n = 1; n <= 100; n += 1) lane.push(report(n));
  while (upstream.counts().waiting + upstream.counts().running > 0) await turn();
  assert.equal(refused().length, 10);
  await answers(upstream, 'quiet', [report(1)]);
  assert.equal(refused().filter(({ node }) => node === 'quiet').length, 1);
  clock.advance(60_000);
  lane.push(report(101));
  while (upstream.counts().running > 0) await turn();
  assert.equal(refused().at(-1)?.untold, 90);
});

test('a pause is one line of the log, whatever waits, and its end another', async () => {
  const { clock, lines, api, upstream } = harness();
  api.status = 503;
  api.retryAfter = '3';
  const busy = await answers(
    upstream,
    'a',
    Array.from({ length: 8 }, (_, n) => report(n + 1)),
  );
  assert.ok(busy.told.every(({ type }) => type === 'unavailable'));
  assert.equal(upstream.poolStats().state, 'paused');
  assert.equal(upstream.poolStats().pauses, 1);
  api.status = 404;
  clock.advance(3_000);
  await answers(upstream, 'b', [report(1)]);
  assert.deepEqual(
    lines.filter(({ msg }) => msg.startsWith('reports')).map(({ level, msg }) => [level, msg]),
    [
      [40, 'reports pause: the API server cannot take them'],
      [30, 'reports go on'],
    ],
  );
  assert.equal(Math.round(upstream.poolStats().rate), 500);
});

test('a report that the relay itself fails over is kept by its device, logged, and ends nothing of others', async () => {
  const { lines, cache, upstream } = harness();
  const status: Partial<Report> = { operation: { type: 'patch', patchType: 'strategic', body: '{"status":{}}' } };
  cache.isBroken = true;
  const { told } = await answers(upstream, 'bad', [report(1, status), report(2)]);
  assert.deepEqual(told.map(({ type }) => type).sort(), ['refused', 'unavailable']);
  assert.equal(lines.filter(({ msg, level }) => msg === 'fault in a report' && level === 50).length, 1);
  assert.deepEqual(upstream.counts(), { waiting: 0, running: 0 });
});

test('outcomes are told by what they are about', async () => {
  const { outcomes, upstream } = harness();
  const node = { resource: 'nodes', namespace: '', name: 'a', subresource: '' };
  await answers(upstream, 'a', [
    report(1),
    report(2, { resource: 'events', subresource: '', operation: { type: 'create', body: '{}' } }),
    report(3, { subresource: '', operation: { type: 'remove', gracePeriodSeconds: 0 } }),
    report(4, { ...node, operation: { type: 'create', body: '{}' } }),
    report(5, { ...node, name: 'b' }),
  ]);
  assert.deepEqual(outcomes.sort(), [
    'event refused',
    'other refused',
    'registration refused',
    'removal refused',
    'status refused',
  ]);
});

test('stopping waits for the call that runs', async () => {
  const { upstream } = harness();
  const lane = upstream.open(
    'a',
    () => undefined,
    () => undefined,
  );
  lane.push(report(1));
  await upstream.stop();
  assert.deepEqual(upstream.counts(), { waiting: 0, running: 0 });
});
