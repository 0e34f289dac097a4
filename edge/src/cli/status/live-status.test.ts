import assert from 'node:assert/strict';
import { test } from 'node:test';
import { until } from '../../../../test/support/until.ts';
import { AGENT_FACTS } from '../../ops/facts.ts';
import { storePath } from '../../ops/paths.ts';
import { openStore } from '../../store/index.ts';
import { silent, temporaryFolder } from '../../store/testing.ts';
import { cli, unlinkedAgent } from '../testing.ts';
import type { StatusReport } from './index.ts';

const clock = { now: () => new Date() };

async function reportOf(dataDir: string): Promise<StatusReport> {
  return JSON.parse((await cli(['status', '-o', 'json', '--data-dir', dataDir])).out);
}

test('a running agent is asked how it is: that its link is down, why, and when it dials next', async (t) => {
  const { dataDir, agent, stop } = await unlinkedAgent(t);
  const report = await until('a dial that has failed', 60_000, undefined, async () => {
    const found = await reportOf(dataDir);
    return found.link.phase === 'waiting' && found;
  });
  assert.deepEqual([report.running, report.answers, report.silent, report.logLevel], [true, true, null, 'info']);
  assert.deepEqual([report.link.state, report.link.relay, report.link.lastOpen], ['down', 'wss://127.0.0.1:1', null]);
  assert.equal(report.link.lastFailure?.kind, 'refused');
  assert.match(report.link.detail ?? '', /^refused: 127\.0\.0\.1:1 refuses connections/);
  assert.ok(Date.parse(report.link.nextDial ?? '') > Date.now() - 60_000);
  assert.deepEqual([report.set.inSync, report.outbox.held, report.localApi], [false, 0, agent.localApi]);
  assert.ok((report.store.freeBytes ?? 0) > 0 && (report.certificate.endsInSeconds ?? 0) > 0);
  const { out } = await cli(['status', '--data-dir', dataDir]);
  assert.match(out, /^Link: +down wss:\/\/127\.0\.0\.1:1 since .*\n +refused: .*\n +(dialled again in \d+s|being dialled now)$/m);
  assert.match(out, /^Disk: +[\d.]+ \wiB free of [\d.]+ \wiB$/m);

  await stop();
  const after = await reportOf(dataDir);
  assert.deepEqual([after.running, after.answers, after.link.state, after.link.phase], [false, false, 'down', null]);
  assert.equal(after.link.lastFailure?.kind, 'refused');
  assert.deepEqual(
    after.concerns.map(({ code }) => code).filter((code) => code !== 'certificate'),
    ['notRunning'],
  );
});

test('what an agent that was killed with its link open has left behind is not told as if it were so', async (t) => {
  const dataDir = temporaryFolder(t);
  const store = openStore({ path: storePath(dataDir), logger: silent, clock });
  store.setFacts({
    [AGENT_FACTS.link]: 'open',
    [AGENT_FACTS.linkSince]: '2026-01-01T00:00:00.000Z',
    [AGENT_FACTS.linkRelay]: 'wss://r',
  });
  store.close();
  const { link, session } = await reportOf(dataDir);
  assert.deepEqual([link.state, link.since, session.state], ['down', null, 'disconnected']);
  assert.match(
    (await cli(['status', '--data-dir', dataDir])).out,
    /^Link: +down wss:\/\/r \(the agent does not run\)\n +the agent was ended while its link was open$/m,
  );
});

test('an agent that has the store open and does not answer is told of, with what it has left', async (t) => {
  const dataDir = temporaryFolder(t);
  const store = openStore({ path: storePath(dataDir), logger: silent, clock });
  t.after(() => store.close());
  store.setFacts({ [AGENT_FACTS.localApi]: 'https://127.0.0.1:1', [AGENT_FACTS.link]: 'down' });
  const report = await reportOf(dataDir);
  assert.deepEqual([report.running, report.answers], [true, false]);
  assert.ok(report.concerns.some(({ code }) => code === 'silent'));
});

test('--check ends with 1 where something wants somebody, and says what', async (t) => {
  const dataDir = temporaryFolder(t);
  openStore({ path: storePath(dataDir), logger: silent, clock }).close();
  const checked = await cli(['status', '--check', '--data-dir', dataDir]);
  assert.deepEqual([checked.code, checked.err], [1, 'hawser-agent: something wants an operator: notRunning\n']);
  assert.match(checked.out, /^Attention: +no agent runs/);
  assert.equal((await cli(['status', '--data-dir', dataDir])).code, 0);
});

test('--watch shows it again until it is interrupted', async (t) => {
  const dataDir = temporaryFolder(t);
  openStore({ path: storePath(dataDir), logger: silent, clock }).close();
  const interrupting = new AbortController();
  const shown: string[] = [];
  const { code } = await cli(['status', '-w', '-o', 'json', '--data-dir', dataDir], {
    interrupted: () => interrupting.signal,
    write: (text) => {
      if (shown.push(text) === 2) interrupting.abort();
    },
  });
  assert.deepEqual([code, shown.length], [0, 2]);
  for (const text of shown) assert.equal(JSON.parse(text).running, false);
});
