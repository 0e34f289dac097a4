import type { KubeObject, Nack, ObjectKey, OperationChange, Report, ReportOutcome, Version } from '@hawser/protocol';
import type { Logger } from 'pino';
import type { Clock } from '../api/clock.ts';
import type { Storage, StorageKey } from '../api/storage.ts';
import type { Size } from './outbox-size.ts';
import type { Seal } from './seal.ts';

export interface StoreOptions {
  /** The database file. Its folder is made with mode 0700 when it is missing. */
  readonly path: string;
  readonly logger: Logger;
  readonly clock: Pick<Clock, 'now'>;
  /** Default {@link DEFAULT_STORE_LIMITS}. */
  readonly limits?: Partial<StoreLimits>;
  /** What Secrets, tokens and answers are kept under. Default PLAIN. */
  readonly seal?: Seal | SealSource;
  /**
   * What is done with a store whose Secrets lie under another key. `refuse`, the default: it is not opened, and stays as it is.
   * `drop`: they go, with tokens, answers and what the device wrote to them; the cloud sends its Secrets again.
   */
  readonly foreignSeal?: 'refuse' | 'drop';
  /** Facts that are forgotten by a store that has lost its log: it cannot say any more that it holds all that it should. Default none. */
  readonly factsOfWhole?: readonly string[];
  /**
   * What is done where the disk has no room to open the store. `fail`, the default. `serve`: what it holds is read into memory and served
   * from there, what is given to it is refused with `too_large`: see `EdgeStore.isWithoutRoom`.
   */
  readonly fullDisk?: 'fail' | 'serve';
}

/**
 * Gives the seal once the file is open.
 * @param stored name of the seal that the store needs; undefined where nothing is sealed yet, and a new key may be made
 * @throws HawserError `bad_config`
 */
export type SealSource = (stored: string | undefined) => Seal;

/** What the store holds at most. What happens at each bound is said at its default in `limits.ts`. */
export interface StoreLimits {
  /** Superseded states that watches and old lists may still ask for. */
  readonly changeLogEntries: number;
  /** Characters of JSON in those states. */
  readonly changeLogSize: number;
  /** Writes that wait for their answer. */
  readonly outboxEntries: number;
  /** Bytes of JSON in them. */
  readonly outboxBytes: number;
  /** Event objects that were made on the device. */
  readonly events: number;
  /** Bytes of JSON in what the device has written of them. */
  readonly eventBytes: number;
  /** Milliseconds for which an Event waits for the cloud, from its last count. */
  readonly eventAgeMs: number;
  /** Refused reports that are remembered for `status`. */
  readonly refusals: number;
  /** ServiceAccount tokens. */
  readonly tokens: number;
  /** Answers about objects that were asked for. */
  readonly answers: number;
  /** Bytes of those answers. */
  readonly answersSize: number;
}

/**
 * The device's database: what the cloud wants here, what the local API serves, and what the cloud still has to be told.
 * One process writes it; everything is synchronous, and what a method has returned from is on disk.
 */
export interface EdgeStore {
  /** There was no room on the disk to open it: it lies in memory, takes nothing from the cloud or the device but answers to what was sent, facts and Leases, and is to be opened anew when there is room. */
  readonly isWithoutRoom: boolean;
  readonly path: string;
  /** What the local API serves from. */
  readonly storage: Storage;
  readonly outbox: Outbox;
  readonly recheck: Recheck;
  readonly tokens: Tokens;
  readonly answers: KeptAnswers;
  /** The object as the local API serves it, where the cloud sends it here by itself; undefined also for a refused version. */
  synced(key: StorageKey): KubeObject | undefined;
  identity(): StoreIdentity;
  /**
   * Takes that cluster for good. Binding the same again does nothing.
   * @throws HawserError `wrong_cluster` when the store belongs to another
   */
  bindCluster(uid: string): void;
  /**
   * The API server was restored from a backup: the versions that answers have named so far mean nothing any more. A write that
   * has such an answer ends with the next version of its object that comes, whichever that is. Kept answers to questions go: they are
   * of a past that this cluster does not have. To be called before anything of the new epoch is taken; may be called again.
   */
  outdateAnswers(): void;
  /**
   * All that is held was compared in this epoch and is right. Writes that `outdateAnswers` has found end, in the same
   * transaction: what they wrote is in the restored cluster or is not, and whoever wrote it sees which. Tokens of pods that are not here
   * go, which until now might have been pods whose rows were lost.
   */
  enterEpoch(epoch: number): void;
  /** Of everything that the cloud has sent and that is not deleted since: 32 hex digits, see protocol's Digest. */
  digest(): string;
  /** How many entries that digest counts. */
  objectCount(): number;
  /**
   * Every entry that the digest counts, by key. Rows that are damaged are mended first, so it and the digest agree. Read it to its
   * end before anything else is done with the store.
   */
  inventory(): Iterable<HeldObject>;
  /**
   * One batch in one transaction, in order, with the facts. An operation that cannot be taken is refused with a nack, and the
   * rest stands.
   * @throws HawserError `wrong_cluster` when `clusterUid` is not the cluster that the store is bound to; then nothing is applied
   */
  applyBatch(clusterUid: string, operations: readonly ResolvedOperation[], facts?: Readonly<Record<string, string>>): BatchResult;
  /** Remembers a small text under a name, for `status` and across restarts. At most 4,096 characters, longer ones are cut. */
  setFact(name: string, value: string): void;
  /** Several in one transaction. */
  setFacts(facts: Readonly<Record<string, string>>): void;
  fact(name: string): string | undefined;
  facts(): Readonly<Record<string, string>>;
  /** The cluster's public keys for tokens, as `setClusterKeys` was given them. */
  clusterKeys(): string | undefined;
  setClusterKeys(text: string): void;
  /** As SQLite says it of the open connection: `wal` and `full`, or what is acknowledged does not survive a power loss. */
  durability(): { readonly journal: string; readonly synchronous: 'off' | 'normal' | 'full' | 'extra' };
  close(): void;
}

