import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { describe, it, type TestContext } from 'node:test';
import Database from 'better-sqlite3';
import { leaksIn, planted } from '../../../test/support/planted.ts';
import { keySeal } from './key-seal.ts';
import { openStore } from './open.ts';
import { rekeyStore } from './rekey.ts';
import { PLAIN, type Seal } from './seal.ts';
import { planSealing } from './sealing.ts';
import { CLUSTER, clock, create, removal, silent, storageKey, temporaryFolder, testObject, upsert } from './testing.ts';
import type { EdgeStore } from './types.ts';

const KEY = keySeal(Buffer.alloc(32, 1));
const OTHER = keySeal(Buffer.alloc(32, 2));
const SECRETS = 200;

function open(path: string, seal: Seal): EdgeStore {
  const store = openStore({ path, logger: silent, clock, seal });
  store.bindCluster(CLUSTER);
  return store;
}

const secretKey = (n: number) => storageKey('secrets', `secret-${n}`);

/** A store with many Secrets, superseded and deleted ones among them, as an agent without a key leaves it. */
function plainStore(t: TestContext): { readonly path: string; readonly before: unknown } {
  const path = join(temporaryFolder(t), 'agent.db');
  const store = open(path, PLAIN);
  const pod = storageKey('pods', 'web');
  store.applyBatch(CLUSTER, [upsert(pod, '1', testObject(pod, 'uid-web'))]);
  for (const version of ['1', '2']) {
    store.applyBatch(
      CLUSTER,
      Array.from({ length: SECRETS }, (_, n) =>
        upsert(secretKey(n), version, {
          ...testObject(secretKey(n), `uid-${n}`, { data: { a: planted(`${version} of ${n}`), fill: 'x'.repeat(n * 20) } }),
          kind: 'Secret',
        }),
      ),
    );
  }
  store.applyBatch(CLUSTER, [removal(secretKey(3), 'uid-3'), removal(secretKey(199), 'uid-199')]);
  create(store, storageKey('secrets', 'born'), 'uid-born', { kind: 'Secret', stringData: { a: planted('born') } });
  for (let n = 0; n < 40; n++) {
    const asked = storageKey('secrets', `asked-${n}`);
    store.answers.put(asked, { type: 'found', readAt: n, from: 'live', body: JSON.stringify({ data: planted(`answer ${n}`) }) });
    store.tokens.put(tokenOf(n), { body: planted(`token ${n}`), issuedAt: 1, keptAt: 1, expiresAt: 2, validUntil: 3 });
  }
  const before = contentOf(store);
  store.close();
  return { path, before };
}

function tokenOf(n: number) {
  const pod = { namespace: 'default', podName: 'web', podUid: 'uid-web', serviceAccount: 'default' };
  return { ...pod, audiences: [String(n)], expirationSeconds: 3607 };
}

function contentOf(store: EdgeStore): unknown {
  return {
    secrets: store.storage.list('secrets'),
    changes: store.storage.changesAfter('secrets', store.storage.compactedRevision()),
    reports: store.outbox.pending(100),
    digest: store.digest(),
    answers: Array.from({ length: 40 }, (_, n) => store.answers.get(storageKey('secrets', `asked-${n}`))),
    tokens: Array.from({ length: 40 }, (_, n) => store.tokens.get(tokenOf(n))),
  };
}

function leaksBeside(path: string): string[] {
  const folder = join(path, '..');
  return readdirSync(folder).filter((file) => leaksIn(readFileSync(join(folder, file))).length > 0);
}

/** How many rows lie there as they are. */
function plainRows(path: string): number {
  const db = new Database(path, { readonly: true });
  try {
    const { rows } = db
      .prepare<[], { rows: number }>(
        `SELECT (SELECT count(*) FROM objects WHERE resource = 'secrets' AND body LIKE '{%')
           + (SELECT count(*) FROM changes WHERE resource = 'secrets' AND object LIKE '{%')
           + (SELECT count(*) FROM tokens WHERE seal = 'plain') + (SELECT count(*) FROM answers WHERE seal = 'plain') AS rows`,
      )
      .get() ?? { rows: 0 };
    return rows;
  } finally {
    db.close();
  }
}

