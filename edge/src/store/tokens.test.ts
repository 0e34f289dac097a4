import assert from 'node:assert/strict';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import Database from 'better-sqlite3';
import fc from 'fast-check';
import { pino } from 'pino';
import { readStore } from './index.ts';
import { openStore } from './open.ts';
import type { Seal } from './seal.ts';
import {
  applied,
  CLUSTER,
  clock,
  onlyReport,
  openTestStore,
  removal,
  remove,
  silent,
  storageKey,
  temporaryFolder,
  testObject,
  testStore,
  upsert,
  writeStatus,
} from './testing.ts';
import type { EdgeStore, KeptToken, TokenKey } from './types.ts';

const WEB = storageKey('pods', 'web');
const pathIn = (folder: string) => join(folder, 'agent.db');

function bring(store: EdgeStore, name: string, uid: string, version = '1'): void {
  const key = storageKey('pods', name);
  store.applyBatch(CLUSTER, [upsert(key, version, testObject(key, uid))]);
}

function tokenKey(of: Partial<TokenKey> = {}): TokenKey {
  return {
    namespace: 'default',
    podName: 'web',
    podUid: 'uid-web',
    serviceAccount: 'default',
    audiences: [],
    expirationSeconds: 3607,
    ...of,
  };
}

function token(text: string): KeptToken {
  return {
    body: JSON.stringify({ status: { token: text } }),
    issuedAt: 1_000,
    keptAt: 1_250,
    expiresAt: 2_000,
    validUntil: 9_000,
  };
}

describe('a token that is kept', () => {
  it('is there again after the file was closed, byte for byte, with its times', (t) => {
    const path = pathIn(temporaryFolder(t));
    const store = openTestStore(path);
    bring(store, 'web', 'uid-web');
    assert.equal(store.tokens.put(tokenKey(), token('first')), true);
    store.close();
    const again = openTestStore(path);
    t.after(() => again.close());
    assert.deepEqual(again.tokens.get(tokenKey()), token('first'));
  });

  it('is replaced by the next of its key, and by no other', (t) => {
    const store = testStore(t);
    bring(store, 'web', 'uid-web');
    const others = [
      tokenKey({ audiences: ['vault'] }),
      tokenKey({ expirationSeconds: 3600 }),
      tokenKey({ serviceAccount: 'other' }),
      tokenKey({ audiences: ['vault', 'x'] }),
    ];
    for (const [n, key] of others.entries()) store.tokens.put(key, token(`other ${n}`));
    store.tokens.put(tokenKey(), token('first'));
    store.tokens.put(tokenKey(), token('second'));
    assert.deepEqual(store.tokens.get(tokenKey()), token('second'));
    for (const [n, key] of others.entries()) assert.deepEqual(store.tokens.get(key), token(`other ${n}`));
    assert.equal(store.tokens.count(), 5);
  });

  it('goes with its pod when the cloud deletes it, and the tokens of other pods stay', (t) => {
    const store = testStore(t);
    bring(store, 'web', 'uid-web');
    bring(store, 'db', 'uid-db');
    store.tokens.put(tokenKey(), token('web'));
    store.tokens.put(tokenKey({ audiences: ['vault'] }), token('web for vault'));
    store.tokens.put(tokenKey({ podName: 'db', podUid: 'uid-db' }), token('db'));
    store.applyBatch(CLUSTER, [removal(WEB, 'uid-web')]);
    assert.equal(store.tokens.get(tokenKey()), undefined);
    assert.deepEqual(store.tokens.get(tokenKey({ podName: 'db', podUid: 'uid-db' })), token('db'));
    assert.equal(store.tokens.count(), 1);
  });

  it('goes with its pod when the pod is removed here, before the cloud knows', (t) => {
    const store = testStore(t);
    bring(store, 'web', 'uid-web');
    store.tokens.put(tokenKey(), token('web'));
    remove(store, WEB);
    assert.equal(store.tokens.count(), 0);
    store.outbox.answer(onlyReport(store).number, applied('uid-web', undefined));
    assert.equal(store.tokens.count(), 0);
  });

  it('goes when another pod takes the name', (t) => {
    const store = testStore(t);
    bring(store, 'web', 'uid-web');
    store.tokens.put(tokenKey(), token('web'));
    bring(store, 'web', 'uid-web-2', '2');
    assert.equal(store.tokens.count(), 0);
  });

  it('stays while its pod changes', (t) => {
    const store = testStore(t);
    bring(store, 'web', 'uid-web');
    store.tokens.put(tokenKey(), token('web'));
    writeStatus(store, WEB, { phase: 'Running' });
    bring(store, 'web', 'uid-web', '2');
    assert.deepEqual(store.tokens.get(tokenKey()), token('web'));
  });

  it('stays where the transaction that takes its pod fails', (t) => {
    const store = testStore(t);
    bring(store, 'web', 'uid-web');
    store.tokens.put(tokenKey(), token('web'));
    const facts = Object.fromEntries(Array.from({ length: 101 }, (_, n) => [`fact-${n}`, '']));
    assert.throws(() => store.applyBatch(CLUSTER, [removal(WEB, 'uid-web')], facts), { code: 'too_large' });
    assert.deepEqual(store.tokens.get(tokenKey()), token('web'));
  });

  describe('whose pod was lost with a damaged row', () => {
    function reopened(t: TestContext): EdgeStore {
      const path = pathIn(temporaryFolder(t));
      const store = openTestStore(path);
      bring(store, 'web', 'uid-web');
      store.tokens.put(tokenKey(), token('web'));
      store.enterEpoch(1);
      store.close();
      const db = new Database(path);
      db.exec('PRAGMA foreign_keys = OFF; DELETE FROM objects');
      db.close();
      const again = openTestStore(path);
      t.after(() => again.close());
      return again;
    }

    it('is there when the cloud has sent the pod again: it may be running', (t) => {
      const store = reopened(t);
      bring(store, 'web', 'uid-web');
      store.enterEpoch(1);
      assert.deepEqual(store.tokens.get(tokenKey()), token('web'));
    });

    it('goes when all that is held was compared, and the pod is not among it', (t) => {
      const store = reopened(t);
      assert.equal(store.tokens.count(), 1);
      store.enterEpoch(1);
      assert.equal(store.tokens.count(), 0);
    });
  });

  it('ends with all others of its pod when it is said to be gone', (t) => {
    const store = testStore(t);
    bring(store, 'web', 'uid-web');
    store.tokens.put(tokenKey(), token('web'));
    store.tokens.put(tokenKey({ audiences: ['vault'] }), token('web for vault'));
    store.tokens.removeOfPod('uid-web');
    assert.equal(store.tokens.count(), 0);
  });
});

