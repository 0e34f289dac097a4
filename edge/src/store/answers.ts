import { createHash } from 'node:crypto';
import type { Database } from 'better-sqlite3';
import type { Logger } from 'pino';
import type { StorageKey } from '../api/storage.ts';
import type { Seal } from './seal.ts';
import type { Transactions } from './transactions.ts';
import type { KeptAnswer, KeptAnswers, StoreLimits } from './types.ts';

export interface AnswerTableParts {
  readonly db: Database;
  readonly transactions: Transactions;
  readonly seal: Seal;
  readonly logger: Logger;
  readonly limits: Pick<StoreLimits, 'answers' | 'answersSize'>;
}

interface AnswerRecord {
  readonly read_at: number;
  readonly type: string;
  readonly cached: number;
  readonly seal: string;
  readonly sealed: Uint8Array;
  readonly hash: string;
}

/** Reads the table `answers`; of a row that is not as it was written, or lies under another seal, as if it were not there. */
export class AnswerReader {
  readonly #seal: Seal;
  readonly #statements: ReturnType<typeof prepareReads>;

  constructor(db: Database, seal: Seal) {
    this.#seal = seal;
    this.#statements = prepareReads(db);
  }

  get(key: StorageKey): KeptAnswer | 'unreadable' | undefined {
    const record = this.#statements.find.get(...columnsOf(key));
    return record && (this.#open(key, record) ?? 'unreadable');
  }

  stats(): ReturnType<KeptAnswers['stats']> {
    return this.#statements.stats.get() ?? { answers: 0, size: 0 };
  }

  #open(key: StorageKey, { read_at: readAt, type, cached, seal, sealed, hash }: AnswerRecord): KeptAnswer | undefined {
    if (seal !== this.#seal.name || hash !== hashOf(key, [readAt, type, cached, seal], sealed)) return undefined;
    const text = this.#seal.open(sealed, JSON.stringify(columnsOf(key)));
    if (text === undefined) return undefined;
    const from = cached === 1 ? 'cache' : 'live';
    return type === 'found' ? { type, readAt, from, body: text } : { type: 'notFound', readAt, from, message: text };
  }
}

/**
 * The last answer of the cloud about each object that was asked for. Nothing goes because of a time: whoever reads decides whether an
 * answer is too old, and a clock that is wrong takes none away. A row goes with a newer answer, as the one that was not asked for
 * longest over the bound, or all together when the cluster was restored.
 */
export class AnswerTable implements KeptAnswers {
  readonly #parts: AnswerTableParts;
  readonly #reader: AnswerReader;
  readonly #statements: ReturnType<typeof prepareWrites>;
  /**
   * Rows that were read since the last write, the latest at the end. Their order is written with the next answer: reading writes
   * nothing, and what a crash loses of it is only who goes first. Never more than there are rows.
   */
  readonly #read = new Map<string, StorageKey>();
  #hasWarned = false;

  constructor(parts: AnswerTableParts) {
    this.#parts = parts;
    this.#reader = new AnswerReader(parts.db, parts.seal);
    this.#statements = prepareWrites(parts.db);
  }

  get(key: StorageKey): KeptAnswer | undefined {
    const answer = this.#reader.get(key);
    if (answer === undefined) return undefined;
    if (answer === 'unreadable') {
      // Replaced by the next one.
      this.#parts.logger.error({ ...key }, 'kept answer cannot be read');
      return undefined;
    }
    const id = JSON.stringify(columnsOf(key));
    this.#read.delete(id);
    this.#read.set(id, key);
    return answer;
  }

