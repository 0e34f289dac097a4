import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type AgentFacts, judgeAgent } from './agent.ts';
import { type ApiFacts, judgeApi } from './api.ts';
import { type ClockFacts, judgeClock } from './clock.ts';
import { type DiskFacts, judgeDisk } from './disk.ts';
import { judgeKubelet, type KubeletFacts } from './kubelet.ts';
import { judgeMemory, type MemoryFacts } from './memory.ts';
import { judgeStore, type StoreFacts } from './store.ts';

const levels = (findings: readonly { readonly level: string }[]) => findings.map(({ level }) => level);
const NOW = Date.parse('2026-06-01T00:00:00Z');
const MIB = 1024 * 1024;

test('an agent that runs and answers is well; one that is silent, or of another version, is told of', () => {
  const live = {
    ...{ version: '0.1.0', pid: 7, session: 'inSync', clock: 'right', clockOffsetMs: null, reports: { inFlight: 0, held: 0 } },
    logLevel: { level: 'debug', configured: 'info' },
    link: { state: 'open', relay: 'wss://r', since: null, nextDial: null, failure: null },
  } as const;
  const agent = (facts: Partial<AgentFacts>) =>
    judgeAgent({ dataDir: '/d', running: true, live, version: '0.1.0', hidden: undefined, ...facts });
  assert.equal(agent({})[0]?.text, '0.1.0 runs, pid 7, its log is at debug by hand');
  assert.deepEqual(levels(agent({ version: '0.2.0' })), ['note']);
  assert.deepEqual(levels(agent({ live: { silent: 'it hangs' } })), ['problem']);
  assert.deepEqual(levels(agent({ running: false, live: undefined })), ['note']);
  assert.deepEqual(levels(agent({ running: undefined, live: undefined })), ['note']);
  assert.deepEqual(levels(agent({ hidden: '/d cannot be looked at' })), ['problem']);
});

test('a clock is held against relays, certificates and what the agent has seen', () => {
  const clock = (facts: Partial<ClockFacts>) => {
    const [found] = judgeClock({
      nowMs: NOW,
      verdict: 'right',
      offsets: [],
      certifiedMs: undefined,
      isSynchronized: undefined,
      ...facts,
    });
    return [found?.level, found?.text ?? ''] as const;
  };
  const off = (offsetMs: number) => ({ offsets: [{ relay: 'wss://r', offsetMs }] });
  assert.match(clock({ nowMs: 0 })[1], /1970-01-01T00:00:00\.000Z: it was never set/);
  assert.equal(clock({ nowMs: 0 })[0], 'problem');
  assert.equal(clock({ certifiedMs: NOW + 3_600_000 })[0], 'problem');
  assert.equal(clock({ certifiedMs: NOW + 60_000 })[0], 'ok');
  assert.equal(clock(off(900))[0], 'ok');
  assert.deepEqual(clock(off(120_000)).slice(0, 1), ['note']);
  assert.match(clock(off(3_600_000))[1], /is 60m behind that of wss:\/\/r/);
  assert.match(clock(off(-3_600_000))[1], /is 60m ahead of that of wss:\/\/r/);
  assert.equal(clock(off(-3_600_000))[0], 'problem');
  assert.equal(clock({ verdict: 'behind' })[0], 'problem');
  assert.equal(clock({ isSynchronized: false })[0], 'note');
  assert.equal(clock({ ...off(100), isSynchronized: false })[0], 'ok');
  assert.match(clock({ ...off(100), isSynchronized: true })[1], /a time server keeps it right/);
});

const DISK: DiskFacts = {
  folder: '/d',
  space: { freeBytes: 900 * MIB, totalBytes: 2_000 * MIB, freeInodes: 1_000, totalInodes: 2_000 },
  syncMs: [4, 2, 90],
  failure: undefined,
};

test('a disk is written, synced and measured', () => {
  const disk = (facts: Partial<DiskFacts>) => judgeDisk({ ...DISK, ...facts });
  assert.deepEqual(
    disk({}).map(({ text }) => text),
    ['is written and synced in 4.0 ms', '900 MiB free of 2 GiB'],
  );
  assert.deepEqual(levels(disk({ syncMs: [400, 300, 2] })), ['note', 'ok']);
  for (const failure of ['EROFS', 'ENOSPC', 'EDQUOT', 'EIO'])
    assert.equal(disk({ failure, syncMs: [] })[0]?.level, 'problem', failure);
  for (const failure of ['EACCES', 'ENOENT', 'EPERM']) assert.equal(disk({ failure, syncMs: [] })[0]?.level, 'unseen', failure);
  const space = { freeBytes: 100 * MIB, totalBytes: 2_000 * MIB, freeInodes: 3, totalInodes: 2_000 };
  assert.deepEqual(levels(disk({ space })), ['ok', 'problem', 'problem']);
  // A file system without a bound of inodes.
  assert.deepEqual(levels(disk({ space: { ...space, freeBytes: 900 * MIB, freeInodes: 0, totalInodes: 0 } })), ['ok', 'ok']);
  assert.deepEqual(levels(disk({ space: undefined })), ['ok', 'unseen']);
});

const SEEN = { schema: 3, check: ['ok'], bytes: MIB, logBytes: 0, objects: 4, keyRefused: undefined, isSealed: true };