describe('a token is not kept', () => {
  it('for a pod that is not here, or is another by now', (t) => {
    const store = testStore(t);
    assert.equal(store.tokens.put(tokenKey(), token('web')), false);
    bring(store, 'web', 'uid-web-2');
    assert.equal(store.tokens.put(tokenKey(), token('web')), false);
    remove(store, WEB);
    assert.equal(store.tokens.put(tokenKey({ podUid: 'uid-web-2' }), token('web')), false);
    assert.equal(store.tokens.count(), 0);
  });

  it('over the bound: the one that was kept first goes', (t) => {
    const store = testStore(t, { tokens: 2 });
    bring(store, 'web', 'uid-web');
    const key = (n: number) => tokenKey({ audiences: [`audience-${n}`] });
    store.tokens.put(key(1), token('1'));
    store.tokens.put(key(2), token('2'));
    store.tokens.put(key(1), token('1 again'));
    store.tokens.put(key(3), token('3'));
    assert.deepEqual(
      [1, 2, 3].map((n) => store.tokens.get(key(n))?.body),
      [token('1 again').body, undefined, token('3').body],
    );
  });
});

describe('on the disk', () => {
  it('all files that may hold a token are for their owner alone', (t) => {
    const path = pathIn(temporaryFolder(t));
    const store = openTestStore(path);
    t.after(() => store.close());
    bring(store, 'web', 'uid-web');
    store.tokens.put(tokenKey(), token('needle-in-the-log'));
    assert.ok(readFileSync(`${path}-wal`).includes('needle-in-the-log'), 'the log has it');
    for (const name of readdirSync(dirname(path))) assert.equal(statSync(join(dirname(path), name)).mode & 0o777, 0o600, name);
  });

  it('a byte that has changed in a row makes it no token', (t) => {
    const path = pathIn(temporaryFolder(t));
    for (const [column, value] of [
      ['sealed', Buffer.from(token('webs').body)],
      ['valid_until', 9_001],
      ['seal', 'plaim'],
    ] as const) {
      const store = openTestStore(path);
      bring(store, 'web', 'uid-web');
      store.tokens.put(tokenKey(), token('web'));
      assert.ok(store.tokens.get(tokenKey()));
      store.close();
      const db = new Database(path);
      db.prepare(`UPDATE tokens SET ${column} = ?`).run(value);
      db.close();
      const again = openTestStore(path);
      assert.equal(again.tokens.get(tokenKey()), undefined, column);
      again.tokens.put(tokenKey(), token('new'));
      assert.deepEqual(again.tokens.get(tokenKey()), token('new'));
      again.close();
    }
  });

  it('it lies as its seal has made it, and under another seal there is none', (t) => {
    const path = pathIn(temporaryFolder(t));
    const reversed: Seal = {
      name: 'reversed',
      seal: (text, about) => Buffer.from(`${about}|${[...text].reverse().join('')}`),
      open: (sealed, about) => {
        const [said, text = ''] = Buffer.from(sealed).toString().split('|');
        return said === about ? [...text].reverse().join('') : undefined;
      },
    };
    const store = openStore({ path, logger: silent, clock, seal: reversed });
    store.bindCluster(CLUSTER);
    bring(store, 'web', 'uid-web');
    store.tokens.put(tokenKey(), token('needle'));
    assert.deepEqual(store.tokens.get(tokenKey()), token('needle'));
    store.close();
    assert.ok(!readFileSync(path).includes('needle'));
    const plain = openTestStore(path);
    t.after(() => plain.close());
    assert.equal(plain.tokens.get(tokenKey()), undefined);
  });

  it('nothing that reads the store for people shows it, and no log line has it', (t) => {
    const path = pathIn(temporaryFolder(t));
    const lines: string[] = [];
    const logger = pino({ level: 'trace' }, { write: (line: string) => lines.push(line) });
    const store = openStore({ path, logger, clock, limits: { tokens: 1 } });
    store.bindCluster(CLUSTER);
    bring(store, 'web', 'uid-web');
    store.tokens.put(tokenKey(), token('needle'));
    store.tokens.put(tokenKey({ audiences: ['vault'] }), token('needle'));
    store.close();
    const reader = readStore(path);
    t.after(() => reader.close());
    const shown = reader.counts().flatMap(({ resource }) => reader.list(resource));
    assert.ok(!JSON.stringify([shown, reader.facts(), reader.counts()]).includes('needle'));
    assert.ok(lines.some((line) => line.includes('more tokens than are kept')));
    assert.ok(!lines.join('').includes('needle'));
  });
});