describe('a store that lay there as it was', () => {
  it('is sealed when it is opened with a key, and shows nothing of what was in it, pages that are in use no more included', (t) => {
    const { path, before } = plainStore(t);
    assert.deepEqual(leaksBeside(path), ['agent.db']);
    const store = open(path, KEY);
    assert.deepEqual(leaksBeside(path), []);
    assert.deepEqual(contentOf(store), before);
    store.close();
    assert.deepEqual(leaksBeside(path), []);
  });

  it('is sealed in the end, with all that was in it, however often the process is killed meanwhile', async (t) => {
    const { path, before } = plainStore(t);
    let left = plainRows(path);
    const stages: number[] = [left];
    for (let round = 0; round < 12 && left > 0; round++) {
      await sealAndKill(path, randomInt(1, 10), randomInt(0, 3));
      const now = plainRows(path);
      assert.ok(now <= left, `${now} rows after ${left}`);
      left = now;
      stages.push(left);
    }
    t.diagnostic(`rows that lay there as they were: ${stages.join(' ')}`);
    const store = open(path, KEY);
    t.after(() => store.close());
    assert.deepEqual(contentOf(store), before);
    assert.equal(plainRows(path), 0);
    assert.deepEqual(leaksBeside(path), []);
  });

  it('is not taken for one of another key while it is half sealed', async (t) => {
    const { path } = plainStore(t);
    const before = plainRows(path);
    await sealUntilKilled(path, 3);
    assert.ok(plainRows(path) > 0 && plainRows(path) < before, 'some rows lie there as they were');
    assert.throws(() => open(path, OTHER), { code: 'bad_config' });
    open(path, KEY).close();
    assert.equal(plainRows(path), 0);
  });
});

/** Opens the store with the key in a process of its own, which is killed a moment after it has sealed so many steps. */
async function sealAndKill(path: string, steps: number, delayMs: number): Promise<void> {
  const writer = spawn(process.execPath, [join(import.meta.dirname, 'sealing-writer.ts'), path], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const closed = once(writer, 'close');
  let heard = 0;
  for await (const _line of createInterface(writer.stdout))
    if (++heard === steps) setTimeout(() => writer.kill('SIGKILL'), delayMs);
  await closed;
}

/** The same, but the process kills itself in the middle of that step. */
async function sealUntilKilled(path: string, steps: number): Promise<void> {
  const writer = spawn(process.execPath, [join(import.meta.dirname, 'sealing-writer.ts'), path, String(steps)], {
    stdio: 'ignore',
  });
  assert.deepEqual(await once(writer, 'close'), [null, 'SIGKILL']);
}

describe('another key', () => {
  const rekey = (path: string, from: Seal, to: Seal) =>
    rekeyStore({ path, from: () => from, to: () => to, onSealed: () => undefined, logger: silent });

  it('takes the place of the one before, and of none, and none of it; content stays', (t) => {
    const { path, before } = plainStore(t);
    let from: Seal = PLAIN;
    for (const to of [KEY, OTHER, PLAIN, KEY]) {
      assert.ok(rekey(path, from, to) > 2 * SECRETS);
      const store = open(path, to);
      assert.deepEqual(contentOf(store), before);
      store.close();
      if (to !== PLAIN) {
        assert.throws(() => open(path, from), { code: 'bad_config' });
        assert.deepEqual(leaksBeside(path), []);
        if (from !== PLAIN) assert.ok(!readFileSync(path).includes(from.name), 'what lay under the old key is overwritten');
      }
      from = to;
    }
  });

  it('is not given to a store that an agent has open', (t) => {
    const { path } = plainStore(t);
    const store = open(path, KEY);
    t.after(() => store.close());
    assert.throws(() => rekey(path, KEY, OTHER), { code: 'store_busy' });
  });

  it('that fails to be made leaves the store under the old one', (t) => {
    const { path, before } = plainStore(t);
    open(path, KEY).close();
    const broken: Seal = {
      name: OTHER.name,
      open: OTHER.open,
      seal: (text, about) => {
        if (text.includes('token 20')) throw new Error('no more');
        return OTHER.seal(text, about);
      },
    };
    assert.throws(() => rekey(path, KEY, broken), /no more/);
    const store = open(path, KEY);
    t.after(() => store.close());
    assert.deepEqual(contentOf(store), before);
  });
});

describe('what is done at open', () => {
  const own = KEY.name;
  const other = OTHER.name;
  const cases: readonly (readonly [string, string, readonly string[], string | undefined, ReturnType<typeof planSealing>])[] = [
    ['a new store', own, [], undefined, 'scrub'],
    ['all under the key', own, [own], own, 'ready'],
    ['nothing that is sealed left', own, [], own, 'ready'],
    ['all as it was', own, ['plain'], undefined, 'seal'],
    ['killed while it was sealed', own, ['plain', own], undefined, 'seal'],
    ['killed before it was overwritten', own, [own], undefined, 'scrub'],
    ['one row of another key', own, [own, other], own, 'ready'],
    ['the only row of another key, in a store of this one', own, [other], own, 'ready'],
    ['all under another key', own, [other], other, 'foreign'],
    ['half sealed with another key', own, ['plain', other], undefined, 'foreign'],
    ['the memory of the key lost', own, [own], other, 'scrub'],
    ['no key, and nothing sealed', 'plain', ['plain'], undefined, 'ready'],
    ['no key, and a sealed store', 'plain', [own], own, 'foreign'],
    ['no key, and half a sealed store', 'plain', ['plain', own], undefined, 'foreign'],
    ['no key, and the sealed rows gone', 'plain', [], own, 'ready'],
  ];
  for (const [name, seal, stored, remembered, plan] of cases) {
    it(`${name}: ${plan}`, () => assert.equal(planSealing(seal, new Set(stored), remembered), plan));
  }
});
