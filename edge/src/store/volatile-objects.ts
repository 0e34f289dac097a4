import { HawserError, type KubeObject } from '@hawser/protocol';
import { compareKeys } from '../api/keys.ts';
import {
  type Change,
  CompactedError,
  ConflictError,
  type CreateWrite,
  type DeleteWrite,
  ExistsError,
  MissingError,
  type StorageKey,
  type UpdateWrite,
  type Write,
} from '../api/storage.ts';

/** Objects of one resource that are kept in memory: a device has one Lease. At the bound a create is refused. */
const MOST_OBJECTS = 16;
/**
 * Changes that a watch may resume behind: with one renewal in ten seconds, those of a quarter of an hour. At the bound the oldest
 * goes, and a watch from before it lists again.
 */
const MOST_CHANGES = 100;

export interface VolatileParts {
  /** The newest revision that was given out, whatever for. */
  readonly revision: () => number;
  /** The next revision, for a change that is not in the database. */
  readonly take: () => number;
  /** Tells whoever listens, behind those who are being told of an earlier change. */
  readonly tell: (change: Change) => void;
}

/**
 * Objects that are written without end and worth nothing after a restart: they cost no write to the disk, and are gone when the
 * agent ends. Their revisions are positions in the one change log of the store, so that versions, lists and watches behave as those of
 * everything else. A watch from before the start is told to list again.
 */
export class VolatileObjects {
  readonly #parts: VolatileParts;
  readonly #objects = new Map<string, { readonly key: StorageKey; readonly object: KubeObject }>();
  readonly #changes: Change[] = [];
  #compacted: number;

  constructor(parts: VolatileParts) {
    this.#parts = parts;
    this.#compacted = parts.revision();
  }

  get(key: StorageKey): KubeObject | undefined {
    return this.#objects.get(idOf(key))?.object;
  }

  list(resource: string, namespace?: string): KubeObject[] {
    return this.#sorted([...this.#objects.values()], resource, namespace);
  }

  /** @throws CompactedError */
  listAt(resource: string, revision: number, namespace?: string): KubeObject[] {
    const past = new Map(this.#objects);
    for (const { key, previous } of this.changesAfter(resource, revision).reverse()) {
      if (previous === undefined) past.delete(idOf(key));
      else past.set(idOf(key), { key, object: previous });
    }
    return this.#sorted([...past.values()], resource, namespace);
  }

  /** @throws CompactedError */
  changesAfter(resource: string, after: number): Change[] {
    if (after < this.#compacted) throw new CompactedError(after, this.#compacted);
    return this.#changes.filter(({ key, revision }) => key.resource === resource && revision > after);
  }

  /** @throws ConflictError, ExistsError, MissingError; HawserError `too_large` at the bound */
  commit(write: Write): KubeObject {
    switch (write.type) {
      case 'create':
        return this.#create(write);
      case 'update':
        return this.#update(write);
      case 'delete':
        return this.#delete(write);
    }
  }

  #create({ key, object }: CreateWrite): KubeObject {
    if (this.#objects.has(idOf(key))) throw new ExistsError(`${nameOf(key)} exists already`);
    if (this.list(key.resource).length >= MOST_OBJECTS) {
      throw new HawserError('too_large', `there are ${MOST_OBJECTS} ${key.resource} already: a device has no use for more`);
    }
    return this.#put('ADDED', key, object, undefined);
  }

  #update({ key, object, expectedRevision }: UpdateWrite): KubeObject {
    return this.#put('MODIFIED', key, object, this.#current(key, expectedRevision));
  }

  #delete({ key, expectedRevision, expectedUid }: DeleteWrite): KubeObject {
    const previous = this.#current(key, expectedRevision);
    if (previous.metadata.uid !== expectedUid) {
      throw new ConflictError(`${nameOf(key)} has another uid: ${previous.metadata.uid}`);
    }
    const revision = this.#parts.take();
    this.#objects.delete(idOf(key));
    return this.#log({ type: 'DELETED', revision, key, object: atRevision(previous, revision), previous });
  }

  #put(type: 'ADDED' | 'MODIFIED', key: StorageKey, given: KubeObject, previous: KubeObject | undefined): KubeObject {
    const revision = this.#parts.take();
    const object = atRevision(given, revision);
    this.#objects.set(idOf(key), { key, object });
    return this.#log({ type, revision, key, object, ...(previous === undefined ? {} : { previous }) });
  }

  #log(change: Change): KubeObject {
    this.#changes.push(change);
    if (this.#changes.length > MOST_CHANGES) this.#compacted = this.#changes.shift()?.revision ?? this.#compacted;
    this.#parts.tell(change);
    return change.object;
  }

  #current(key: StorageKey, expectedRevision: number): KubeObject {
    const object = this.get(key);
    if (object === undefined) throw new MissingError(`${nameOf(key)} does not exist`);
    const { resourceVersion } = object.metadata;
    if (resourceVersion !== String(expectedRevision)) {
      throw new ConflictError(`${nameOf(key)} is at ${resourceVersion}, not at ${expectedRevision}`);
    }
    return object;
  }

  #sorted(
    held: readonly { readonly key: StorageKey; readonly object: KubeObject }[],
    resource: string,
    namespace: string | undefined,
  ): KubeObject[] {
    return held
      .filter(({ key }) => key.resource === resource && (namespace === undefined || key.namespace === namespace))
      .sort((a, b) => compareKeys(a.key, b.key))
      .map(({ object }) => object);
  }
}

function idOf({ resource, namespace, name }: StorageKey): string {
  return `${resource}/${namespace}/${name}`;
}

function nameOf({ resource, namespace, name }: StorageKey): string {
  return `${resource} ${namespace}/${name}`;
}

function atRevision(object: KubeObject, revision: number): KubeObject {
  return { ...object, metadata: { ...object.metadata, resourceVersion: String(revision) } };
}