const action = fc.oneof(
  fc.record({ do: fc.constantFrom('bring', 'replace', 'take', 'remove', 'status'), pod: fc.constantFrom('web', 'db') }),
  fc.record({ do: fc.constantFrom('keep', 'keepOfBefore'), pod: fc.constantFrom('web', 'db') }),
  fc.record({ do: fc.constantFrom('answer', 'reopen'), pod: fc.constant('web') }),
);

it('whatever comes, goes and is kept in whatever order, there are tokens of pods that are served, and of no other', (t) => {
  const folder = temporaryFolder(t);
  let run = 0;
  fc.assert(
    fc.property(fc.array(action, { minLength: 5, maxLength: 40 }), (actions) => {
      const path = join(folder, `${run++}`, 'agent.db');
      let store = openTestStore(path);
      let version = 1;
      const generations = new Map<string, number>();
      const uidOf = (pod: string, before = 0) => `uid-${pod}-${(generations.get(pod) ?? 0) - before}`;
      const expected = new Map<string, string>();
      const servedUid = (pod: string) => store.storage.get(storageKey('pods', pod))?.metadata.uid;
      const steps: Readonly<Record<string, (pod: string) => void>> = {
        bring: (pod) => bring(store, pod, uidOf(pod), String(version++)),
        replace: (pod) => {
          generations.set(pod, (generations.get(pod) ?? 0) + 1);
          bring(store, pod, uidOf(pod), String(version++));
        },
        take: (pod) => store.applyBatch(CLUSTER, [removal(storageKey('pods', pod), uidOf(pod))]),
        remove: (pod) => servedUid(pod) !== undefined && remove(store, storageKey('pods', pod)),
        status: (pod) => servedUid(pod) !== undefined && writeStatus(store, storageKey('pods', pod), { n: version++ }),
        keep: (pod) => {
          const isKept = store.tokens.put(tokenKey({ podName: pod, podUid: uidOf(pod) }), token(pod));
          assert.equal(isKept, servedUid(pod) === uidOf(pod));
          if (isKept) expected.set(uidOf(pod), pod);
        },
        keepOfBefore: (pod) =>
          assert.equal(store.tokens.put(tokenKey({ podName: pod, podUid: uidOf(pod, 1) }), token(pod)), false),
        answer: () => {
          for (const { number, uid = '' } of store.outbox.pending(10))
            store.outbox.answer(number, applied(uid, String(version++)));
        },
        reopen: () => {
          store.close();
          store = openTestStore(path);
        },
      };
      for (const { do: name, pod } of actions) {
        steps[name]?.(pod);
        const served = ['web', 'db'].map(servedUid);
        for (const uid of expected.keys()) if (!served.includes(uid)) expected.delete(uid);
        assert.equal(store.tokens.count(), expected.size, `after ${name} ${pod}`);
        for (const [podUid, podName] of expected) assert.ok(store.tokens.get(tokenKey({ podName, podUid })), podUid);
      }
      store.close();
    }),
    { numRuns: 30 },
  );
});
