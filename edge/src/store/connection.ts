import { HawserError } from '@hawser/protocol';
import Database from 'better-sqlite3';
import { explain } from './explain.ts';
import { looksLikeDatabase, preparePrivateFile } from './files.ts';
import { otherSchema } from './other-schema.ts';
import { APPLICATION_ID, migrate, SCHEMA_VERSION, schemaVersion } from './schema.ts';

/** For a reader of the commands that is in the way of a checkpoint. */
const BUSY_WAIT_MS = 5_000;

/** What the log is cut to when it has been taken into the database; before that it grows as far as one batch needs. */
const LOG_BYTES = 4 * 1024 * 1024;

/** KiB of pages that SQLite keeps in memory; the file's cache of the kernel is behind it. */
const PAGE_CACHE_KIB = 1_024;

/** What SQLite calls a database without a file. */
const MEMORY = ':memory:';

/**
 * Opens the file, makes it when it is missing, and brings it to the present schema.
 * @throws HawserError `store_damaged` for what is no database or does not pass its check, `store_newer`, `bad_config` for what
 * cannot be opened or is another program's database
 */
export function openDatabase(path: string): Database.Database {
  preparePrivateFile(path);
  if (!looksLikeDatabase(path)) throw new HawserError('store_damaged', `${path} is no SQLite database`);
  return ready(path, () => new Database(path, { timeout: BUSY_WAIT_MS }));
}

/**
 * The same without a file.
 * @param image of a database in memory, as its `serialize` gave it; undefined: an empty one
 */
export function openMemoryDatabase(image: Buffer | undefined): Database.Database {
  return ready(MEMORY, () => new Database(image ?? MEMORY));
}

function ready(path: string, open: () => Database.Database): Database.Database {
  let db: Database.Database | undefined;
  try {
    db = open();
    check(db, path);
    configure(db);
    migrate(db);
    return db;
  } catch (cause) {
    db?.close();
    throw explain(cause, path);
  }
}

function check(db: Database.Database, path: string): void {
  const owner = db.pragma('application_id', { simple: true });
  const version = schemaVersion(db);
  if (owner !== APPLICATION_ID && (owner !== 0 || version !== 0 || hasTables(db))) {
    throw new HawserError('bad_config', `${path} is the database of another program: give the store another path`);
  }
  if (version > SCHEMA_VERSION) throw otherSchema(path, version);
  const result = db.pragma('quick_check(1)', { simple: true });
  if (result !== 'ok') throw new HawserError('store_damaged', `${path} does not pass its check: ${String(result)}`);
}

function hasTables(db: Database.Database): boolean {
  return db.prepare('SELECT 1 FROM sqlite_schema LIMIT 1').get() !== undefined;
}

/** Not kept in the file but for the journal mode: set at every open. */
function configure(db: Database.Database): void {
  db.pragma('journal_mode = WAL');
  // What is acknowledged survives a power loss. The library's default in WAL mode is NORMAL, which loses the last commits.
  db.pragma('synchronous = FULL');
  db.pragma('foreign_keys = ON');
  db.pragma('trusted_schema = OFF');
  db.pragma(`journal_size_limit = ${LOG_BYTES}`);
  db.pragma(`cache_size = -${PAGE_CACHE_KIB}`);
}

/** Of the SQLite that is loaded. @throws HawserError where an executable cannot load it */
export function sqliteVersion(): string {
  const db = new Database(MEMORY);
  try {
    return String(db.prepare('SELECT sqlite_version()').pluck().get());
  } finally {
    db.close();
  }
}