/**
 * What may be wrong with a row of the store.
 * - row: key or version are not what was written
 * - lost: the row is gone
 * - body: the cloud's body is not what was written
 * - write: an open write of the device cannot be read
 * - served: what the local API serves is not what follows from the row
 */
export type Damage = 'row' | 'lost' | 'body' | 'write' | 'served';

/** Reads the rows again, one after the other, and mends what is not as it was written. */
export interface Recheck {
  /**
   * Reads the next row from the file, past SQLite's own cache.
   * @returns whether that was the last of a round
   * @throws HawserError `store_damaged` where the file cannot be read: the next call goes on behind that place
   */
  step(): boolean;
  /** Rows in the store, those that are only here included. */
  rows(): number;
  stats(): RecheckStats;
}

/** Since the store was opened. Damage that was found at the opening is counted too. */
export interface RecheckStats {
  readonly rows: number;
  readonly rounds: number;
  /** Places that could not be read. */
  readonly failures: number;
  readonly damaged: Readonly<Record<Damage, number>>;
}

export interface StoreIdentity {
  /** 32 hex digits, random, made with the file. */
  readonly storeId: string;
  /** Undefined until the first relay has said to which cluster it belongs. */
  readonly clusterUid: string | undefined;
  /** Of the cluster, in which all that is held was last found to be right; undefined before the first time. */
  readonly epoch: number | undefined;
}

export interface HeldObject {
  readonly key: ObjectKey;
  readonly version: Version;
  /** The version was refused: no body of it is held. */
  readonly refused: boolean;
}

/** An operation of the link whose session number has been turned into the key. */
export interface ResolvedOperation {
  readonly key: ObjectKey;
  readonly change: OperationChange;
}

export interface BatchResult {
  readonly nacks: readonly OperationNack[];
  /** After the batch. */
  readonly digest: string;
}

/** `operation` is the index within the batch. */
export interface OperationNack extends Omit<Nack, 'object'> {
  readonly operation: number;
}

/** Writes that were made on the device and that the cloud has not answered yet, durable since the write returned. */
export interface Outbox {
  /**
   * At most `limit` reports that may be sent now: oldest first, those of Events after all others; they count as in flight from here on and do not come again
   * before `release`, or `answer` with `unavailable`. At most one per object is in flight, so that order is kept per object.
   * What names an object whose uid the cloud has not said yet waits for that; what `isHeld` says yes to waits too.
   */
  pending(limit: number, isHeld?: (key: StorageKey) => boolean): Report[];
  /**
   * What the cloud said. Unknown numbers are ignored: an answer may come twice.
   * - applied, refused: the entry is gone from the outbox, in the same transaction as all that follows from it
   * - unavailable: it may be sent again at once; the caller waits `retryAfterMs` before it asks `pending`
   */
  answer(number: number, outcome: ReportOutcome): void;
  /**
   * A relay has welcomed us. Events that waited longer than their bound go; if any were dropped since the cloud was told last, one Event
   * on the Node of that name tells how many. From here to `release` losses are told as soon as the last telling has its answer.
   */
  welcomed(nodeName: string): void;
  /** The link is gone: everything in flight may be sent again. Restarting does the same. */
  release(): void;
  /** Entries without an answer, in flight or not. */
  count(): number;
  size(): Size;
  /** When the oldest entry without an answer was written (RFC 3339); undefined where there is none. */
  oldest(): string | undefined;
  /** Entries by resource, those with the most first, at most so many. Reads them all. */
  byResource(most: number): readonly { readonly resource: string; readonly entries: number }[];
  dropped(): DroppedEvents;
  /** Calls `listener` after each change that may have made something pending. Returns the end of the subscription. */
  onEntry(listener: () => void): () => void;
  /** Newest first. */
  refusals(): readonly Refusal[];
}

/**
 * ServiceAccount tokens, the newest for each key. They are for the pods that they are bound to and for nobody else: no command
 * shows them, and they are in no object.
 */
