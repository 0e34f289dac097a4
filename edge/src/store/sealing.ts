import { HawserError } from '@hawser/protocol';
import { type Database, SqliteError } from 'better-sqlite3';
import type { Logger } from 'pino';
import { isKeySealName } from './key-seal.ts';
import { Meta } from './meta.ts';
import { type Position, resealStep } from './reseal.ts';
import { PLAIN, type Seal } from './seal.ts';
import { sealNameOf } from './sealed-texts.ts';
import type { StoreOptions } from './types.ts';

/** Rows between two lines of the log. */
const PROGRESS_ROWS = 1_000;

/** Names of the seals that rows lie under, `plain` for those that are not sealed and should be. */
export type SealNames = ReadonlySet<string>;

/**
 * What is to be done before the store is read.
 * - ready: all that is sealed lies under this seal, or there is nothing
 * - seal: some of it lies there as it is
 * - scrub: it does no more, but the file may still show what it was
 * - foreign: it lies under another key
 */
export type SealPlan = 'ready' | 'seal' | 'scrub' | 'foreign';

/**
 * The rows decide, since each names its seal. A single one under another name is damage, which is mended; only where none lies under
 * this seal, and the store does not remember it either, is the key another.
 */
export function planSealing(own: string, stored: SealNames, remembered: string | undefined): SealPlan {
  const hasForeign = [...stored].some((name) => name !== own && name !== PLAIN.name);
  if (own === PLAIN.name) return hasForeign ? 'foreign' : 'ready';
  if (hasForeign && !stored.has(own) && remembered !== own) return 'foreign';
  if (stored.has(PLAIN.name)) return 'seal';
  return remembered === own ? 'ready' : 'scrub';
}

export interface SealingParts extends Pick<StoreOptions, 'logger' | 'foreignSeal'> {
  readonly db: Database;
  readonly path: string;
  readonly seal: NonNullable<StoreOptions['seal']>;
}

/**
 * Brings the file under the seal, and gives it. Sealed in steps, each a transaction of its own: killed in the middle, the next open goes
 * on. What was there before is overwritten at the end (`scrub`).
 * @throws HawserError `bad_config` for a store of another key
 */
export function applySeal({ db, path, seal: given, logger, foreignSeal = 'refuse' }: SealingParts): Seal {
  const meta = new Meta(db);
  const stored = sealNames(db);
  const remembered = meta.get('seal');
  const seal = typeof given === 'function' ? given(neededSeal(stored, remembered)) : given;
  const plan = planSealing(seal.name, stored, remembered);
  switch (plan) {
    case 'foreign':
      if (foreignSeal === 'refuse') throw foreign(path, seal, stored);
      dropForeign(db, seal);
      logger.warn({ path }, 'Secrets of another key dropped');
      sealPlain(db, seal, logger);
      scrub(db, seal, meta, logger);
      break;
    case 'seal':
      sealPlain(db, seal, logger);
      scrub(db, seal, meta, logger);
      break;
    case 'scrub':
      scrub(db, seal, meta, logger);
      break;
    case 'ready':
      if (remembered !== seal.name) meta.set('seal', seal.name);
      break;
  }
  return seal;
}

/** The seal that a store needs; undefined where nothing lies under a key. */
export function storedSeal(db: Database): string | undefined {
  return neededSeal(sealNames(db), new Meta(db).get('seal'));
}

function neededSeal(stored: SealNames, remembered: string | undefined): string | undefined {
  const names = [...stored].filter(isKeySealName);
  if (remembered !== undefined && names.includes(remembered)) return remembered;
  return names[0];
}

/** Reads the first characters of each text that is to be sealed. */
function sealNames(db: Database): SealNames {
  const names = new Set<string>();
  for (const { head } of db.prepare<[], { head: string }>(HEADS).iterate()) names.add(sealNameOf(head) ?? PLAIN.name);
  for (const { seal } of db.prepare<[], { seal: string }>('SELECT seal FROM tokens UNION SELECT seal FROM answers').iterate()) {
    // Another text is damage: the row is as if it were not there.
    if (seal === PLAIN.name || isKeySealName(seal)) names.add(seal);
  }
  return names;
}

