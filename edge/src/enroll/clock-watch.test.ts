import assert from 'node:assert/strict';
import { test } from 'node:test';
import { pino } from 'pino';
import { simulatedClock } from '../link/simulated-clock.ts';
import { CLOCK_FACTS, watchClock } from './clock-watch.ts';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const CERTIFIED = Date.UTC(2026, 4, 1);
const ENDS = CERTIFIED + 90 * DAY;

/** A board: what it wrote down outlives a boot, its clock begins where the test says. */
function board() {
  const facts: Record<string, string> = {};
  const writes: Readonly<Record<string, string>>[] = [];
  let boots = 0;
  return {
    facts,
    writes,
    boot(wallMs: number) {
      boots += 1;
      const bootId = `boot-${boots}`;
      const clock = simulatedClock();
      clock.set(wallMs);
      const logs: { msg: string; verdict?: string }[] = [];
      const watch = watchClock({
        store: {
          fact: (name) => facts[name],
          setFacts: (changed) => {
            writes.push(changed);
            Object.assign(facts, changed);
          },
        },
        clock,
        uptime: { bootId, now: () => clock.time() },
        certifiedMs: CERTIFIED,
        logger: pino({ level: 'info' }, { write: (line: string) => logs.push(JSON.parse(line)) }),
      });
      const setTo = (wall: number) => clock.set(wall - clock.now().getTime());
      return { watch, clock, logs, setTo };
    },
  };
}

test('a board without battery that wakes in 1970 knows it, says so once, and is right again when its clock is set', () => {
  const { boot, facts } = board();
  const { watch, logs, clock, setTo } = boot(0);
  assert.equal(watch.verdict(), 'behind');
  assert.equal(watch.trusted(), undefined);
  clock.advance(3 * HOUR);
  assert.equal(watch.verdict(), 'behind');
  assert.equal(watch.nowMs(), CERTIFIED + 3 * HOUR, 'what has passed for certain');
  assert.equal(facts[CLOCK_FACTS.verdict], 'behind');
  setTo(CERTIFIED + 10 * DAY);
  assert.equal(watch.verdict(), 'right');
  assert.equal(watch.nowMs(), CERTIFIED + 10 * DAY);
  assert.equal(facts[CLOCK_FACTS.said], '');
  assert.deepEqual(
    logs.map(({ msg }) => msg),
    ['the clock of this device is wrong', 'the clock of this device is right again'],
  );
});

test('what a welcome has confirmed is known after the next boot, and what passed after it', () => {
  const { boot } = board();
  const first = boot(CERTIFIED + 60 * DAY);
  first.watch.welcomed({ endsMs: ENDS, isRelayInTime: true });
  first.clock.advance(5 * HOUR);
  first.watch.stop();
  const { watch } = boot(CERTIFIED + 30 * DAY);
  assert.equal(watch.verdict(), 'behind');
  assert.equal(watch.nowMs(), CERTIFIED + 60 * DAY + 5 * HOUR);
});

test('a clock that nobody has confirmed is not written down: one that was ahead for a day is not wrong ever after', () => {
  const { boot } = board();
  const first = boot(Date.UTC(2099, 0, 1));
  assert.equal(first.watch.verdict(), 'right', 'without a relay nobody can say');
  first.clock.advance(DAY);
  first.setTo(CERTIFIED + 3 * DAY);
  assert.equal(first.watch.verdict(), 'right');
  first.watch.stop();
  assert.equal(boot(CERTIFIED + 4 * DAY).watch.verdict(), 'right');
});

test('a clock that was some days ahead when a relay welcomed us is believed again with the next welcome', () => {
  const { boot } = board();
  const { watch, setTo } = boot(CERTIFIED + 20 * DAY);
  watch.welcomed({ endsMs: ENDS, isRelayInTime: true });
  setTo(CERTIFIED + 10 * DAY);
  assert.equal(watch.verdict(), 'behind');
  watch.welcomed({ endsMs: ENDS, isRelayInTime: false });
  assert.equal(watch.verdict(), 'behind', 'the relay has shown nothing that fits it');
  watch.welcomed({ endsMs: ENDS, isRelayInTime: true });
  assert.equal(watch.verdict(), 'right');
});

test('a clock far ahead is known as wrong by the welcome with a certificate that would have ended', () => {
  const { boot } = board();
  const { watch, setTo } = boot(CERTIFIED + DAY);
  watch.welcomed({ endsMs: ENDS, isRelayInTime: true });
  setTo(Date.UTC(2099, 0, 1));
  assert.equal(watch.verdict(), 'ahead');
  assert.equal(watch.nowMs(), CERTIFIED + DAY, 'renewals go by what has passed');
  watch.welcomed({ endsMs: ENDS, isRelayInTime: true });
  assert.equal(watch.verdict(), 'ahead', 'such a clock is not written down');
  setTo(CERTIFIED + 2 * DAY);
  assert.equal(watch.verdict(), 'right');
});

test('a certificate of our authority that begins later than now shows that the clock is behind', () => {
  const { boot } = board();
  const { watch } = boot(CERTIFIED + DAY);
  assert.equal(watch.verdict(), 'right');
  watch.certified(CERTIFIED + 300 * DAY);
  assert.equal(watch.verdict(), 'behind');
});

test('the time is written once an hour, and a disk that is full ends nothing', () => {
  const { boot, writes } = board();
  const { clock, watch } = boot(CERTIFIED + DAY);
  const before = writes.length;
  clock.advance(10 * HOUR);
  assert.equal(writes.length - before, 10);
  watch.stop();
  clock.advance(10 * HOUR);
  assert.equal(writes.length - before, 10);

  const full = watchClock({
    store: {
      fact: () => undefined,
      setFacts: () => {
        throw new Error('database or disk is full');
      },
    },
    clock,
    uptime: { bootId: 'x', now: () => clock.time() },
    certifiedMs: CERTIFIED,
    logger: pino({ level: 'silent' }),
  });
  clock.advance(2 * HOUR);
  assert.equal(full.verdict(), 'right');
  full.stop();
});

test('the offset from a relay follows what the clock is set to and drifts by, also while the link stands for weeks', () => {
  const { watch, clock, setTo } = board().boot(CERTIFIED + DAY);
  assert.equal(watch.offsetMs(), undefined);
  watch.heard(CERTIFIED + DAY + 90_000);
  assert.equal(watch.offsetMs(), -90_000);
  clock.advance(7 * DAY);
  assert.equal(watch.offsetMs(), -90_000, 'both have gone on alike');
  setTo(CERTIFIED + 8 * DAY + 90_000);
  assert.equal(watch.offsetMs(), 0);
  setTo(CERTIFIED + 8 * DAY + 90_000 + HOUR);
  assert.equal(watch.offsetMs(), HOUR);
  watch.heard(CERTIFIED + 8 * DAY + 90_000 + HOUR);
  assert.equal(watch.offsetMs(), 0, 'the newest word counts');
});
