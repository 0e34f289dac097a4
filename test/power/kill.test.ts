import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { test } from 'node:test';
import type { KubeObject } from '@hawser/protocol';
import { type LocalDevice, sendTo, startLocalDevice } from '../local/device.ts';
import { KINDS, NODE, NODE_UID, SYNCED_PODS } from './writes.ts';

const ROUNDS = 8;
/** Answers after which the process is killed, at most; all kinds are written once in eleven. */
const MOST_ANSWERS = 60;

/** What a kubelet was answered, as the highest number of each kind. */
type Answered = Map<string, number>;

function objects(): KubeObject[] {
  const pods = SYNCED_PODS.map((name, index) => ({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name,
      namespace: 'default',
      uid: `00000000-0000-4000-8000-00000000000${index}`,
      resourceVersion: String(10 + index),
    },
    spec: { nodeName: NODE, containers: [{ name: 'main', image: 'registry.example/main:1' }] },
    status: { phase: 'Pending' },
  }));
  const node = {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name: NODE, uid: NODE_UID, resourceVersion: '9' },
  };
  return [node, ...pods];
}

/** Writes one kind after the other at a process of its own, which is killed some moments after so many answers. */
async function writeAndKill(folder: string, access: LocalDevice['access'], answered: Answered, first: number): Promise<string> {
  const [answers, delayMs] = [randomInt(1, MOST_ANSWERS), randomInt(0, 4)];
  const device = spawn(process.execPath, [join(import.meta.dirname, 'device-process.ts'), folder], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const closed = once(device, 'close');
  try {
    const died = closed.then(() => assert.fail('the device ended before it listened'));
    const [url] = await Promise.race([once(createInterface(device.stdout), 'line'), died]);
    died.catch(() => undefined);
    const send = sendTo(url, access);
    let heard = 0;
    for (let n = first; device.exitCode === null && device.signalCode === null; n++) {
      for (const { name, write } of KINDS) {
        await write(send, n);
        answered.set(name, n);
        if (++heard === answers) setTimeout(() => device.kill('SIGKILL'), delayMs);
      }
    }
  } catch (error) {
    // A connection that breaks off is what a kill looks like from here; an answer that is wrong is not.
    if (error instanceof assert.AssertionError) throw error;
  } finally {
    device.kill('SIGKILL');
  }
  await closed;
  return `${delayMs} ms after ${answers} answers`;
}

test('whatever was answered is there after a kill in the middle of any kind of write', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'hawser-power-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const begun = await startLocalDevice({ folder });
  begun.put(...objects());
  await begun.stop();
  const answered: Answered = new Map();
  for (let round = 0; round < ROUNDS; round++) {
    // The number that the kill came into is written again, as a kubelet would.
    const first = Math.max(1, ...answered.values());
    const when = await writeAndKill(folder, begun.access, answered, first);
    const device = await startLocalDevice({ folder, synced: false });
    try {
      for (const { name, check } of KINDS) {
        // The kill may have come before the first answer to one of that kind.
        const n = answered.get(name);
        if (n !== undefined) check(device, n);
      }
    } finally {
      await device.stop();
    }
    t.diagnostic(`killed ${when}, at number ${Math.max(0, ...answered.values())}`);
  }
  const never = KINDS.filter(({ name }) => !answered.has(name)).map(({ name }) => name);
  assert.deepEqual(never, [], 'kinds that were never answered');
});
