import { HawserError, type KubeObject } from '@hawser/protocol';
import type { Database } from 'better-sqlite3';
import type { Logger } from 'pino';
import type { Clock } from '../api/clock.ts';
import { isVolatile } from '../api/device/surface.ts';
import type { Storage, StorageKey } from '../api/storage.ts';
import { AnswerTable } from './answers.ts';
import { BatchApplier } from './batch.ts';
import { ChangeLog } from './change-log.ts';
import { DroppedEventTable } from './dropped-events.ts';
import { Flight } from './flight.ts';
import { HeldSet } from './held-set.ts';
import { LayeredStorage } from './layered-storage.ts';
import { LocalEvents } from './local-events.ts';
import type { StoreLock } from './lock.ts';
import { LossEvent } from './loss-event.ts';
import { mend } from './mend.ts';
import { RowMender } from './mend-row.ts';
import { Meta } from './meta.ts';
import { Objects } from './objects.ts';
import { OutboxTable } from './outbox.ts';
import { OutboxRoom } from './outbox-room.ts';
import { OutboxSize } from './outbox-size.ts';
import { RowRecheck } from './recheck.ts';
import { RowTable } from './row-table.ts';
import type { Seal } from './seal.ts';
import { SealedTexts } from './sealed-texts.ts';
import { SqliteStorage } from './storage.ts';
import { Subscribers } from './subscribers.ts';
import { SyncedReader } from './synced-reader.ts';
import { TokenTable } from './tokens.ts';
import { Transactions } from './transactions.ts';
import type {
  BatchResult,
  EdgeStore,
  HeldObject,
  KeptAnswers,
  Outbox,
  Recheck,
  ResolvedOperation,
  StoreIdentity,
  StoreLimits,
  Tokens,
} from './types.ts';
import { UnloggedRevisions } from './unlogged-revisions.ts';
import { markClosed } from './use-mark.ts';
import { VolatileObjects } from './volatile-objects.ts';
import { refusal } from './without-room.ts';

export interface EdgeStoreParts {
  readonly path: string;
  readonly db: Database;
  readonly lock: StoreLock;
  readonly logger: Logger;
  readonly clock: Pick<Clock, 'now'>;
  readonly limits: StoreLimits;
  readonly seal: Seal;
  /** See `EdgeStore.isWithoutRoom`. */
  readonly isWithoutRoom?: boolean;
}

/** By the number that the pragma gives (SQLite, "PRAGMA synchronous"). */
const SYNCHRONOUS = ['off', 'normal', 'full', 'extra'] as const;

export class SqliteEdgeStore implements EdgeStore {
  readonly path: string;
  readonly isWithoutRoom: boolean;
  readonly storage: Storage;
  readonly outbox: Outbox;
  readonly recheck: Recheck;
  readonly tokens: Tokens;
  readonly answers: KeptAnswers;
  readonly #answers: AnswerTable;
  readonly #tokens: TokenTable;
  readonly #synced: SyncedReader;
  readonly #rechecked: RowRecheck;
  /** Whether all that is held was found to be right since the store was opened. */
  #isCompared = false;
  readonly #db: Database;
  readonly #logger: Logger;
  readonly #lock: StoreLock;
  readonly #meta: Meta;
  readonly #held: HeldSet;
  readonly #objects: Objects;
  readonly #batches: BatchApplier;
  readonly #transactions: Transactions;

  constructor({ path, db, lock, logger, clock, limits, seal, isWithoutRoom = false }: EdgeStoreParts) {
    const transactions = new Transactions(db);
    const subscribers = new Subscribers(logger);
    const texts = new SealedTexts(seal);
    const log = new ChangeLog(db, limits, texts);
    const held = new HeldSet(db);
    const meta = new Meta(db);
    const tokens = new TokenTable({ db, transactions, seal, logger, limits });
    const objects = new Objects(new RowTable(db, texts), log, (change) => {
      tokens.changed(change);
      transactions.afterCommit(() => subscribers.publish(change));
    });
    const flight = new Flight(db, transactions);
    const size = new OutboxSize(db);
    const dropped = new DroppedEventTable(db);
    const loss = new LossEvent({ objects, dropped, meta, clock, limits });
    const events = new LocalEvents({ db, objects, flight, size, dropped, loss, logger, clock, limits });
    const room = new OutboxRoom({ size, events, limits });
    const bookkeeping = { flight, size, events, dropped, loss };
    const outbox = new OutboxTable({ db, transactions, objects, ...bookkeeping, texts, logger, clock, limits });
    transactions.derive(log);
    transactions.derive(held);
    const mender = new RowMender({ db, objects, log, held, texts, logger });
    transactions.run(() => {
      mend({ db, held, meta, mender, logger });
      size.recount();
    });
    if (isWithoutRoom) transactions.refuse(() => refusal(path));
    this.path = path;
    this.isWithoutRoom = isWithoutRoom;
    const revisions = new UnloggedRevisions(log, meta, transactions);
    const memory = new VolatileObjects({
      revision: () => log.revision,
      take: () => revisions.take(),
      tell: (change) => transactions.inTurn(() => subscribers.publish(change)),
    });
    const database = new SqliteStorage({
      db,
      transactions,
      objects,
      log,
      outbox,
      room,
      flight,
      events,
      subscribers,
      texts,
      clock,
    });
    this.storage = new LayeredStorage(database, memory, isVolatile);
    this.outbox = outbox;
    this.tokens = tokens;
    this.#tokens = tokens;
    this.#answers = new AnswerTable({ db, transactions, seal, logger, limits });
    this.answers = this.#answers;
    this.#synced = new SyncedReader(db, texts);
    this.#rechecked = new RowRecheck({ db, transactions, held, meta, mender });
    this.recheck = this.#rechecked;
    this.#db = db;
    this.#logger = logger;
    this.#lock = lock;
    this.#meta = meta;
    this.#held = held;
    this.#objects = objects;
    this.#batches = new BatchApplier(objects, held);
    this.#transactions = transactions;
  }

