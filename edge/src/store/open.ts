import { randomBytes } from 'node:crypto';
import { bodyHash, HawserError } from '@hawser/protocol';
import type { Database } from 'better-sqlite3';
import type { Logger } from 'pino';
import type { Clock } from '../api/clock.ts';
import { openDatabase } from './connection.ts';
import { SqliteEdgeStore } from './edge-store.ts';
import { setAside } from './files.ts';
import { digestOf, HeldSet } from './held-set.ts';
import { DEFAULT_STORE_LIMITS } from './limits.ts';
import { lockStore } from './lock.ts';
import { Meta } from './meta.ts';
import type { EdgeStore, StoreOptions } from './types.ts';

/**
 * Opens the device's store, or begins a new one. A file that is no database or does not pass its check is renamed to
 * `<path>.damaged-<time>`, never overwritten, and a new store begins: the cloud sends its objects again.
 * @throws HawserError `store_newer`, `store_busy`, `bad_config`
 */
export function openStore({ path, logger, clock, limits }: StoreOptions): EdgeStore {
  const lock = lockStore(path);
  let db: Database | undefined;
  try {
    db = openOrBegin(path, logger, clock);
    initialize(db, clock);
    mend(db, logger);
    return new SqliteEdgeStore({ path, db, lock, logger, clock, limits: { ...DEFAULT_STORE_LIMITS, ...limits } });
  } catch (error) {
    db?.close();
    lock.release();
    throw error;
  }
}

function openOrBegin(path: string, logger: Logger, clock: Pick<Clock, 'now'>): Database {
  try {
    return openDatabase(path);
  } catch (err) {
    if (!(err instanceof HawserError && err.code === 'store_damaged')) throw err;
    const keptAs = setAside(path, clock.now());
    logger.error({ err, path, keptAs }, 'store damaged, begun anew');
    return openDatabase(path);
  }
}

/**
 * A new file gets its identity, and its change log begins at the milliseconds since 1970: above every revision that an earlier
 * file on this device can have given out, so that a watch from one is told to list again instead of waiting for ever.
 */
function initialize(db: Database, clock: Pick<Clock, 'now'>): void {
  const meta = new Meta(db);
  if (meta.get('store_id') !== undefined) return;
  const epoch = Math.max(1, clock.now().getTime());
  db.transaction(() => {
    meta.set('store_id', randomBytes(16).toString('hex'));
    meta.set('epoch', String(epoch));
    db.prepare("INSERT INTO sqlite_sequence (name, seq) VALUES ('changes', ?)").run(epoch);
  }).immediate();
}

interface BodyRecord {
  readonly id: number;
  readonly resource: string;
  readonly namespace: string;
  readonly name: string;
  readonly hash: string;
  readonly body: string;
}

/**
 * A page may be well-formed and its text another: bodies that do not have their hash count as refused with the hash that they
 * have, so that the digest differs from the cloud's and they are sent again. What is served stays until then.
 */
function mend(db: Database, logger: Logger): void {
  const broken: { id: number; hash: string; key: string }[] = [];
  const rows = db.prepare<[], BodyRecord>(
    'SELECT id, resource, namespace, name, hash, body FROM objects WHERE body IS NOT NULL AND refused IS NULL',
  );
  for (const { id, resource, namespace, name, hash, body } of rows.iterate()) {
    const actual = bodyHash(body);
    if (actual !== hash) broken.push({ id, hash: actual, key: `${resource}/${namespace}/${name}` });
  }
  const meta = new Meta(db);
  const recorded = meta.get('digest');
  const actual = digestOf(new HeldSet(db).entries()).toString();
  if (recorded !== undefined && recorded !== actual) logger.error({ recorded, actual }, 'store digest does not match its rows');
  if (broken.length === 0 && (recorded === undefined || recorded === actual)) return;
  const refuse = db.prepare<[string, number]>(
    "UPDATE objects SET body = NULL, refused = 'store: body was damaged', hash = ? WHERE id = ?",
  );
  db.transaction(() => {
    for (const { id, hash, key } of broken) {
      logger.error({ key }, 'stored body damaged');
      refuse.run(hash, id);
    }
    meta.set('digest', digestOf(new HeldSet(db).entries()).toString());
  }).immediate();
}