test('a store is whole, damaged, of another version, or its key is gone', () => {
  const store = (facts: Partial<StoreFacts>) =>
    judgeStore({ path: '/d/agent.db', refused: undefined, seen: SEEN, aside: [], ...facts });
  assert.equal(store({})[0]?.text, 'whole: 4 objects, 1 MiB and a log of 0 bytes, schema 3, sealed');
  assert.match(
    store({ seen: { ...SEEN, check: ['Tree 5 page 7: btreeInitPage() returns error code 11'] } })[0]?.text ?? '',
    /is damaged: Tree 5/,
  );
  assert.deepEqual(levels(store({ seen: { ...SEEN, keyRefused: 'store.key: is not there' } })), ['ok', 'problem']);
  assert.deepEqual(levels(store({ seen: { ...SEEN, logBytes: 65 * MIB } })), ['ok', 'note']);
  assert.deepEqual(levels(store({ aside: ['agent.db.damaged-2026'] })), ['ok', 'note']);
  const refused = (code: string) => store({ seen: undefined, refused: { code, message: 'told so' } })[0]?.level;
  assert.deepEqual(['store_damaged', 'store_newer', 'unsupported', 'notThere', 'bad_config'].map(refused), [
    ...['problem', 'problem', 'note', 'unseen', 'problem'],
  ]);
  const [modes] = store({
    ...{ seen: undefined },
    refused: {
      code: 'bad_config',
      message: '/d has mode 0755 and may hold secrets: others must not reach it. To mend: chmod 700 /d',
    },
  });
  assert.equal(modes?.remedy, 'chmod 700 /d');
});

test('the local API is asked where an agent runs, and its port is looked at where none does', () => {
  const api = (facts: Partial<ApiFacts>) =>
    judgeApi({
      ...{ running: true, server: 'https://127.0.0.1:6444', refused: undefined, certificate: undefined },
      ...{ answered: { status: 200, text: 'ok', tookMs: 2 }, isPortFree: undefined, now: new Date(NOW), ...facts },
    });
  assert.equal(api({}).text, 'answers in 2.0 ms');
  assert.equal(api({ answered: { status: 401, text: '', tookMs: 2 } }).level, 'problem');
  assert.match(
    api({ answered: { status: 500, text: 'the first sync is not complete', tookMs: 2 } }).text,
    /is not ready: the first sync/,
  );
  assert.equal(api({ answered: { failure: 'nothing listens' } }).level, 'problem');
  assert.equal(api({ refused: 'there is no token' }).level, 'problem');
  assert.equal(api({ running: false, isPortFree: false }).level, 'problem');
  assert.equal(api({ running: false, isPortFree: true }).level, 'unseen');
});

const KUBELET: KubeletFacts = {
  ...{ workload: 'kubelet', running: true, state: 'running', detail: undefined, pids: [9], isAlive: true },
  healthz: { url: 'http://127.0.0.1:10248/healthz', said: 'ok' },
  runtime: { endpoint: 'unix:///run/containerd/containerd.sock', state: 'listens' },
  token: { status: 200 },
};

test('a kubelet runs, is well, has its runtime and its token, or what is missing is told', () => {
  const kubelet = (facts: Partial<KubeletFacts>) => levels(judgeKubelet({ ...KUBELET, ...facts }));
  assert.deepEqual(kubelet({}), ['ok', 'ok', 'ok', 'ok']);
  assert.deepEqual(kubelet({ pids: [], state: 'waiting', detail: 'it has ended with code 1' }), ['ok', 'problem', 'ok']);
  assert.deepEqual(kubelet({ state: 'blocked' }), ['ok', 'problem', 'ok', 'ok']);
  assert.deepEqual(kubelet({ isAlive: false }), ['ok', 'problem', 'ok', 'ok']);
  assert.deepEqual(kubelet({ healthz: { url: 'u', said: 'nothing: ECONNREFUSED' } }), ['ok', 'ok', 'problem', 'ok']);
  for (const [state, level] of [
    ['missing', 'problem'],
    ['refuses', 'problem'],
    ['hidden', 'unseen'],
  ] as const) {
    assert.equal(kubelet({ runtime: { endpoint: 'unix:///x', state } })[0], level, state);
  }
  assert.deepEqual(kubelet({ token: { status: 401 } }), ['ok', 'ok', 'ok', 'problem']);
  assert.deepEqual(kubelet({ token: { failure: 'none' } }), ['ok', 'ok', 'ok', 'unseen']);
  assert.deepEqual(kubelet({ running: false, token: undefined }), ['ok', 'unseen']);
  assert.deepEqual(kubelet({ workload: 'hollow' }), ['note']);
  assert.deepEqual(kubelet({ workload: 'none' }), ['ok']);
});

test('memory that is short, a unit at its limit and few files are worth a word', () => {
  const memory = (facts: Partial<MemoryFacts>) =>
    levels(
      judgeMemory({
        availableBytes: 500 * MIB,
        agent: { residentBytes: 80 * MIB, openFiles: 65_536 },
        group: undefined,
        ...facts,
      }),
    );
  assert.deepEqual(memory({}), ['ok']);
  assert.deepEqual(memory({ availableBytes: 10 * MIB }), ['note']);
  assert.deepEqual(memory({ availableBytes: undefined }), ['unseen']);
  assert.deepEqual(memory({ agent: { residentBytes: 80 * MIB, openFiles: 1_024 } }), ['ok', 'note']);
  assert.deepEqual(memory({ group: { limitBytes: 100 * MIB, usedBytes: 95 * MIB } }), ['ok', 'note']);
  assert.deepEqual(memory({ group: { limitBytes: 100 * MIB, usedBytes: 50 * MIB } }), ['ok']);
});