  put(key: StorageKey, answer: KeptAnswer): void {
    const { transactions, seal } = this.#parts;
    const columns = columnsOf(key);
    const text = answer.type === 'found' ? answer.body : answer.message;
    const sealed = Buffer.from(seal.seal(text, JSON.stringify(columns)));
    const about: About = [answer.readAt, answer.type, answer.from === 'cache' ? 1 : 0, seal.name];
    transactions.run(() => {
      for (const read of this.#read.values()) this.#statements.touch.run(...columnsOf(read));
      this.#statements.put.run(...columns, ...about, sealed, hashOf(key, about, sealed), sealed.length);
      this.#prune();
    });
    this.#read.clear();
  }

  stats(): ReturnType<KeptAnswers['stats']> {
    return this.#reader.stats();
  }

  /** Within a transaction. */
  removeAll(): void {
    this.#statements.removeAll.run();
    this.#parts.transactions.afterCommit(() => this.#read.clear());
  }

  /** The newest is never among those that go: the size of one answer is bounded far below the whole. */
  #prune(): void {
    const { answers: most, answersSize } = this.#parts.limits;
    let { answers, size } = this.stats();
    if (answers <= most && size <= answersSize) return;
    for (const row of this.#statements.oldestFirst.all()) {
      if (answers <= 1 || (answers <= most && size <= answersSize)) break;
      this.#statements.remove.run(row.id);
      answers -= 1;
      size -= row.size;
    }
    if (!this.#hasWarned) {
      this.#parts.logger.warn({ most, answersSize }, 'more answers than are kept: those not asked for longest go');
    }
    this.#hasWarned = true;
  }
}

interface SealedAnswer extends AnswerRecord, StorageKey {
  readonly id: number;
}

/** See `reseal.ts`. What does not open goes: it is asked for anew. */
export function resealAnswers(db: Database, from: Seal, to: Seal, after: number, limit: number) {
  const records = db
    .prepare<[number, string, number], SealedAnswer>('SELECT * FROM answers WHERE id > ? AND seal = ? ORDER BY id LIMIT ?')
    .all(after, from.name, limit);
  const write = db.prepare<[string, Buffer, string, number, number]>(
    'UPDATE answers SET seal = ?, sealed = ?, hash = ?, size = ? WHERE id = ?',
  );
  const remove = db.prepare<[number]>('DELETE FROM answers WHERE id = ?');
  for (const { id, read_at: readAt, type, cached, sealed, hash, ...key } of records) {
    const columns = JSON.stringify(columnsOf(key));
    const isWhole = hash === hashOf(key, [readAt, type, cached, from.name], sealed);
    const text = isWhole ? from.open(sealed, columns) : undefined;
    if (text === undefined) {
      remove.run(id);
      continue;
    }
    const anew = Buffer.from(to.seal(text, columns));
    write.run(to.name, anew, hashOf(key, [readAt, type, cached, to.name], anew), anew.length, id);
  }
  return { rows: records.length, last: records.at(-1)?.id };
}

type KeyColumns = [string, string, string];
/** When it was read, its type, whether from the relay's cache, and the seal. */
type About = [number, string, number, string];

function columnsOf({ resource, namespace, name }: StorageKey): KeyColumns {
  return [resource, namespace, name];
}

/** Of the whole row: SQLite does not notice a byte that has changed in it. */
function hashOf(key: StorageKey, about: About, sealed: Uint8Array): string {
  const head = JSON.stringify([...columnsOf(key), ...about]);
  return createHash('sha256').update(head).update('\0').update(sealed).digest('hex').slice(0, 16);
}

const OF_KEY = 'resource = ? AND namespace = ? AND name = ?';

function prepareReads(db: Database) {
  return {
    find: db.prepare<KeyColumns, AnswerRecord>(`SELECT * FROM answers WHERE ${OF_KEY}`),
    stats: db.prepare<[], { answers: number; size: number }>(
      'SELECT count(*) AS answers, coalesce(sum(size), 0) AS size FROM answers',
    ),
  };
}

function prepareWrites(db: Database) {
  const next = '(SELECT coalesce(max(asked), 0) + 1 FROM answers)';
  return {
    put: db.prepare<[...KeyColumns, ...About, Buffer, string, number]>(
      `INSERT OR REPLACE INTO answers (asked, resource, namespace, name, read_at, type, cached, seal, sealed, hash, size)
       VALUES (${next}, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    ),
    touch: db.prepare<KeyColumns>(`UPDATE answers SET asked = ${next} WHERE ${OF_KEY}`),
    oldestFirst: db.prepare<[], { id: number; size: number }>('SELECT id, size FROM answers ORDER BY asked'),
    remove: db.prepare<[number]>('DELETE FROM answers WHERE id = ?'),
    removeAll: db.prepare<[]>('DELETE FROM answers'),
  };
}
