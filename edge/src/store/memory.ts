import type { Database } from 'better-sqlite3';
import { openMemoryDatabase } from './connection.ts';
import { SqliteEdgeStore } from './edge-store.ts';
import { DEFAULT_STORE_LIMITS } from './limits.ts';
import { initialize } from './open.ts';
import { PLAIN } from './seal.ts';
import { applySeal } from './sealing.ts';
import type { EdgeStore, StoreOptions } from './types.ts';

export interface MemoryStoreOptions extends Omit<StoreOptions, 'path'> {
  /** What an earlier store's `image` gave, to go on from there. Default: a new store with a new id. */
  readonly image?: Buffer;
}

/** A store without a file. */
export interface MemoryStore extends EdgeStore {
  /** The open database, for simulations that damage rows, let the disk be full, or read past the store. */
  readonly database: Database;
  /**
   * The whole database as bytes: what would be on disk if the process died now, with `synchronous=FULL`. Some 50 µs. Not to be
   * called within a transaction.
   */
  image(): Buffer;
}

/**
 * The same store over memory, for benchmarks with thousands of agents in one process and for simulations: **nothing of it
 * survives the process**, nothing is durable, no lock is taken. An agent that keeps its promises uses `openStore`.
 * @throws HawserError `store_damaged` for an image that is no database or does not pass its check, `store_newer`
 */
export function openMemoryStore({ image, logger, clock, limits, seal = PLAIN }: MemoryStoreOptions): MemoryStore {
  const database = openMemoryDatabase(image);
  try {
    initialize(database);
    const applied = applySeal({ db: database, path: database.name, seal, logger });
    return new SqliteMemoryStore({
      path: database.name,
      db: database,
      lock: { release: () => undefined },
      logger,
      clock,
      limits: { ...DEFAULT_STORE_LIMITS, ...limits },
      seal: applied,
    });
  } catch (error) {
    database.close();
    throw error;
  }
}

class SqliteMemoryStore extends SqliteEdgeStore implements MemoryStore {
  readonly database: Database;

  constructor(parts: ConstructorParameters<typeof SqliteEdgeStore>[0]) {
    super(parts);
    this.database = parts.db;
  }

  image(): Buffer {
    return this.database.serialize();
  }
}
