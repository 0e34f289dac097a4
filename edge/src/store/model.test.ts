import assert from 'node:assert/strict';
import { join } from 'node:path';
import { it } from 'node:test';
import { Digest, type KubeObject, type Report, type ReportOutcome } from '@hawser/protocol';
import fc from 'fast-check';
import type { StorageKey } from '../api/storage.ts';
import { type Fields, Model, type ModelOutcome, type ModelWrite } from './model.ts';
import {
  CLUSTER,
  create,
  keyText,
  openTestStore,
  removal,
  remove,
  storageKey,
  temporaryFolder,
  testObject,
  touch,
  upsert,
  writeStatus,
} from './testing.ts';
import type { EdgeStore, ResolvedOperation } from './types.ts';

const NAMES = ['a', 'b'];

const name = fc.constantFrom(...NAMES);
const fields = fc.dictionary(fc.constantFrom('x', 'y', 'z'), fc.integer({ min: 0, max: 2 }), {
  minKeys: 1,
  noNullPrototype: true,
});
const pick = fc.nat({ max: 5 });

const step = fc.oneof(
  fc.record({ do: fc.constant('upsert'), name, fields, uid: fc.constantFrom('same', 'same', 'new') }),
  fc.record({ do: fc.constant('refusedUpsert'), name, uid: fc.constantFrom('same', 'new') }),
  fc.record({ do: fc.constant('touch'), name }),
  fc.record({ do: fc.constant('remove'), name, uid: fc.constantFrom('same', 'same', 'other') }),
  fc.record({ do: fc.constant('create'), name }),
  fc.record({ do: fc.constant('patch'), name, fields }),
  fc.record({ do: fc.constant('patch'), name, fields }),
  fc.record({ do: fc.constant('delete'), name }),
  fc.record({ do: fc.constant('send'), limit: fc.integer({ min: 1, max: 2 }) }),
  fc.record({ do: fc.constant('applied'), pick, ahead: fc.integer({ min: 0, max: 6 }), removed: fc.boolean() }),
  fc.record({ do: fc.constant('refused'), pick, code: fc.constantFrom(403, 404, 409) }),
  fc.record({ do: fc.constant('unavailable'), pick }),
  fc.record({ do: fc.constant('release') }),
  fc.record({ do: fc.constant('reopen') }),
);
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

interface InFlight {
  readonly number: number;
  readonly name: string;
  readonly write: ModelWrite;
}

/** Store and model side by side, and a watcher that has only heard of changes. */
class Pair {
  readonly #path: string;
  readonly #model = new Model();
  readonly #watched = new Map<string, KubeObject>();
  #store: EdgeStore;
  #inFlight: InFlight[] = [];
  #uids = 0;
  #version = 10;

  constructor(path: string) {
    this.#path = path;
    this.#store = this.#open();
  }

