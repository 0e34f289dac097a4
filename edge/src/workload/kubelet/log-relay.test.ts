import assert from 'node:assert/strict';
import { test } from 'node:test';
import { simulatedClock } from '../../link/simulated-clock.ts';
import { createLogRelay } from './log-relay.ts';

interface Said {
  readonly level: string;
  readonly msg: string;
  readonly fields: Record<string, unknown>;
}

function relay() {
  const clock = simulatedClock();
  const said: Said[] = [];
  const at = (level: string) => (fields: object, msg: string) => said.push({ level, msg, fields: { ...fields } });
  const logger = { info: at('info'), warn: at('warn'), error: at('error'), fatal: at('fatal') };
  // The relay calls them with fields and a text, which is one of pino's ways.
  return { clock, said, log: createLogRelay({ clock, logger: logger as never }) };
}

const says = (said: readonly Said[]) => said.filter(({ msg }) => msg === 'kubelet says');

test('each line is one event with its level, text and place', () => {
  const { said, log } = relay();
  log.line('W1123 14:08:35.123456   12345 eviction.go:7] low');
  log.line('plain');
  assert.deepEqual(said, [
    { level: 'warn', msg: 'kubelet says', fields: { source: 'eviction.go:7', line: 'low' } },
    { level: 'warn', msg: 'kubelet says', fields: { source: undefined, line: 'plain' } },
  ]);
});

test('a burst is passed on, a flood is not, and what was left out is told when there is room again', () => {
  const { clock, said, log } = relay();
  for (let i = 0; i < 600; i += 1) log.line(`line ${i}`);
  assert.equal(said.length, 500);
  assert.equal(log.leftOut(), 100);
  clock.advance(1_000);
  log.line('after');
  assert.deepEqual(said.slice(500), [
    { level: 'warn', msg: 'lines of the kubelet were left out: it says too much', fields: { lines: 100 } },
    { level: 'info', msg: 'kubelet says', fields: { source: undefined, line: 'after' } },
  ]);
  for (let i = 0; i < 100; i += 1) log.line('more');
  assert.equal(says(said).length, 520);
  log.end();
  assert.deepEqual(said.at(-1)?.fields, { lines: 81 });
  log.end();
  assert.equal(says(said).length + 2, said.length);
});

test('a clock that is set, forwards or back, lets no more through than a burst', () => {
  const { clock, said, log } = relay();
  for (let i = 0; i < 500; i += 1) log.line('x');
  clock.set(-3_600_000);
  log.line('back');
  assert.equal(said.length, 500);
  clock.set(86_400_000);
  for (let i = 0; i < 700; i += 1) log.line('forwards');
  assert.equal(says(said).length, 1_000);
});

test('the last lines are kept, also those that were left out, up to a bound', () => {
  const { log } = relay();
  for (let i = 0; i < 700; i += 1) log.line(`line ${i}`);
  assert.deepEqual(log.tail().at(-1), 'line 699');
  assert.equal(log.tail().length, 20);
  for (let i = 0; i < 3; i += 1) log.line('y'.repeat(4_000));
  assert.equal(log.tail().length, 2);
});
