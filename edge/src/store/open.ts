import { randomBytes, randomInt } from 'node:crypto';
import { HawserError } from '@hawser/protocol';
import { type Database, SqliteError } from 'better-sqlite3';
import type { Logger } from 'pino';
import type { Clock } from '../api/clock.ts';
import { openDatabase, openMemoryDatabase } from './connection.ts';
import { SqliteEdgeStore } from './edge-store.ts';
import { explain } from './explain.ts';
import { setAside } from './files.ts';
import { DEFAULT_STORE_LIMITS } from './limits.ts';
import { lockStore, type StoreLock } from './lock.ts';
import { Meta } from './meta.ts';
import { PLAIN } from './seal.ts';
import { applySeal } from './sealing.ts';
import type { EdgeStore, StoreOptions } from './types.ts';
import { beginRevisionsInMemory, hasLog, hasLostLog, markClosed, markInUse, startOverWithoutLog } from './use-mark.ts';
import { imageOf, isNoRoom } from './without-room.ts';

/**
 * Opens the device's store, or begins a new one. A file that is no database or does not pass its check is renamed to
 * `<path>.damaged-<time>`, never overwritten, and a new store begins: the cloud sends its objects again. One that has lost its log takes
 * an inventory before it says of itself that it is whole.
 * @throws HawserError `store_newer`, `store_busy`, `bad_config`, also for a store whose Secrets lie under another key: it stays as it is
 */
export function openStore(options: StoreOptions): EdgeStore {
  const { path, logger, clock, limits, seal = PLAIN, foreignSeal = 'refuse', factsOfWhole = [] } = options;
  const lock = lockStore(path);
  let db: Database | undefined;
  let isWhole = false;
  // Closing removes the log: what is closed without having been in use must not look as if it had lost it.
  const giveUp = () => {
    try {
      if (db?.open === true && isWhole) markClosed(db);
    } catch (err) {
      // What is told is why it was not opened.
      logger.warn({ err, path }, 'the store is not marked as closed');
    }
    db?.close();
  };
  try {
    const begin = () => {
      const hadLog = hasLog(path);
      const opened = openOrBegin(path, logger, clock);
      db = opened;
      initialize(opened);
      if (hasLostLog(opened, hadLog)) {
        startOverWithoutLog(opened, path, clock.now(), factsOfWhole);
        logger.error({ path }, 'the log of the store is gone: its last writes are lost, and the cloud is asked what is missing');
      }
      isWhole = true;
      const applied = applySeal({ db: opened, path, seal, logger, foreignSeal });
      const parts = { path, db: opened, lock, logger, clock, seal: applied };
      const store = new SqliteEdgeStore({ ...parts, limits: { ...DEFAULT_STORE_LIMITS, ...limits } });
      markInUse(opened);
      return store;
    };
    try {
      return begin();
    } catch (err) {
      // It passed its check, and yet it lacks a table that this schema has, holds rows that cannot be mended, or a page that the
      // check does not look at.
      if (!isDamaged(explain(err, path)) && !(err instanceof SqliteError && err.code === 'SQLITE_ERROR')) throw err;
      db?.close();
      logger.error({ err, path, keptAs: setAside(path, 'damaged', clock.now()) }, 'store damaged, begun anew');
      return begin();
    }
  } catch (error) {
    giveUp();
    const store = options.fullDisk === 'serve' && isNoRoom(error) ? openWithoutRoom(options, lock) : undefined;
    if (store !== undefined) return store;
    lock.release();
    throw error;
  }
}

/**
 * The store out of memory, where the disk has no room for it: as it would have been opened, but that the file stays as it is and nothing
 * is taken. Undefined where nothing could be read either, or there is no store yet: then what was wrong at first is told.
 */
function openWithoutRoom(options: StoreOptions, lock: StoreLock): EdgeStore | undefined {
  const { path, logger, clock, limits, seal = PLAIN, foreignSeal = 'refuse', factsOfWhole = [] } = options;
  let db: Database | undefined;
  try {
    const hadLog = hasLog(path);
    const image = imageOf(path);
    if (image === undefined) return undefined;
    db = openMemoryDatabase(image);
    if (hasLostLog(db, hadLog)) startOverWithoutLog(db, path, clock.now(), factsOfWhole);
    beginRevisionsInMemory(db);
    const applied = applySeal({ db, path, seal, logger, foreignSeal });
    const parts = { path, db, lock, logger, clock, seal: applied, isWithoutRoom: true };
    const store = new SqliteEdgeStore({ ...parts, limits: { ...DEFAULT_STORE_LIMITS, ...limits } });
    logger.error(
      { path },
      'the disk has no room for the store: what it holds is served, and nothing is taken until there is room again',
    );
    return store;
  } catch (err) {
    db?.close();
    logger.error({ err, path }, 'nor could the store be read into memory');
    return undefined;
  }
}

function openOrBegin(path: string, logger: Logger, clock: Pick<Clock, 'now'>): Database {
  try {
    return openDatabase(path);
  } catch (err) {
    if (!isDamaged(err)) throw err;
    const keptAs = setAside(path, 'damaged', clock.now());
    logger.error({ err, path, keptAs }, 'store damaged, begun anew');
    return openDatabase(path);
  }
}

function isDamaged(error: unknown): boolean {
  return error instanceof HawserError && error.code === 'store_damaged';
}

/** Revisions that a file has for itself: more than a device makes in a hundred years, at one a second. */
const REVISIONS_OF_A_FILE = 2 ** 32;
/** Where a file's revisions may begin, in these; all of them are numbers that JavaScript counts exactly. */
const EPOCHS = 2 ** 20;

/**
 * A new file gets its identity, and its change log begins at a place that is drawn at random among so many that no revision which an
 * earlier file of this device has given out is one of its own: it is below where this one begins, or above where it is, and whoever comes
 * with it is told to list again. The clock has no part in it, as a device may not know the time when a file begins.
 */
export function initialize(db: Database): void {
  const meta = new Meta(db);
  if (meta.get('store_id') !== undefined) return;
  const epoch = randomInt(1, EPOCHS) * REVISIONS_OF_A_FILE;
  db.transaction(() => {
    meta.set('store_id', randomBytes(16).toString('hex'));
    meta.set('epoch', String(epoch));
    db.prepare("INSERT INTO sqlite_sequence (name, seq) VALUES ('changes', ?)").run(epoch);
  }).immediate();
}
