import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';
import { findKubelets, isRunning, MARK, type ProcessTable, systemProcesses } from './processes.ts';

const CONFIG = '/var/lib/hawser/kubelet/config.yaml';

interface Played {
  readonly args?: readonly string[];
  readonly env?: readonly string[];
  readonly startTime?: string;
}

function table(processes: Readonly<Record<number, Played>>): ProcessTable {
  return {
    pids: () => Object.keys(processes).map(Number),
    argumentsOf: (pid) => processes[pid]?.args,
    environmentOf: (pid) => processes[pid]?.env,
    startTimeOf: (pid) => processes[pid]?.startTime,
  };
}

test('kubelets are known by the file of their configuration, and ours by their mark', () => {
  const args = ['/usr/bin/kubelet', `--config=${CONFIG}`];
  const found = findKubelets(
    CONFIG,
    table({
      1: { args: ['/sbin/init'], startTime: '1' },
      2: { args, env: ['PATH=/bin', `${MARK}=${CONFIG}`], startTime: '20' },
      3: { args, env: ['PATH=/bin'], startTime: '30' },
      4: { args, startTime: '40' },
      5: { args: ['kubelet', '--config=/other/config.yaml'], env: [`${MARK}=/other/config.yaml`], startTime: '50' },
      6: { args: ['grep', `x --config=${CONFIG}`], startTime: '60' },
      7: {},
      8: { args },
    }),
  );
  assert.deepEqual(found, [
    { pid: 2, startTime: '20', isOurs: true },
    { pid: 3, startTime: '30', isOurs: false },
    { pid: 4, startTime: '40', isOurs: false },
  ]);
});

test('a child of a kubelet has its mark and not its flags: it is none', () => {
  const child = { args: ['mount', '-t', 'nfs'], env: [`${MARK}=${CONFIG}`], startTime: '9' };
  assert.deepEqual(findKubelets(CONFIG, table({ 9: child })), []);
});

test('a pid that was used again is another process', () => {
  assert.equal(isRunning({ pid: 2, startTime: '20' }, table({ 2: { startTime: '20' } })), true);
  assert.equal(isRunning({ pid: 2, startTime: '20' }, table({ 2: { startTime: '21' } })), false);
  assert.equal(isRunning({ pid: 2, startTime: '20' }, table({})), false);
});

test('the system tells of a process while it lives', async () => {
  const script = 'process.stdout.write("up"); setInterval(() => {}, 1000)';
  const child = spawn(process.execPath, ['-e', script, '--', `--config=${CONFIG}`], {
    env: { [MARK]: CONFIG },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await once(child.stdout, 'data');
  const found = findKubelets(CONFIG, systemProcesses).find(({ pid }) => pid === child.pid);
  assert.equal(found?.isOurs, true);
  assert.equal(isRunning({ ...found }, systemProcesses), true);
  const exited = once(child, 'exit');
  child.kill('SIGKILL');
  await exited;
  assert.equal(isRunning({ ...found }, systemProcesses), false);
});