  synced(key: StorageKey): KubeObject | undefined {
    return this.#synced.get(key);
  }

  identity(): StoreIdentity {
    return this.#meta.identity();
  }

  bindCluster(uid: string): void {
    const { clusterUid } = this.identity();
    if (clusterUid === uid) return;
    if (clusterUid !== undefined) throw this.#wrongCluster(clusterUid, uid);
    this.#transactions.run(() => this.#meta.set('cluster_uid', uid));
  }

  outdateAnswers(): void {
    const outdate = () => {
      this.#objects.rows.outdateAnswers();
      this.#answers.removeAll();
    };
    this.#transactions.run(outdate, { evenRefusing: true });
  }

  enterEpoch(epoch: number): void {
    const isEntered = this.identity().epoch === epoch;
    if (isEntered && this.#isCompared) return;
    const enter = () => {
      this.#tokens.dropOrphans();
      this.#transactions.afterCommit(() => {
        this.#isCompared = true;
      });
      if (isEntered) return;
      this.#meta.set('cluster_epoch', String(epoch));
      for (const id of this.#objects.rows.removeOutdated()) this.#objects.refresh(id);
    };
    // In memory until the process ends: the next one compares anew.
    this.#transactions.run(enter, { evenRefusing: true });
  }

  digest(): string {
    return this.#held.digest;
  }

  objectCount(): number {
    return this.#held.count;
  }

  inventory(): Iterable<HeldObject> {
    this.#rechecked.checkVersions();
    return this.#held.entries();
  }

  applyBatch(
    clusterUid: string,
    operations: readonly ResolvedOperation[],
    facts: Readonly<Record<string, string>> = {},
  ): BatchResult {
    const bound = this.identity().clusterUid;
    if (bound !== clusterUid) throw this.#wrongCluster(bound, clusterUid);
    return this.#transactions.run(() => {
      const nacks = this.#batches.apply(operations);
      const digest = this.digest();
      if (operations.length > 0) this.#meta.set('digest', digest);
      for (const [name, value] of Object.entries(facts)) this.#meta.setFact(name, value);
      return { nacks, digest };
    });
  }

  setFact(name: string, value: string): void {
    this.setFacts({ [name]: value });
  }

  setFacts(facts: Readonly<Record<string, string>>): void {
    const changed = Object.entries(facts).filter(([name, value]) => this.#meta.fact(name) !== value);
    if (changed.length === 0) return;
    const note = () => {
      for (const [name, value] of changed) this.#meta.setFact(name, value);
    };
    // How the agent is, and not what it was given: of a store in memory it is worth what it is until the process ends.
    this.#transactions.run(note, { evenRefusing: true });
  }

  fact(name: string): string | undefined {
    return this.#meta.fact(name);
  }

  facts(): Readonly<Record<string, string>> {
    return this.#meta.facts();
  }

  clusterKeys(): string | undefined {
    return this.#meta.get('cluster_keys');
  }

  setClusterKeys(text: string): void {
    if (text === this.clusterKeys()) return;
    this.#transactions.run(() => this.#meta.set('cluster_keys', text));
  }

  durability(): ReturnType<EdgeStore['durability']> {
    const level = Number(this.#db.pragma('synchronous', { simple: true }));
    return {
      journal: String(this.#db.pragma('journal_mode', { simple: true })),
      synchronous: SYNCHRONOUS[level] ?? 'off',
    };
  }

  close(): void {
    if (this.#db.open) this.#markClosed();
    this.#db.close();
    this.#lock.release();
  }

  #markClosed(): void {
    try {
      markClosed(this.#db);
    } catch (err) {
      // A full disk: the log stays then, too.
      this.#logger.error({ err }, 'the store is not marked as closed');
    }
  }

  #wrongCluster(bound: string | undefined, offered: string): HawserError {
    const own = bound === undefined ? 'no cluster yet' : `the cluster ${bound}`;
    return new HawserError(
      'wrong_cluster',
      `the store ${this.path} belongs to ${own}, the relay speaks for ${offered}: ` +
        'point the agent at its own relay, or move the store away to join this cluster',
    );
  }
}
