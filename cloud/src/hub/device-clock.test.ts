import assert from 'node:assert/strict';
import { test } from 'node:test';
import { clockOffsetOf, isClockOff } from './device-clock.ts';
import { Agent, authority, edge1, edge2, start } from './testing/harness.ts';

test('a device and its relay tell each other the time; devices whose clocks are far off are counted while they are linked', async (t) => {
  const { hub, counted } = await start(t);
  const dial = (pair: typeof edge1, headers: object) => Agent.dial(hub.port, pair, authority.certificatePem, headers);
  const before = Date.now();
  const right = await dial(edge1, { date: new Date().toUTCString() });
  await right.greet();
  const said = Date.parse(right.date ?? assert.fail('the relay says no time'));
  assert.ok(said > before - 1_000 && said <= Date.now(), right.date);
  assert.equal(hub.sessions.clocksOff(), 0);
  const behind = await dial(edge2, { date: new Date(Date.now() - 3_600_000).toUTCString() });
  await behind.greet();
  assert.equal(hub.sessions.clocksOff(), 1);
  behind.socket.close();
  await counted('ended closed');
  assert.equal(hub.sessions.clocksOff(), 0);
});

test('a date that is none, and none at all, say nothing of a clock', () => {
  for (const header of [undefined, '', 'yesterday', '99999999999999999999']) {
    assert.equal(clockOffsetOf(header, 0), undefined, header);
  }
  assert.equal(isClockOff(undefined), false);
  assert.equal(clockOffsetOf('Thu, 26 Nov 2026 10:00:00 GMT', Date.UTC(2026, 10, 26, 10, 5, 1)), -300_500);
  assert.deepEqual([isClockOff(-300_000), isClockOff(-300_001), isClockOff(300_001)], [false, true, true]);
});
