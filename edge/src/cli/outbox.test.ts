import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { storePath } from '../ops/paths.ts';
import { openStore } from '../store/index.ts';
import {
  applied,
  CLUSTER,
  create,
  refused,
  remove,
  silent,
  storageKey,
  temporaryFolder,
  testObject,
  upsert,
  writeStatus,
} from '../store/testing.ts';
import type { EdgeStore } from '../store/types.ts';
import { runCli } from './program.ts';

const START = Date.parse('2026-03-01T12:00:00.000Z');
const POD = storageKey('pods', 'web', 'shop');

/** A data folder with a store that `fill` has written to, minute by minute. */
function dataDir(t: TestContext, fill: (store: EdgeStore, tick: () => void) => void, close = true): string {
  const folder = join(temporaryFolder(t), 'data');
  let now = START;
  const clock = { now: () => new Date(now) };
  const store = openStore({ path: storePath(folder), logger: silent, clock, limits: { events: 2 } });
  store.bindCluster(CLUSTER);
  fill(store, () => {
    now += 60_000;
  });
  if (close) store.close();
  else t.after(() => store.close());
  return folder;
}

async function run(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  let out = '';
  let err = '';
  const code = await runCli(['outbox', ...args], {
    version: '0',
    run: () => Promise.reject(new Error('not asked for')),
    env: {},
    now: () => new Date(START + 3_600_000),
    hostName: () => 'device',
    interrupted: () => new AbortController().signal,
    write: (text) => {
      out += text;
    },
    writeError: (text) => {
      err += text;
    },
  });
  return { code, out, err };
}

function withPod(store: EdgeStore): void {
  store.applyBatch(CLUSTER, [upsert(POD, '10', testObject(POD, 'uid-web'))]);
}

function events(store: EdgeStore, ...numbers: number[]): void {
  for (const n of numbers) create(store, storageKey('events', `web.${n}`, 'shop'), `e${n}`);
}

describe('hawser-agent outbox', () => {
  it('shows what waits, since when and how large, and what was dropped', async (t) => {
    const folder = dataDir(t, (store, tick) => {
      withPod(store);
      events(store, 1, 2, 3);
      tick();
      writeStatus(store, POD, { phase: 'Running' });
      tick();
      remove(store, POD);
    });
    const { code, out, err } = await run('--data-dir', folder);
    assert.deepEqual([code, err], [0, '']);
    const lines = out.split('\n').map((line) => line.trimEnd());
    assert.match(lines[0] ?? '', /^Waiting: +4 reports of \d+ bytes, the oldest since 2026-03-01T12:00:00.000Z \(60m\)$/);
    assert.match(lines[1] ?? '', /^Dropped events: +1 since the store began \(1 over their number\); 1 not told yet$/);
    assert.match(lines[2] ?? '', /^Refused: +none$/);
    assert.deepEqual(lines[4]?.split(/ {3,}/), ['NUMBER', 'WHAT', 'OBJECT', 'AGE', 'BYTES']);
    const rows = lines.slice(5, -1).map((line) => line.split(/ {3,}/).slice(1, 4));
    assert.deepEqual(rows, [
      ['create', 'events/shop/web.2', '60m'],
      ['create', 'events/shop/web.3', '60m'],
      ['change of status', 'pods/shop/web', '59m'],
      ['removal', 'pods/shop/web', '58m'],
    ]);
  });

  it('shows with --refused what the cloud has refused, and why', async (t) => {
    const folder = dataDir(t, (store) => {
      withPod(store);
      writeStatus(store, POD, { phase: 'Running' });
      const [report] = store.outbox.pending(1);
      const outcome = { ...refused(422, 'Invalid'), message: 'phase:\n\u001b[31mwrong' };
      store.outbox.answer(report?.number ?? 0, outcome);
    });
    const { out } = await run('--refused', '--data-dir', folder);
    assert.match(out, /^NUMBER +TIME +WHAT +OBJECT +CODE +REASON +MESSAGE\n/);
    assert.match(out, /\n\d+ +2026-03-01T12:00:00.000Z +change of status +pods\/shop\/web +422 +Invalid +phase: \[31mwrong\n$/);
    assert.match(
      (await run('--data-dir', folder)).out,
      /^Waiting: +nothing\n.*\nRefused: +the last 1: "hawser-agent outbox --refused" shows them\n$/s,
    );
  });

  it('has all of it in JSON, beside a running agent too', async (t) => {
    const folder = dataDir(
      t,
      (store) => {
        withPod(store);
        events(store, 1, 2, 3);
        store.outbox.welcomed('edge-1');
        for (const { number } of store.outbox.pending(1)) store.outbox.answer(number, applied('u', '5'));
      },
      false,
    );
    const report = JSON.parse((await run('-o', 'json', '--data-dir', folder)).out);
    assert.deepEqual(report.droppedEvents, { total: { count: 1, bytes: 0, age: 0 }, untold: 0 });
    assert.deepEqual(
      report.entries.map(({ number: _number, bytes, since, ...entry }: Record<string, unknown>) => {
        assert.ok(Number(bytes) > 0 && since === '2026-03-01T12:00:00.000Z');
        return entry;
      }),
      [
        { verb: 'create', resource: 'events', namespace: 'shop', name: 'web.3', subresource: '' },
        {
          ...{ verb: 'create', resource: 'events', namespace: 'default', subresource: '' },
          name: `events-dropped.${JSON.parse((await run('-o', 'json', '--data-dir', folder)).out).entries[1].name.split('.')[1]}.1`,
        },
      ],
    );
    assert.deepEqual(report.refused, []);
    assert.equal(
      report.bytes,
      report.entries.reduce((sum: number, { bytes }: { bytes: number }) => sum + bytes, 0),
    );
  });

  it('lists a hundred, and says how many more there are', async (t) => {
    const folder = dataDir(t, (store) => {
      for (let n = 0; n < 103; n++) create(store, storageKey('pods', `p${n}`), `u${n}`);
    });
    const { out } = await run('--data-dir', folder);
    assert.match(out, /\nand 3 more: "-o json" shows all\n$/);
    assert.equal(out.split('\n').filter((line) => line.includes('pods/default/')).length, 100);
    assert.equal(JSON.parse((await run('-o', 'json', '--data-dir', folder)).out).entries.length, 103);
  });

  it('says that there is no store with 1, and that the command line is wrong with 2', async (t) => {
    const missing = await run('--data-dir', join(temporaryFolder(t), 'nothing'));
    assert.deepEqual([missing.code, /there is no store at/.test(missing.err)], [1, true]);
    assert.equal((await run('-o', 'yaml')).code, 2);
    assert.equal((await run('--reused')).code, 2);
  });
});
