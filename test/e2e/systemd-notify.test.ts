import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { type Message, openNotifySocket } from '../support/notify-socket.ts';
import { linesOfPem, neverSay } from '../support/output-check.ts';
import { createAuthority, issueNodeCertificate, writePair, writePem } from '../support/pki.ts';
import { startProcess } from '../support/processes.ts';
import { withoutTool } from '../support/tools.ts';
import { until } from '../support/until.ts';

/** As a unit has it in microseconds; short, so that the test is. */
const WATCHDOG_MS = 6_000;

/** A device whose relay nobody answers for. */
async function deviceOffline(t: TestContext) {
  const dir = mkdtempSync(join(tmpdir(), 'hawser-notify-'));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  const authority = await createAuthority('nobody');
  const certificate = await issueNodeCertificate(authority, 'mast-1');
  neverSay(...linesOfPem(authority.keyPem), ...linesOfPem(certificate.keyPem));
  const { certificateFile, keyFile } = await writePair(dir, 'mast-1', certificate);
  const ca = await writePem(dir, 'ca.crt', authority.certificatePem);
  // Port 1 of loopback (tcpmux): nothing listens there.
  const identity = ['--relay-urls', 'wss://127.0.0.1:1', '--tls-cert', certificateFile, '--tls-key', keyFile, '--tls-ca', ca];
  return { dir, args: ['edge/src/main.ts', 'run', '--data-dir', join(dir, 'data'), '--api-port', '0', ...identity] };
}

test('without any link systemd is told that the agent is ready, lives and ends; an event loop that stands still says nothing', {
  timeout: 360_000,
  skip: withoutTool('systemd-notify'),
}, async (t) => {
  const { dir, args } = await deviceOffline(t);
  const socket = await openNotifySocket(join(dir, 'notify'));
  t.after(socket.close);
  const message = (what: string, matches: (message: Message) => boolean, from = 0) =>
    until(what, 60_000, undefined, async () => socket.messages.slice(from).find(matches));
  const env = { NOTIFY_SOCKET: socket.path, WATCHDOG_USEC: String(WATCHDOG_MS * 1000) };
  const agent = startProcess({ name: 'agent', args, env });
  t.after(() => agent.kill());

  await message('that it is ready', ({ READY }) => READY === '1');
  assert.equal(agent.lines.filter(({ msg }) => msg === 'link open').length, 0);
  const sign = await message('a sign of life', ({ WATCHDOG }) => WATCHDOG === '1');
  assert.match(sign.STATUS ?? '', /^(no link \(refused\)|dialling wss:\/\/127\.0\.0\.1:1); 0 objects; \d+ reports wait$/);

  // The kernel gives it no turn. One sign may be on its way; in the watchdog's time there would have been three.
  process.kill(agent.pid, 'SIGSTOP');
  const before = socket.messages.length;
  await new Promise((resolve) => setTimeout(resolve, WATCHDOG_MS));
  const silent = socket.messages.length;
  assert.ok(silent - before <= 1, JSON.stringify(socket.messages.slice(before)));
  process.kill(agent.pid, 'SIGCONT');
  await message('signs of life again', ({ WATCHDOG }) => WATCHDOG === '1', silent);

  await agent.stop();
  await message('that it ends', ({ STOPPING }) => STOPPING === '1');
  assert.equal(socket.messages.at(-1)?.STOPPING, '1', JSON.stringify(socket.messages));
});

test('without a socket of systemd no process is started for it, and a socket that is gone costs a line in the log and no more', {
  timeout: 240_000,
  skip: withoutTool('systemd-notify'),
}, async (t) => {
  const { dir, args } = await deviceOffline(t);
  const env = { NOTIFY_SOCKET: join(dir, 'gone'), WATCHDOG_USEC: '600000' };
  const agent = startProcess({ name: 'agent', args, env });
  t.after(() => agent.kill());
  await agent.line('its start', ({ msg }) => msg === 'agent started');
  const { failure } = await agent.line('that nobody is told', ({ msg }) => msg === 'systemd is not told how the agent is');
  assert.match(String(failure), /^systemd-notify /);
  assert.equal((await agent.stop()).code, 0);
  assert.equal(agent.lines.filter(({ msg }) => msg === 'systemd is not told how the agent is').length, 1);

  // Without PATH nothing could be started by its name; a start that is tried is an error in the log.
  const alone = startProcess({ name: 'agent', args, env: { WATCHDOG_USEC: '600000' } });
  t.after(() => alone.kill());
  await alone.line('its start', ({ msg }) => msg === 'agent started');
  assert.equal((await alone.stop()).code, 0);
  assert.deepEqual(
    alone.lines.filter(({ level }) => level === 'error'),
    [],
  );
});
