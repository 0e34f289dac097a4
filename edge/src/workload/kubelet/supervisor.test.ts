import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { simulatedClock } from '../../link/simulated-clock.ts';
import type { FoundKubelet } from './processes.ts';
import { createSupervisor, type KubeletState } from './supervisor.ts';

/** A system with one kubelet, which ends when the test says so. */
function device() {
  const clock = simulatedClock();
  const states: KubeletState[] = [];
  const logs: { level: string; msg: string; fields: Record<string, unknown> }[] = [];
  const signals: string[] = [];
  /** Processes that are not our children, by pid: what they do on SIGTERM. */
  const others = new Map<number, FoundKubelet & { readonly minds: boolean }>();
  let failure: Error | undefined;
  let nextPid = 100;
  let endCurrent: (ending: string) => void = () => {};
  let minds = true;
  const at = (level: string) => (fields: object | string, msg?: string) =>
    logs.push(typeof fields === 'string' ? { level, msg: fields, fields: {} } : { level, msg: msg ?? '', fields: { ...fields } });
  const supervisor = createSupervisor({
    async start() {
      if (failure !== undefined) throw failure;
      const pid = nextPid++;
      const ended = new Promise<string>((resolve) => {
        endCurrent = resolve;
      });
      const kill = (signal: string) => {
        signals.push(`${signal} ${pid}`);
        if (signal === 'SIGKILL' || minds) endCurrent(`it was ended by ${signal}`);
      };
      return { process: { pid, ended, kill }, version: 'v1.36.2' };
    },
    find: () => [...others.values()],
    signal(pid, signal) {
      signals.push(`${signal} ${pid}`);
      if (signal === 'SIGKILL' || others.get(pid)?.minds === true) others.delete(pid);
    },
    processes: {
      pids: () => [...others.keys()],
      argumentsOf: () => [],
      environmentOf: () => [],
      startTimeOf: (pid) => others.get(pid)?.startTime,
    },
    tail: () => ['F1123 last words'],
    onState: (state) => states.push(state),
    clock,
    logger: { info: at('info'), warn: at('warn'), error: at('error') } as never,
  });
  /** Time passes, and what it sets off is done. */
  const advance = async (milliseconds: number) => {
    clock.advance(milliseconds);
    await turn();
  };
  const ends = async (how = 'it has ended with code 1') => {
    endCurrent(how);
    await turn();
  };
  return {
    ...{ clock, supervisor, states, logs, signals, others, advance, ends },
    names: () => states.map(({ name }) => name),
    fails: (error: Error | undefined) => {
      failure = error;
    },
    ignoresTerm: () => {
      minds = false;
    },
  };
}

test('a kubelet that ends is started again after waits that double up to a minute', async () => {
  const { supervisor, states, advance, ends } = device();
  await supervisor.start();
  const waits: number[] = [];
  for (let i = 0; i < 9; i += 1) {
    await ends();
    let waited = 0;
    while (supervisor.state().name === 'waiting') {
      await advance(500);
      waited += 500;
    }
    waits.push(waited);
  }
  assert.deepEqual(waits, [1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000, 60_000]);
  assert.deepEqual(states[0], { name: 'running', pid: 100, version: 'v1.36.2', ends: 0 });
  assert.equal(states.at(-1)?.name, 'running');
});

test('one that has run for five minutes begins with the first wait again', async () => {
  const { supervisor, advance, ends } = device();
  await supervisor.start();
  for (const wait of [1_000, 2_000, 4_000]) {
    await ends();
    await advance(wait);
  }
  await advance(299_000);
  await ends();
  assert.equal(supervisor.state().name === 'waiting' && Reflect.get(supervisor.state(), 'ends'), 4);
  await advance(8_000);
  await advance(300_000);
  await ends();
  assert.equal(Reflect.get(supervisor.state(), 'ends'), 1);
});

