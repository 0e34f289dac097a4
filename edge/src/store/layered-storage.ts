import type { KubeObject } from '@hawser/protocol';
import { asHeld } from '../api/held.ts';
import type { ItemKey } from '../api/keys.ts';
import type { Change, Held, JoinedForm, KeyRange, Storage, StorageKey, Write } from '../api/storage.ts';
import type { SqliteStorage } from './storage.ts';
import type { VolatileObjects } from './volatile-objects.ts';

/** What the local API serves from: the database, and for some resources memory alone. One change log numbers both. */
export class LayeredStorage implements Storage {
  readonly #database: SqliteStorage;
  readonly #memory: VolatileObjects;
  readonly #isVolatile: (resource: string) => boolean;

  constructor(database: SqliteStorage, memory: VolatileObjects, isVolatile: (resource: string) => boolean) {
    this.#database = database;
    this.#memory = memory;
    this.#isVolatile = isVolatile;
  }

  revision(): number {
    return this.#database.revision();
  }

  compactedRevision(): number {
    return this.#database.compactedRevision();
  }

  get(key: StorageKey): KubeObject | undefined {
    return this.#of(key.resource).get(key);
  }

  list(resource: string, namespace?: string): KubeObject[] {
    return this.#of(resource).list(resource, namespace);
  }

  held(resource: string, namespace: string | undefined, name: string | undefined): Held[] {
    if (!this.#isVolatile(resource)) return this.#database.held(resource, namespace, name);
    const held = this.#memory.list(resource, namespace).map(asHeld);
    return name === undefined ? held : held.filter((one) => one.name === name);
  }

  joined(resource: string, namespace: string | undefined, form: JoinedForm, range: KeyRange = {}): Uint8Array | undefined {
    return this.#isVolatile(resource) ? undefined : this.#database.joined(resource, namespace, form, range);
  }

  keyAt(resource: string, namespace: string | undefined, position: number): ItemKey | undefined {
    return this.#isVolatile(resource) ? undefined : this.#database.keyAt(resource, namespace, position);
  }

  listAt(resource: string, revision: number, namespace?: string): KubeObject[] {
    return this.#of(resource).listAt(resource, revision, namespace);
  }

  commit(write: Write): KubeObject {
    return this.#of(write.key.resource).commit(write);
  }

  changesAfter(resource: string, after: number): Change[] {
    return this.#of(resource).changesAfter(resource, after);
  }

  subscribe(resource: string, listener: (change: Change) => void): () => void {
    return this.#database.subscribe(resource, listener);
  }

  subscribeRevision(listener: (revision: number) => void): () => void {
    return this.#database.subscribeRevision(listener);
  }

  #of(resource: string): VolatileObjects | Storage {
    return this.#isVolatile(resource) ? this.#memory : this.#database;
  }
}
