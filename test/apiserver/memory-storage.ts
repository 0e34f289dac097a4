import {
  type Change,
  CompactedError,
  ConflictError,
  compareKeys,
  ExistsError,
  MissingError,
  type Storage,
  type StorageKey,
  type Write,
} from '@hawser/edge';
import type { KubeObject } from '@hawser/protocol';

/** Changes kept for watches and old lists. At the bound the oldest go, and who asks for them gets CompactedError. */
export const DEFAULT_CHANGE_LOG_LIMIT = 10_000;

export interface MemoryStorageOptions {
  /** Revision before the first change; a real cluster is never at 0 either. Default 1. */
  readonly startRevision?: number;
  /** What is there from the beginning, of an earlier storage at `startRevision`; each with its resourceVersion. Default nothing. */
  readonly objects?: Iterable<{ readonly key: StorageKey; readonly object: KubeObject }>;
  /** Changes, default {@link DEFAULT_CHANGE_LOG_LIMIT}. */
  readonly changeLogLimit?: number;
}

/**
 * A Storage that lives as long as the process: the etcd of the embedded API server.
 * Older states are not kept: `listAt` undoes the logged changes one by one from the present, because reads of the past are rare.
 */
export class MemoryStorage implements Storage {
  readonly #changeLogLimit: number;
  readonly #tables = new Map<string, Table>();
  readonly #listeners = new Map<string, Set<(change: Change) => void>>();
  readonly #revisionListeners = new Set<(revision: number) => void>();
  /** Told in the order of commits even when a listener commits: such a change waits until all have heard the one before. */
  readonly #untold: Change[] = [];
  #telling = false;
  /** Consecutive revisions; the first is `#compacted + 1`. */
  #log: Change[] = [];
  #revision: number;
  #compacted: number;

  constructor(options: MemoryStorageOptions = {}) {
    this.#revision = options.startRevision ?? 1;
    this.#compacted = this.#revision;
    this.#changeLogLimit = options.changeLogLimit ?? DEFAULT_CHANGE_LOG_LIMIT;
    for (const { key, object } of options.objects ?? []) this.#table(key.resource).put(key, object);
  }

  revision(): number {
    return this.#revision;
  }

  compactedRevision(): number {
    return this.#compacted;
  }

  get(key: StorageKey): KubeObject | undefined {
    return this.#tables.get(key.resource)?.get(key);
  }

  list(resource: string, namespace?: string): KubeObject[] {
    return this.#tables.get(resource)?.list(namespace) ?? [];
  }