test('the third end in a row is told as an error, with the last words', async () => {
  const { supervisor, logs, states, advance, ends } = device();
  await supervisor.start();
  for (const wait of [1_000, 2_000, 4_000]) {
    await ends();
    await advance(wait);
  }
  const told = logs.filter(({ level }) => level !== 'info').map(({ level, fields }) => [level, fields.lastLines]);
  assert.deepEqual(told, [
    ['warn', undefined],
    ['warn', undefined],
    ['error', ['F1123 last words']],
  ]);
  const waiting = states.filter((state) => state.name === 'waiting');
  assert.deepEqual(
    waiting.map(({ lastLines }) => lastLines.length),
    [0, 0, 1],
  );
});

test('one that cannot be started is tried again as one that has ended', async () => {
  const { supervisor, states, fails, advance } = device();
  fails(new Error('kubelet.path: /usr/bin/kubelet is v1.37.0'));
  await supervisor.start();
  assert.deepEqual(states, [{ name: 'waiting', why: 'kubelet.path: /usr/bin/kubelet is v1.37.0', ends: 1, lastLines: [] }]);
  fails(undefined);
  await advance(1_000);
  assert.equal(supervisor.state().name, 'running');
});

test('at the end it gets SIGTERM, and SIGKILL when it does not listen', async () => {
  const polite = device();
  await polite.supervisor.start();
  await polite.supervisor.stop();
  assert.deepEqual(polite.signals, ['SIGTERM 100']);
  assert.deepEqual(polite.names(), ['running', 'stopping', 'stopped']);

  const deaf = device();
  deaf.ignoresTerm();
  await deaf.supervisor.start();
  const stopping = deaf.supervisor.stop();
  await turn();
  await deaf.advance(4_999);
  assert.deepEqual(deaf.signals, ['SIGTERM 100']);
  await deaf.advance(1);
  await stopping;
  assert.deepEqual(deaf.signals, ['SIGTERM 100', 'SIGKILL 100']);
});

test('nothing is started after the end, whenever that comes', async () => {
  const waiting = device();
  await waiting.supervisor.start();
  await waiting.ends();
  await waiting.supervisor.stop();
  await waiting.advance(3_600_000);
  assert.deepEqual(waiting.names(), ['running', 'waiting', 'stopped']);

  const starting = device();
  const started = starting.supervisor.start();
  await starting.supervisor.stop();
  await started;
  await starting.advance(3_600_000);
  assert.equal(starting.supervisor.state().name, 'stopped');
  assert.deepEqual(starting.signals, starting.names().includes('running') ? ['SIGTERM 100'] : []);
});

test('a kubelet that a killed agent has left is ended before another is started, by force where it must be', async () => {
  for (const minds of [true, false]) {
    const { supervisor, others, signals, names, advance } = device();
    others.set(7, { pid: 7, startTime: '1', isOurs: true, minds });
    const started = supervisor.start();
    for (let i = 0; i < 60 && supervisor.state().name !== 'running'; i += 1) await advance(100);
    await started;
    assert.deepEqual(signals, minds ? ['SIGTERM 7'] : ['SIGTERM 7', 'SIGKILL 7']);
    assert.deepEqual(names(), ['clearing', 'running']);
    assert.equal(others.size, 0);
  }
});

test('one that somebody else runs is left alone, and ours waits until it has gone', async () => {
  const { supervisor, others, signals, logs, states, advance } = device();
  others.set(7, { pid: 7, startTime: '1', isOurs: false, minds: true });
  await supervisor.start();
  await advance(10_000);
  assert.deepEqual(supervisor.state(), { name: 'blocked', pids: [7] });
  assert.equal(logs.filter(({ level }) => level === 'error').length, 1);
  others.clear();
  await advance(10_000);
  assert.equal(supervisor.state().name, 'running');
  assert.deepEqual(signals, []);
  assert.equal(states.length, 3);
});

test('an agent that ends while it waits for a left-over does not wait on', async () => {
  const { supervisor, others, advance } = device();
  others.set(7, { pid: 7, startTime: '1', isOurs: true, minds: false });
  const started = supervisor.start();
  await advance(100);
  const stopped = supervisor.stop();
  await advance(100);
  await Promise.all([started, stopped]);
  assert.equal(supervisor.state().name, 'stopped');
});
