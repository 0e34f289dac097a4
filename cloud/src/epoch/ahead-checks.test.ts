import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { pino } from 'pino';
import type { HowFar } from '../apiserver/index.ts';
import { ManualClock } from '../downstream/testing/manual-clock.ts';
import { AheadChecks } from './ahead-checks.ts';

function setUp() {
  const clock = new ManualClock();
  const asked: string[] = [];
  const said: string[] = [];
  let answer: (far: HowFar | Error) => void = () => {};
  const checks = new AheadChecks({
    clock,
    logger: pino({ level: 'silent' }),
    howFar(resource, reached) {
      asked.push(`${resource} from ${reached}`);
      return new Promise((resolve, reject) => {
        answer = (far) => (far instanceof Error ? reject(far) : resolve(far));
      });
    },
    onLag: (resource) => said.push(`${resource} lag`),
    onRestored: (node) => said.push(`restored, says ${node}`),
  });
  return {
    clock,
    asked,
    said,
    checks,
    at: async (resourceVersion: string) => {
      answer({ type: 'at', resourceVersion });
      await turn();
    },
    fail: async () => {
      answer(new Error('no route'));
      await turn();
    },
  };
}

const holds = (...entries: [string, string][]) => new Map(entries);

test('a server at or past what agents hold means that the watch lags: one question for all of them, one list', async () => {
  const { checks, asked, said, at } = setUp();
  checks.overdue('edge-1', holds(['pods', '99']));
  checks.overdue('edge-2', holds(['pods', '100']));
  assert.deepEqual(asked, ['pods from 99']);
  await at('100');
  assert.deepEqual(said, ['pods lag']);
});

test('a server before what an agent holds was restored; what others wait for may still be a lag', async () => {
  const { checks, said, at } = setUp();
  checks.overdue('edge-1', holds(['pods', '250']));
  checks.overdue('edge-2', holds(['pods', '90']));
  await at('100');
  assert.deepEqual(said, ['restored, says edge-1', 'pods lag']);
});

test('each resource is asked about at most each half minute, and listed anew at most each two minutes', async () => {
  const { checks, clock, asked, said, at } = setUp();
  for (let n = 0; n < 13; n += 1) {
    checks.overdue('edge-1', holds(['pods', '90']));
    await at('100');
    clock.advance(10_000);
  }
  assert.equal(asked.length, 5);
  assert.deepEqual(said, ['pods lag', 'pods lag']);
});

test('a server that does not say leads to nothing, and is asked again', async () => {
  const { checks, clock, asked, said, at, fail } = setUp();
  checks.overdue('edge-1', holds(['pods', '90'], ['secrets', '7']));
  assert.deepEqual(asked, ['pods from 90', 'secrets from 7']);
  await fail();
  assert.deepEqual(said, []);
  clock.advance(30_000);
  checks.overdue('edge-1', holds(['secrets', '7']));
  await at('7');
  assert.deepEqual(said, ['secrets lag']);
});

test('a clock that is set back keeps nothing from being asked', async () => {
  const { checks, clock, asked, at } = setUp();
  checks.overdue('edge-1', holds(['pods', '20']));
  await at('30');
  checks.overdue('edge-1', holds(['pods', '20']));
  assert.equal(asked.length, 1);
  clock.set(-24 * 3_600_000);
  checks.overdue('edge-1', holds(['pods', '20']));
  assert.equal(asked.length, 2);
});
