import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { it } from 'node:test';
import { Digest } from '@hawser/protocol';
import { heldAfter, POD, POD_KEY } from './kill-writer.ts';
import { openTestStore, served, storageKey, temporaryFolder } from './testing.ts';
import type { EdgeStore } from './types.ts';

const ROUNDS = 8;

/** The newest batch and status, and every event, that writers have said to be done; over all rounds. */
interface Said {
  batch: number;
  status: number;
  readonly events: number[];
}

/** Runs the writer on the store until it has said so many lines, and kills it a moment later, wherever it is then. */
async function writeAndKill(path: string, said: Said, lines: number, delayMs: number): Promise<void> {
  const writer = spawn(process.execPath, [join(import.meta.dirname, 'kill-writer.ts'), path], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const closed = once(writer, 'close');
  let heard = 0;
  for await (const line of createInterface(writer.stdout)) {
    const [what, n] = line.split(' ');
    if (what === 'batch' || what === 'status') said[what] = Number(n);
    if (what === 'event') said.events.push(Number(n));
    if (++heard === lines) setTimeout(() => writer.kill('SIGKILL'), delayMs);
  }
  const [, signal] = await closed;
  assert.equal(signal, 'SIGKILL');
}

function checkAfter(store: EdgeStore, said: Said): void {
  const batch = Number(store.fact('batch'));
  assert.ok(batch === said.batch || batch === said.batch + 1, `batch ${batch} after ${said.batch} was acknowledged`);
  const expected = heldAfter(batch);
  const digest = new Digest();
  for (const [key, version] of expected) digest.add(key, version);
  const pod = [...store.inventory()].find(({ key }) => key === POD_KEY);
  assert.ok(pod);
  digest.add(POD_KEY, pod.version);
  assert.equal(store.digest(), digest.toString());
  assert.deepEqual(
    store.storage
      .list('configmaps')
      .map(({ metadata }) => metadata.uid)
      .sort(),
    [...expected.values()].map(({ uid }) => uid).sort(),
  );
  const status = Number(Object(served(store, POD).status).n);
  assert.ok(status >= said.status && status <= batch, `status ${status} after ${said.status}`);
  for (const n of said.events) assert.ok(store.storage.get(storageKey('events', `event-${n}`)), `event ${n}`);
  const reports = store.outbox.pending(10_000);
  assert.equal(reports.filter(({ resource }) => resource === 'pods').length, 1);
  assert.ok(reports.filter(({ resource }) => resource === 'events').length >= said.events.length);
}

it('keeps what it has acknowledged when it is killed, and starts again each time', async (t) => {
  const path = join(temporaryFolder(t), 'agent.db');
  const said: Said = { batch: 0, status: 0, events: [] };
  for (let round = 0; round < ROUNDS; round++) {
    const lines = randomInt(1, 60);
    const delayMs = randomInt(0, 4);
    await writeAndKill(path, said, lines, delayMs);
    const store = openTestStore(path);
    t.diagnostic(`killed ${delayMs} ms after ${lines} lines: batch ${said.batch}`);
    try {
      checkAfter(store, said);
    } finally {
      store.close();
    }
  }
});

it('is not shared with a second process', async (t) => {
  const path = join(temporaryFolder(t), 'agent.db');
  const store = openTestStore(path);
  t.after(() => store.close());
  const second = spawn(process.execPath, [join(import.meta.dirname, 'kill-writer.ts'), path], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const closed = once(second, 'close');
  let said = '';
  for await (const chunk of second.stderr) said += String(chunk);
  const [code] = await closed;
  assert.notEqual(code, 0);
  assert.match(said, /store_busy/);
  assert.equal(store.objectCount(), 0);
});