const HEADS = `SELECT substr(body, 1, 64) AS head FROM objects WHERE resource = 'secrets' AND body IS NOT NULL
  UNION ALL SELECT substr(w.body, 1, 64) FROM open_writes AS w JOIN objects AS o ON o.id = w.object WHERE o.resource = 'secrets'
  UNION ALL SELECT substr(object, 1, 64) FROM changes WHERE resource = 'secrets' AND object IS NOT NULL`;

/** The error of a store whose seals are others than the one at hand. */
export function foreign(path: string, seal: Seal, stored: SealNames): HawserError {
  const needed = [...stored].filter((name) => isKeySealName(name) && name !== seal.name).map((name) => name.replace(/^.*:/, ''));
  const own = seal.name === PLAIN.name ? 'store.key is none' : `store.key gives the key ${seal.name.replace(/^.*:/, '')}`;
  return new HawserError(
    'bad_config',
    `the Secrets in ${path} are sealed with the key ${needed.join(' and ')}, and ${own}. Nothing was changed. ` +
      'Give the right key; where it is lost, "hawser-agent store drop-secrets" goes on without them, and the cloud sends them again',
  );
}

/** What is left of these rows is mended as every other damage is: the versions count, and the cloud sends them again. */
function dropForeign(db: Database, seal: Seal): void {
  db.transaction(() => {
    for (const table of ['tokens', 'answers']) db.prepare<[string]>(`DELETE FROM ${table} WHERE seal <> ?`).run(seal.name);
    const texts = db.prepare<[], { revision: number; head: string }>(
      "SELECT revision, substr(object, 1, 64) AS head FROM changes WHERE resource = 'secrets' AND object IS NOT NULL",
    );
    const remove = db.prepare<[number]>('DELETE FROM changes WHERE revision = ?');
    for (const { revision, head } of texts.all()) {
      const name = sealNameOf(head);
      if (name !== undefined && name !== seal.name) remove.run(revision);
    }
  }).immediate();
}

function sealPlain(db: Database, seal: Seal, logger: Logger): void {
  if (seal.name === PLAIN.name) return;
  let rows = 0;
  let told = 0;
  let position: Position | undefined;
  do {
    const step = db.transaction(() => resealStep(db, PLAIN, seal, position)).immediate();
    rows += step.rows;
    position = step.next;
    if (rows - told < PROGRESS_ROWS) continue;
    told = rows;
    logger.info({ rows }, 'sealing what lay in the store as it was');
  } while (position !== undefined);
  if (rows > 0) logger.info({ rows, seal: seal.name }, 'what lay in the store as it was is sealed');
}

/**
 * Overwrites what the file still shows of texts that were there before: pages that are in use no more, and the log. SQLite builds the
 * database anew and writes it over the old one; that takes as much room again for the time. Where it does not succeed it is tried again
 * at the next open. Blocks that file system and flash have set free below SQLite are out of reach.
 */
export function scrub(db: Database, seal: Seal, meta: Meta, logger: Logger): void {
  try {
    db.exec('VACUUM');
    const [log] = Array.from(db.pragma('wal_checkpoint(TRUNCATE)') as Iterable<{ readonly busy: number }>);
    if (log?.busy === 1) throw new HawserError('store_busy', 'a reader has the log of the store open');
    meta.set('seal', seal.name);
  } catch (err) {
    if (!(err instanceof SqliteError || err instanceof HawserError) || isDamage(err)) throw err;
    logger.warn({ err }, 'remains of unsealed texts could not be overwritten: tried again at the next start');
  }
}

function isDamage({ code }: { readonly code: string }): boolean {
  return code.startsWith('SQLITE_CORRUPT') || code.startsWith('SQLITE_NOTADB');
}