export interface Tokens {
  /** Undefined also for one that cannot be read. */
  get(key: TokenKey): KeptToken | undefined;
  /**
   * In place of the one before. Goes in the transaction in which the pod goes.
   * @returns false when the pod of that uid is not here (any more): then it is not kept
   */
  put(key: TokenKey, token: KeptToken): boolean;
  /** All of that pod: the cloud has said that the pod or its ServiceAccount is gone. */
  removeOfPod(podUid: string): void;
  count(): number;
}

export interface TokenKey {
  readonly namespace: string;
  /** Does not tell keys apart: the uid does. */
  readonly podName: string;
  readonly podUid: string;
  readonly serviceAccount: string;
  /** As asked for, sorted, each once; empty for the API server's own. */
  readonly audiences: readonly string[];
  /** As asked for. */
  readonly expirationSeconds: number;
}

/** Times in milliseconds since 1970. */
export interface KeptToken {
  /** The TokenRequest as the cloud has answered it: JSON. */
  readonly body: string;
  /** By the cloud's clock: `status.expirationTimestamp` less the lifetime. */
  readonly issuedAt: number;
  /** When the answer came, by the device's clock. */
  readonly keptAt: number;
  /** `status.expirationTimestamp`. */
  readonly expiresAt: number;
  /** `exp` in the JWT, which may be a year later. */
  readonly validUntil: number;
}

/**
 * The last answer of the cloud about each object that was asked for. Only what says something about the object is kept: that it is
 * so, or that there is none.
 */
export interface KeptAnswers {
  /** Undefined also for one that cannot be read. How old is too old is the reader's to say. Counts as asked for. */
  get(key: StorageKey): KeptAnswer | undefined;
  /** In place of the one before. */
  put(key: StorageKey, answer: KeptAnswer): void;
  /** How many there are, and their bytes. */
  stats(): { readonly answers: number; readonly size: number };
}

/** `readAt`: when it came, in milliseconds since 1970 by the device's clock. `from` is that of the relay's query table. */
export type KeptAnswer =
  /** `body`: the object as JSON. */
  | { readonly type: 'found'; readonly readAt: number; readonly from: 'cache' | 'live'; readonly body: string }
  | { readonly type: 'notFound'; readonly readAt: number; readonly from: 'cache' | 'live'; readonly message: string };

/** Which bound took an Event: its number, the bytes of all, or its age. */
export type DropReason = 'count' | 'bytes' | 'age';

/** Events that were dropped before the cloud was told of them. */
export interface DroppedEvents {
  /** Since the store began. */
  readonly total: Readonly<Record<DropReason, number>>;
  /** Of these, the ones that no Event on the Node has told of yet. */
  readonly untold: number;
}

/** A report that the cloud has refused for good. */
export interface Refusal {
  readonly number: number;
  readonly key: StorageKey;
  readonly verb: WriteVerb;
  readonly subresource: string;
  readonly code: number;
  readonly reason: string;
  readonly message: string;
  /** RFC 3339. */
  readonly time: string;
}

/**
 * - create: an object that was born here
 * - patch: any change of it
 * - mark: the first half of a graceful delete: it has a deletionTimestamp and is still served
 * - delete: it is gone here
 */
export type WriteVerb = 'create' | 'patch' | 'mark' | 'delete';

/** The store as the commands read it, beside a running agent or without one. */
export interface ReadonlyStore {
  readonly path: string;
  /** Whether an agent has the store open now. Where not, facts such as the link's state are those of its last run. */
  readonly running: boolean;
  identity(): StoreIdentity;
  get(key: StorageKey): KubeObject | undefined;
  /** As `EdgeStore.synced`. */
  synced(key: StorageKey): KubeObject | undefined;
  /** As `KeptAnswers.get`. */
  answer(key: StorageKey): KeptAnswer | undefined;
  /** As served by the local API, sorted by namespace and name. */
  list(resource: string, namespace?: string): KubeObject[];
  /** Served objects of each resource, sorted by resource. */
  counts(): readonly { readonly resource: string; readonly objects: number }[];
  facts(): Readonly<Record<string, string>>;
  outboxCount(): number;
  outboxSize(): Size;
  droppedEvents(): DroppedEvents;
  /** Oldest first, at most `limit`. */
  outboxEntries(limit: number): readonly OutboxEntry[];
  refusals(): readonly Refusal[];
  /** Versions that the agent could not take from the cloud. */
  refusedObjects(): readonly { readonly key: ObjectKey; readonly version: Version; readonly reason: string }[];
  /** What SQLite says of the file: `ok` alone, or at most some lines about what is damaged. Reads all of it. */
  check(): readonly string[];
  digest(): string;
  objectCount(): number;
  revision(): number;
  /** Name of the seal with a key that Secrets, tokens and answers lie under; undefined where none does. Needs no key. */
  seal(): string | undefined;
  /** Bytes of the files on disk. */
  sizes(): { readonly database: number; readonly log: number };
  close(): void;
}

export interface OutboxEntry {
  readonly number: number;
  readonly key: StorageKey;
  readonly verb: WriteVerb;
  readonly subresource: string;
  /** RFC 3339: when the oldest write in it was made; of an Event the newest. */
  readonly time: string;
  /** Of its body. */
  readonly bytes: number;
}
