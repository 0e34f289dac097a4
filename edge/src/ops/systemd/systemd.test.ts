import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { LinkState } from '../../link/index.ts';
import { simulatedClock } from '../../link/simulated-clock.ts';
import { createNotify } from './notify.ts';
import type { Notice } from './send.ts';
import { oneLine, statusText } from './status-text.ts';
import { supervisionOf } from './supervision.ts';

const url = 'wss://relay.example:8443';
const since = new Date(0);

test('without a socket, or with one of another kind, there is nobody to be told', () => {
  assert.equal(supervisionOf({}, 1), undefined);
  for (const NOTIFY_SOCKET of ['', '@', 'vsock:2:1234', 'run/notify'])
    assert.equal(supervisionOf({ NOTIFY_SOCKET }, 1), undefined);
  assert.deepEqual(supervisionOf({ NOTIFY_SOCKET: '@hidden' }, 1), { socket: '@hidden', watchdogMs: undefined });
});

test('a watchdog that is meant for another process, or is no time, is not fed', () => {
  const socket = '/run/systemd/notify';
  const watchdogOf = (more: Record<string, string>) => supervisionOf({ NOTIFY_SOCKET: socket, ...more }, 7)?.watchdogMs;
  assert.equal(watchdogOf({ WATCHDOG_USEC: '180000000' }), 180_000);
  assert.equal(watchdogOf({ WATCHDOG_USEC: '180000000', WATCHDOG_PID: '7' }), 180_000);
  assert.equal(watchdogOf({ WATCHDOG_USEC: '180000000', WATCHDOG_PID: '8' }), undefined);
  for (const WATCHDOG_USEC of ['', '0', '-1', '1e9', 'soon', '9'.repeat(400)])
    assert.equal(watchdogOf({ WATCHDOG_USEC }), undefined);
});

test('the status is one line of bounded length, whatever a relay is called', () => {
  const open: LinkState = { name: 'open', url, since };
  assert.equal(statusText({ link: open, objects: 42, outbox: 3 }), `link open to ${url}; 42 objects; 3 reports wait`);
  assert.equal(oneLine('a\nWATCHDOG=1\r\u0085b'), 'a WATCHDOG=1  b');
  assert.equal(statusText({ link: { ...open, url: 'x'.repeat(9000) }, objects: 0, outbox: 0 }).length, 240);
});

function watched(watchdogMs: number | undefined) {
  const sent: { readonly at: number; readonly notice: Notice }[] = [];
  const logged: string[] = [];
  const clock = simulatedClock();
  const now = { link: { name: 'idle' } as LinkState, isListening: true, storeFails: false };
  const notify = createNotify({
    sender: { send: (notice) => sent.push({ at: clock.time(), notice }), idle: async () => {} },
    watchdogMs,
    facts: () => {
      if (now.storeFails) throw new Error('disk I/O error');
      return { link: now.link, objects: 1, outbox: 0 };
    },
    isApiListening: () => now.isListening,
    clock,
    logger: {
      info: (...args: unknown[]) => void logged.push(String(args.at(-1))),
      error: (...args: unknown[]) => void logged.push(String(args.at(-1))),
    },
  });
  const signs = () => sent.filter(({ notice }) => notice.WATCHDOG === '1').map(({ at }) => at);
  return { sent, logged, clock, now, notify, signs };
}

test('the watchdog is fed three times in its time from the start on, with no link ever', () => {
  const { sent, clock, notify, signs } = watched(180_000);
  clock.advance(60_000);
  assert.deepEqual(sent, [], 'not before the local API serves');
  notify.ready();
  assert.deepEqual(
    sent.map(({ notice }) => notice),
    [{ READY: '1', STATUS: 'no link; 1 objects; 0 reports wait' }],
  );
  clock.advance(600_000);
  assert.deepEqual(signs(), [120_000, 180_000, 240_000, 300_000, 360_000, 420_000, 480_000, 540_000, 600_000, 660_000]);
});

test('a store that cannot be read and a local API that does not listen keep the watchdog hungry; both are said once, and may pass', () => {
  for (const ailment of ['storeFails', 'isListening'] as const) {
    const { sent, logged, clock, now, notify, signs } = watched(30_000);
    notify.ready();
    now[ailment] = ailment === 'storeFails';
    clock.advance(60_000);
    assert.deepEqual(signs(), []);
    assert.match(sent.at(-1)?.notice.STATUS ?? '', /disk I\/O error|does not listen/);
    assert.equal(logged.length, 1);
    now[ailment] = ailment !== 'storeFails';
    clock.advance(10_000);
    assert.deepEqual(signs(), [70_000]);
    assert.equal(logged.length, 2);
  }
});

test('a link that opens or breaks is told at once, dials in vain are not, and none of it touches the watchdog', () => {
  const { sent, clock, now, notify, signs } = watched(undefined);
  const change = (link: LinkState) => {
    now.link = link;
    notify.linkChanged(link.name === 'open');
  };
  change({ name: 'open', url, since });
  assert.equal(sent.length, 0);
  change({ name: 'idle' });
  notify.ready();
  sent.length = 0;
  for (let round = 0; round < 50; round += 1) change({ name: 'dialling', url, since });
  change({ name: 'open', url, since });
  change({ name: 'dialling', url, since });
  change({ name: 'greeting', url, since });
  assert.deepEqual(
    sent.map(({ notice }) => notice.STATUS?.split(';')[0]),
    [`link open to ${url}`, `dialling ${url}`],
  );
  clock.advance(3_600_000);
  assert.deepEqual(signs(), []);
});

test('an agent that ends says so, and gives no sign of life any more', async () => {
  const { sent, clock, notify } = watched(3_000);
  notify.ready();
  await notify.stop();
  clock.advance(60_000);
  notify.linkChanged(true);
  assert.deepEqual(sent.at(-1)?.notice, { STOPPING: '1', STATUS: 'stopping' });
  assert.equal(sent.length, 2);
});
