import assert from 'node:assert/strict';
import { randomInt } from 'node:crypto';
import { test } from 'node:test';
import { Figures } from './figures.ts';
import { run, scheduleOf } from './schedule.ts';
import { STEP_KINDS } from './steps.ts';

/** By number and not by time, so that a slow machine tests as much: some 20 s. */
const SCHEDULES = 150;
const STEPS = 150;

test('whatever happens to clusters, relays, links, disks and devices, the rules hold at every step and edge becomes desired', (t) => {
  const seed = randomInt(0x1_0000_0000);
  t.diagnostic(`seed ${seed}`);
  const figures = new Figures();
  for (let place = 0; place < SCHEDULES; place += 1) {
    const outcome = run(scheduleOf(seed, place, STEPS));
    figures.merge(outcome.figures);
    const command = `npm run model -- --seed ${seed} --first ${place} --schedules 1 --steps ${STEPS}`;
    assert.equal(outcome.violation, undefined, `${outcome.violation?.message}\nto repeat and shorten: ${command}`);
  }
  for (const { name } of STEP_KINDS.filter(({ weight }) => weight > 0))
    assert.ok((figures.steps.get(name) ?? 0) > 0, `the step "${name}" never happened`);
  for (const name of ['upsert', 'upsertDelta', 'touch', 'delete']) {
    assert.ok((figures.operations.get(name) ?? 0) > 0, `no ${name} ever arrived`);
  }
  for (const kind of ['steps', 'operations', 'events', 'checks'] as const) {
    t.diagnostic(`${kind}: ${[...figures[kind]].map(([name, count]) => `${name} ${count}`).join(', ')}`);
  }
});

test('the same seed gives the same schedule, and the same steps do the same', () => {
  const [one, other] = [scheduleOf(7, 3, 60), scheduleOf(7, 3, 60)];
  assert.deepEqual(one, other);
  const [first, second] = [run(one), run(other)];
  assert.deepEqual(first.figures, second.figures);
});