  listAt(resource: string, revision: number, namespace?: string): KubeObject[] {
    this.#requireKnown(revision);
    const undone = this.#log.slice(revision - this.#compacted).filter((change) => change.key.resource === resource);
    if (undone.length === 0) return this.list(resource, namespace);
    const past = new Table(this.#tables.get(resource));
    for (const change of undone.reverse()) past.undo(change);
    return past.list(namespace);
  }

  commit(write: Write): KubeObject {
    const change = this.#change(write);
    this.#table(write.key.resource).apply(change);
    this.#revision = change.revision;
    this.#log.push(change);
    if (this.#log.length > this.#changeLogLimit) this.compact(this.#revision - this.#changeLogLimit);
    this.#tell(change);
    return change.object;
  }

  changesAfter(resource: string, after: number): Change[] {
    this.#requireKnown(after);
    return this.#log.slice(Math.max(0, after - this.#compacted)).filter((change) => change.key.resource === resource);
  }

  subscribe(resource: string, listener: (change: Change) => void): () => void {
    const listeners = this.#listeners.get(resource) ?? new Set();
    this.#listeners.set(resource, listeners);
    listeners.add(listener);
    return () => listeners.delete(listener);
  }

  subscribeRevision(listener: (revision: number) => void): () => void {
    this.#revisionListeners.add(listener);
    return () => this.#revisionListeners.delete(listener);
  }

  /** Forgets the changes up to and including that revision, as etcd's compaction does. */
  compact(revision: number): void {
    const target = Math.min(revision, this.#revision);
    if (target <= this.#compacted) return;
    this.#log.splice(0, target - this.#compacted);
    this.#compacted = target;
  }

  /**
   * A fault: goes back to an older state, as a cluster restored from a backup does. Nobody is told, and revisions that were
   * handed out are handed out again; whoever runs the server cuts the open watches.
   * @throws CompactedError
   */
  rewind(revision: number): void {
    this.#requireKnown(revision);
    const undone = this.#log.splice(revision - this.#compacted);
    for (const change of undone.reverse()) this.#table(change.key.resource).undo(change);
    this.#revision = Math.min(revision, this.#revision);
  }

  #requireKnown(revision: number): void {
    if (revision < this.#compacted) throw new CompactedError(revision, this.#compacted);
  }

  #table(resource: string): Table {
    const known = this.#tables.get(resource);
    if (known !== undefined) return known;
    const table = new Table();
    this.#tables.set(resource, table);
    return table;
  }

  #change(write: Write): Change {
    const { key } = write;
    const name = `${key.resource} ${key.namespace}/${key.name}`;
    const revision = this.#revision + 1;
    const previous = this.get(key);
    if (write.type === 'create') {
      if (previous !== undefined) throw new ExistsError(`${name} exists already`);
      return { type: 'ADDED', revision, key, object: atRevision(write.object, revision) };
    }
    if (previous === undefined) throw new MissingError(`${name} does not exist`);
    if (previous.metadata.resourceVersion !== String(write.expectedRevision)) {
      throw new ConflictError(`${name} is at ${previous.metadata.resourceVersion}, not at ${write.expectedRevision}`);
    }
    if (write.type === 'update') {
      return { type: 'MODIFIED', revision, key, object: atRevision(write.object, revision), previous };
    }
    if (previous.metadata.uid !== write.expectedUid) throw new ConflictError(`${name} has another uid: ${previous.metadata.uid}`);
    return { type: 'DELETED', revision, key, object: atRevision(previous, revision), previous };
  }

  #tell(change: Change): void {
    this.#untold.push(change);
    if (this.#telling) return;
    this.#telling = true;
    try {
      for (let next = this.#untold.shift(); next !== undefined; next = this.#untold.shift()) {
        for (const listener of this.#listeners.get(next.key.resource) ?? []) listener(next);
        for (const listener of this.#revisionListeners) listener(next.revision);
      }
    } finally {
      this.#telling = false;
    }
  }
}

function atRevision(object: KubeObject, revision: number): KubeObject {
  return { ...object, metadata: { ...object.metadata, resourceVersion: String(revision) } };
}

/** The objects of one resource. Sorting is put off until somebody lists after a create or delete. */
class Table {
  readonly #objects: Map<string, Row>;
  #sorted: Row[] | undefined;

  constructor(copyOf?: Table) {
    // Rows are changed in place: a copy has its own.
    this.#objects = new Map([...(copyOf?.entries() ?? [])].map(([id, row]) => [id, { ...row }]));
  }

  entries(): Iterable<[string, Row]> {
    return this.#objects.entries();
  }

  get(key: StorageKey): KubeObject | undefined {
    return this.#objects.get(rowId(key))?.object;
  }

  list(namespace: string | undefined): KubeObject[] {
    this.#sorted ??= [...this.#objects.values()].sort((a, b) => compareKeys(a.key, b.key));
    const rows = namespace === undefined ? this.#sorted : this.#sorted.filter((row) => row.key.namespace === namespace);
    return rows.map((row) => row.object);
  }

  apply(change: Change): void {
    this.put(change.key, change.type === 'DELETED' ? undefined : change.object);
  }

  undo(change: Change): void {
    this.put(change.key, change.previous);
  }

  /** Undefined removes. */
  put(key: StorageKey, object: KubeObject | undefined): void {
    const id = rowId(key);
    const row = this.#objects.get(id);
    if (row !== undefined && object !== undefined) {
      row.object = object;
      return;
    }
    this.#sorted = undefined;
    if (object === undefined) this.#objects.delete(id);
    else this.#objects.set(id, { key, object });
  }
}

interface Row {
  readonly key: StorageKey;
  object: KubeObject;
}

function rowId(key: StorageKey): string {
  return `${key.namespace}/${key.name}`;
}
