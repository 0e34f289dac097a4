import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Question, Report, ReportOutcome } from '@hawser/protocol';
import { pino } from 'pino';
import { createDenials } from './denials.ts';

const FORBIDDEN = { type: 'forbidden', code: 403, reason: 'Forbidden', message: 'no relationship found' } as const;
const secret: Question = { type: 'get', resource: 'secrets', namespace: 'default', name: 'b' };

function harness() {
  let now = 0;
  const lines: Record<string, unknown>[] = [];
  const counted: string[] = [];
  const denials = createDenials({
    clock: { now: () => new Date(now) },
    logger: pino({ base: null }, { write: (line) => lines.push(JSON.parse(line)) }),
    onDenied: (what) => counted.push(what),
  });
  return {
    denials,
    lines,
    counted,
    advance: (ms: number) => {
      now += ms;
    },
  };
}

test('a question that the API server forbids is counted, and logged with who asked for what', () => {
  const { denials, lines, counted } = harness();
  denials.query('a', secret, FORBIDDEN);
  assert.deepEqual(counted, ['query']);
  const [{ node, resource, namespace, name, code, msg } = {}] = lines;
  assert.deepEqual([node, resource, namespace, name, code, msg], ['a', 'secrets', 'default', 'b', 403, 'query refused']);
});

test('a question that cannot be asked is counted; answers and failures that say nothing about rights are not', () => {
  const { denials, counted } = harness();
  const refused = { type: 'refused', code: 405, reason: 'MethodNotAllowed', message: '' } as const;
  denials.query('a', { ...secret, resource: 'pods/exec' }, refused);
  denials.query('a', { ...secret, name: '..' }, { ...refused, code: 400 });
  assert.deepEqual(counted, ['query', 'query']);
  denials.query('a', secret, { ...refused, code: 422 });
  denials.query('a', secret, { type: 'notFound', code: 404, reason: 'NotFound', message: '' });
  denials.query('a', secret, { type: 'unavailable', retryAfterMs: 1, message: '' });
  assert.equal(counted.length, 2);
});

test('a report that the node may not make, or nobody, is counted; one that met a conflict or a missing object is not', () => {
  const { denials, counted } = harness();
  const report: Report = {
    number: 1,
    resource: 'pods',
    namespace: 'default',
    name: 'b',
    uid: 'u',
    subresource: 'status',
    operation: { type: 'patch', patchType: 'merge', body: '{}' },
  };
  const refused = (code: number): ReportOutcome => ({ type: 'refused', code, reason: '', message: '' });
  denials.report(report, refused(403));
  denials.report({ ...report, resource: 'roles' }, refused(404));
  denials.report({ ...report, subresource: 'binding' }, refused(405));
  assert.deepEqual(counted, ['report', 'report', 'report']);
  denials.report(report, refused(404));
  denials.report(report, refused(409));
  denials.report(report, { type: 'applied', uid: 'u', resourceVersion: '1', name: 'b' });
  assert.equal(counted.length, 3);
});

test('one device has ten lines a minute, whatever others have, and all are counted', () => {
  const { denials, lines, counted, advance } = harness();
  for (let times = 0; times < 50; times += 1) denials.query('a', secret, FORBIDDEN);
  denials.query('b', secret, FORBIDDEN);
  assert.equal(lines.filter(({ node }) => node === 'a').length, 10);
  assert.equal(lines.filter(({ node }) => node === 'b').length, 1);
  assert.equal(counted.length, 51);
  advance(60_000);
  denials.query('a', secret, FORBIDDEN);
  assert.equal(lines.at(-1)?.untold, 40);
});

test('devices without end take no memory without end: the oldest is forgotten', () => {
  const { denials, lines } = harness();
  for (let times = 0; times < 20; times += 1) denials.query('a', secret, FORBIDDEN);
  for (let other = 0; other < 1_000; other += 1) denials.query(`n${other}`, secret, FORBIDDEN);
  denials.query('a', secret, FORBIDDEN);
  assert.equal(lines.filter(({ node }) => node === 'a').length, 11);
});
