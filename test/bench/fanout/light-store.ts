import type { EdgeStore, Outbox, SyncStore } from '@hawser/edge';
import { applyDelta, bodyHash, Digest, decodeBody, type ObjectKey, type OperationChange, type Version } from '@hawser/protocol';

interface Held {
  readonly version: Version;
  readonly body: string;
}

type Batch = Parameters<EdgeStore['applyBatch']>[1];

/**
 * What a session needs of a store, in a map: bodies are unpacked, checked against their hashes and kept, the digest is that of what
 * is held. Neither SQLite nor a disk: thousands of agents share one machine with the relay that is measured, and on devices of their
 * own their stores would take none of its time.
 */
export class LightStore implements SyncStore {
  readonly #objects = new Map<ObjectKey, Held>();
  readonly #digest = new Digest();
  readonly #facts = new Map<string, string>();
  readonly #storeId: string;
  readonly #applied: (key: ObjectKey, resourceVersion: string) => void;
  #clusterUid: string | undefined;
  #epoch: number | undefined;
  /** A hollow agent reports nothing. */
  readonly outbox: Outbox = NOTHING_TO_SEND;

  /** @param applied told of each object that was put, with its new version */
  constructor(storeId: string, applied: (key: ObjectKey, resourceVersion: string) => void) {
    this.#storeId = storeId;
    this.#applied = applied;
  }

  identity(): ReturnType<EdgeStore['identity']> {
    return { storeId: this.#storeId, clusterUid: this.#clusterUid, epoch: this.#epoch };
  }

  bindCluster(uid: string): void {
    this.#clusterUid = uid;
  }

  enterEpoch(epoch: number): void {
    this.#epoch = epoch;
  }

  /** Without writes of its own there are no answers. */
  outdateAnswers(): void {}

  digest(): string {
    return this.#digest.toString();
  }

  objectCount(): number {
    return this.#objects.size;
  }

  *inventory(): ReturnType<EdgeStore['inventory']> & Generator {
    for (const [key, { version }] of this.#objects) yield { key, version, refused: false };
  }

  /** @throws Error for what a real store would refuse: in a benchmark nothing may be refused */
  applyBatch(_clusterUid: string, operations: Batch): ReturnType<EdgeStore['applyBatch']> {
    for (const { key, change } of operations) this.#apply(key, change);
    return { nacks: [], digest: this.digest() };
  }

  setFact(name: string, value: string): void {
    this.#facts.set(name, value);
  }

  setFacts(facts: Readonly<Record<string, string>>): void {
    for (const [name, value] of Object.entries(facts)) this.#facts.set(name, value);
  }

  fact(name: string): string | undefined {
    return this.#facts.get(name);
  }

  #apply(key: ObjectKey, change: OperationChange): void {
    const before = this.#objects.get(key);
    switch (change.type) {
      case 'upsert':
        this.#put(key, before, { version: change.version, body: decodeBody(change.body) });
        return;
      case 'upsertDelta': {
        if (before?.version.hash !== change.baseHash) throw new Error(`${key}: the base of the delta is not held`);
        const { resourceVersion, hash } = change;
        this.#put(key, before, {
          version: { uid: before.version.uid, resourceVersion, hash },
          body: applyDelta(before.body, change),
        });
        return;
      }
      case 'touch':
        if (before === undefined) throw new Error(`${key}: touched and not held`);
        this.#put(key, before, { ...before, version: { ...before.version, resourceVersion: change.resourceVersion } });
        return;
      case 'delete':
        if (before?.version.uid !== change.uid) return;
        this.#objects.delete(key);
        this.#digest.remove(key, before.version);
    }
  }

  #put(key: ObjectKey, before: Held | undefined, after: Held): void {
    if (after.body !== before?.body && bodyHash(after.body) !== after.version.hash) throw new Error(`${key}: wrong body`);
    if (before !== undefined) this.#digest.remove(key, before.version);
    this.#digest.add(key, after.version);
    this.#objects.set(key, after);
    this.#applied(key, after.version.resourceVersion);
  }
}

const NOTHING_TO_SEND: Outbox = {
  pending: () => [],
  answer: () => undefined,
  welcomed: () => undefined,
  release: () => undefined,
  count: () => 0,
  size: () => ({ entries: 0, bytes: 0 }),
  oldest: () => undefined,
  byResource: () => [],
  dropped: () => ({ total: { count: 0, bytes: 0, age: 0 }, untold: 0 }),
  onEntry: () => () => undefined,
  refusals: () => [],
};
