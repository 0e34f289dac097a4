import type { KubeObject } from '@hawser/protocol';
import type { Database } from 'better-sqlite3';
import type { StorageKey } from '../api/storage.ts';
import { parseServed } from './change-log.ts';
import { about, type SealedTexts } from './sealed-texts.ts';

/** Reads of what is served only what the cloud has sent: neither what is only here, nor what stands in for a refused version. */
export class SyncedReader {
  readonly #one: ReturnType<typeof prepare>;
  readonly #texts: SealedTexts;

  constructor(db: Database, texts: SealedTexts) {
    this.#texts = texts;
    this.#one = prepare(db);
  }

  get({ resource, namespace, name }: StorageKey): KubeObject | undefined {
    const record = this.#one.get(resource, namespace, name);
    return record && parseServed(this.#texts.take(record.object, about.change(record.revision)), record.revision);
  }
}

function prepare(db: Database) {
  return db.prepare<[string, string, string], { object: string; revision: number }>(
    `SELECT c.object, o.revision FROM objects AS o JOIN changes AS c ON c.revision = o.revision
     WHERE o.resource = ? AND o.namespace = ? AND o.name = ? AND o.uid IS NOT NULL AND o.refused IS NULL`,
  );
}