  run(each: Step): void {
    switch (each.do) {
      case 'upsert':
        this.#upsert(each.name, this.#uid(each.name, each.uid), each.fields);
        return;
      case 'refusedUpsert':
        this.#upsert(each.name, this.#uid(each.name, each.uid), undefined);
        return;
      case 'touch':
        this.#version += 1;
        this.#batch(touch(pod(each.name), String(this.#version)));
        this.#model.touch(each.name, this.#version);
        return;
      case 'remove': {
        const uid = each.uid === 'same' ? this.#uid(each.name, 'same') : 'another';
        this.#batch(removal(pod(each.name), uid));
        this.#model.remove(each.name, uid);
        return;
      }
      case 'create':
        this.#create(each.name);
        return;
      case 'patch':
        if (this.#store.storage.get(pod(each.name)) === undefined) return;
        writeStatus(this.#store, pod(each.name), each.fields);
        this.#model.patch(each.name, each.fields);
        return;
      case 'delete':
        if (this.#store.storage.get(pod(each.name)) === undefined) return;
        remove(this.#store, pod(each.name));
        this.#model.delete(each.name);
        return;
      case 'send':
        this.#send(each.limit);
        return;
      case 'applied':
        this.#answer(each.pick, ({ name: of, write }) => this.#applied(of, write, each.ahead, each.removed));
        return;
      case 'refused':
        this.#answer(each.pick, () => ({ type: 'refused', code: each.code, reason: 'Refused', message: '' }));
        return;
      case 'unavailable':
        this.#answer(each.pick, () => ({ type: 'unavailable', retryAfterMs: 1, message: '' }));
        return;
      case 'release':
        this.#store.outbox.release();
        this.#forgetInFlight();
        return;
      case 'reopen':
        this.#store.close();
        this.#store = this.#open();
        this.#inFlight = [];
        this.#model.restart();
        return;
    }
  }

  /** Nothing is wrong with what the store itself has written, whatever that was. */
  #recheck(): void {
    const { recheck } = this.#store;
    while (!recheck.step());
    const { failures, damaged } = recheck.stats();
    assert.deepEqual({ failures, ...damaged }, { failures: 0, row: 0, lost: 0, body: 0, write: 0, served: 0 });
  }

  check(): void {
    const digest = new Digest();
    const held = new Map([...this.#store.inventory()].map((entry) => [entry.key, entry]));
    for (const of of NAMES) {
      const { cloud } = this.#model.row(of);
      const entry = held.get(keyText(pod(of)));
      assert.deepEqual(
        entry && { uid: entry.version.uid, version: Number(entry.version.resourceVersion), refused: entry.refused },
        cloud && { uid: cloud.uid, version: cloud.version, refused: cloud.refused },
        `held ${of}`,
      );
      if (entry !== undefined) digest.add(entry.key, entry.version);
      const object = this.#store.storage.get(pod(of));
      assert.deepEqual(
        object && { uid: object.metadata.uid, fields: object.status ?? {} },
        this.#model.served(of),
        `served ${of}`,
      );
      assert.deepEqual(this.#watched.get(of), object, `watched ${of}`);
    }
    assert.equal(this.#store.digest(), digest.toString());
    assert.equal(this.#store.objectCount(), digest.count);
    this.#recheck();
    const waiting = [...this.#model.rows.values()].flatMap(({ writes }) => writes.filter(({ answer }) => answer === undefined));
    assert.equal(this.#store.outbox.count(), waiting.length);
  }

  close(): void {
    this.#store.close();
  }

  #open(): EdgeStore {
    const store = openTestStore(this.#path, { changeLogEntries: 5 });
    store.storage.subscribe('pods', ({ type, key, object }) => {
      if (type === 'DELETED') this.#watched.delete(key.name);
      else this.#watched.set(key.name, object);
    });
    return store;
  }

  /** The uid that the cloud would use: that of the object that it has, or has made from the device's. */
  #uid(of: string, which: string): string {
    const { cloud, writes } = this.#model.row(of);
    const made = writes.find(({ verb, answer }) => verb === 'create' && answer !== undefined)?.uid;
    const known = cloud?.uid ?? made;
    return which === 'same' && known !== undefined ? known : `cloud-${++this.#uids}`;
  }

  #upsert(of: string, uid: string, status: Fields | undefined): void {
    this.#version += 1;
    const operation = upsert(pod(of), String(this.#version), testObject(pod(of), uid, { status: status ?? {} }));
    this.#batch(status === undefined ? broken(operation) : operation);
    this.#model.upsert(of, uid, this.#version, status);
  }

  #batch(operation: ResolvedOperation): void {
    const { digest } = this.#store.applyBatch(CLUSTER, [operation]);
    assert.equal(digest, this.#store.digest());
  }

  #create(of: string): void {
    if (this.#store.storage.get(pod(of)) !== undefined) return;
    const uid = `local-${++this.#uids}`;
    create(this.#store, pod(of), uid, { status: {} });
    this.#model.create(of, uid);
  }

  #send(limit: number): void {
    const expected = this.#model.pending().slice(0, limit);
    const reports = this.#store.outbox.pending(limit);
    assert.deepEqual(
      reports.map(describe),
      expected.map(({ name: of, write }) => `${of} ${write.verb} ${fieldsText(write)}`),
    );
    for (const [index, { name: of, write }] of expected.entries()) {
      write.inFlight = true;
      write.maybeSent = true;
      this.#inFlight.push({ name: of, write, number: reports[index]?.number ?? 0 });
    }
  }

  #answer(index: number, outcomeOf: (entry: InFlight) => ReportOutcome): void {
    const entry = this.#inFlight[index % Math.max(1, this.#inFlight.length)];
    if (entry === undefined) return;
    this.#inFlight = this.#inFlight.filter((other) => other !== entry);
    const outcome = outcomeOf(entry);
    this.#store.outbox.answer(entry.number, outcome);
    this.#model.answer(entry.name, entry.write, modelOutcome(outcome));
  }

  #applied(of: string, write: ModelWrite, ahead: number, removed: boolean): ReportOutcome {
    const { cloud } = this.#model.row(of);
    const uid = write.verb !== 'create' ? write.uid : cloud?.uid === write.uid ? write.uid : `made-${++this.#uids}`;
    const gone = write.verb === 'delete' && removed;
    return { type: 'applied', uid, name: of, resourceVersion: gone ? undefined : String(this.#version + ahead) };
  }

  #forgetInFlight(): void {
    this.#inFlight = [];
    this.#model.release();
  }
}

function pod(of: string): StorageKey {
  return storageKey('pods', of);
}

function broken(operation: ResolvedOperation): ResolvedOperation {
  const { change } = operation;
  assert.equal(change.type, 'upsert');
  return change.type === 'upsert'
    ? { ...operation, change: { ...change, version: { ...change.version, hash: '0123456789abcdef' } } }
    : operation;
}

function describe({ name: of, operation }: Report): string {
  if (operation.type !== 'patch') return `${of} ${operation.type === 'remove' ? 'delete' : operation.type} {}`;
  return `${of} patch ${JSON.stringify(sorted(Object(JSON.parse(operation.body)).status))}`;
}

function fieldsText(write: ModelWrite): string {
  return JSON.stringify(sorted(write.fields));
}

function sorted(of: Fields): Fields {
  return Object.fromEntries(Object.entries(of).sort(([a], [b]) => (a < b ? -1 : 1)));
}

function modelOutcome(outcome: ReportOutcome): ModelOutcome {
  if (outcome.type === 'unavailable') return { type: 'unavailable' };
  if (outcome.type === 'refused') return { type: 'refused', gone: outcome.code !== 403 };
  const { uid, resourceVersion } = outcome;
  return { type: 'applied', uid, version: resourceVersion === undefined ? undefined : Number(resourceVersion) };
}

it('serves, holds and reports what the rules say, whatever the order of batches, writes, answers and restarts', (t) => {
  const folder = temporaryFolder(t);
  let run = 0;
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60, size: 'max' }), (steps) => {
      const pair = new Pair(join(folder, `${run++}.db`));
      try {
        for (const each of steps) {
          pair.run(each);
          pair.check();
        }
      } finally {
        pair.close();
      }
    }),
    { numRuns: 100 },
  );
});
