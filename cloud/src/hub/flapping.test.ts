import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { edge1, HELLO, report, start } from './testing/harness.ts';

const FLAPS = 300;

setFlagsFromString('--expose_gc');
const collectGarbage: () => void = runInNewContext('gc');

const timers = () => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;

test('a device that flaps leaves nothing behind: no session, no handshake, no timer, no memory', async (t) => {
  const { hub, dial, sessions, seen, counted } = await start(t);
  const heap = async () => {
    // What has native parts goes in more than one round.
    for (let round = 0; round < 4; round += 1) {
      collectGarbage();
      await turn();
    }
    return process.memoryUsage().heapUsed;
  };
  const flap = async () => {
    const agent = await dial(edge1);
    // Without the deadlines of the harness, whose timers would be what is left behind.
    agent.send(HELLO);
    await once(agent.socket, 'message');
    agent.send(report(1));
    await once(agent.socket, 'message');
    agent.socket.terminate();
    await once(agent.socket, 'close');
  };
  for (let n = 0; n < 50; n += 1) await flap();
  sessions.length = 0;
  seen.length = 0;
  const before = { heap: await heap(), timers: timers() };
  for (let n = 0; n < FLAPS; n += 1) await flap();
  for (;;) {
    if (seen.filter((what) => what.startsWith('ended')).length >= FLAPS - 1) break;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  await counted('ended lost');
  assert.ok(sessions.slice(0, -1).every(({ isClosed }) => isClosed));
  sessions.length = 0;
  seen.length = 0;
  const grown = (await heap()) - before.heap;
  t.diagnostic(`${FLAPS} flaps: heap grown by ${(grown / FLAPS).toFixed(0)} bytes each`);
  assert.ok(hub.sessions.count <= 1 && hub.handshakes() <= 1);
  assert.ok(timers() <= before.timers + 2, `${timers()} timers, ${before.timers} before`);
  // One that was kept would cost 60 KB and more.
  assert.ok(grown / FLAPS < 5_000, `${grown} bytes`);
});
