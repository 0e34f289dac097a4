import { createHash } from 'node:crypto';
import type { Database } from 'better-sqlite3';
import type { Logger } from 'pino';
import type { Change } from '../api/storage.ts';
import type { Seal } from './seal.ts';
import type { Transactions } from './transactions.ts';
import type { KeptToken, StoreLimits, TokenKey, Tokens } from './types.ts';

export interface TokenTableParts {
  readonly db: Database;
  readonly transactions: Transactions;
  readonly seal: Seal;
  readonly logger: Logger;
  readonly limits: Pick<StoreLimits, 'tokens'>;
}

interface TokenRecord {
  readonly number: number;
  readonly issued_at: number;
  readonly kept_at: number;
  readonly expires_at: number;
  readonly valid_until: number;
  readonly seal: string;
  readonly sealed: Uint8Array;
  readonly hash: string;
}

/**
 * The newest token of each key in the table `tokens`. Nothing here goes because of a time: a clock that is wrong takes no token
 * away. A row goes with its pod, with a newer token of its key, or as the oldest over the bound.
 */
export class TokenTable implements Tokens {
  readonly #parts: TokenTableParts;
  readonly #statements: ReturnType<typeof prepare>;
  #hasWarned = false;

  constructor(parts: TokenTableParts) {
    this.#parts = parts;
    this.#statements = prepare(parts.db);
  }

  get(key: TokenKey): KeptToken | undefined {
    const record = this.#statements.find.get(...columnsOf(key));
    if (record === undefined) return undefined;
    const body = this.#open(record, columnsOf(key));
    if (body === undefined) {
      // Asked for anew, and replaced then.
      const { namespace, podName: pod } = key;
      this.#parts.logger.error({ namespace, pod, seal: record.seal }, 'kept token cannot be read');
      return undefined;
    }
    const { issued_at: issuedAt, kept_at: keptAt, expires_at: expiresAt, valid_until: validUntil } = record;
    return { body, issuedAt, keptAt, expiresAt, validUntil };
  }

  put(key: TokenKey, token: KeptToken): boolean {
    const { seal } = this.#parts;
    return this.#parts.transactions.run(() => {
      if (this.#statements.pod.get(key.namespace, key.podName, key.podUid) === undefined) return false;
      const columns = columnsOf(key);
      this.#statements.remove.run(...columns);
      const times: Times = [token.issuedAt, token.keptAt, token.expiresAt, token.validUntil];
      const sealed = Buffer.from(seal.seal(token.body, JSON.stringify(columns)));
      this.#statements.insert.run(...columns, ...times, seal.name, sealed, hashOf(columns, times, seal.name, sealed));
      this.#prune();
      return true;
    });
  }

  removeOfPod(podUid: string): void {
    this.#parts.transactions.run(() => this.#statements.removeOfPod.run(podUid));
  }

  count(): number {
    return this.#statements.count.get()?.tokens ?? 0;
  }

  /** Within a transaction: what is no longer served, or is another object now, takes its tokens with it. */
  changed({ type, key, object }: Change): void {
    const { uid } = object.metadata;
    if (type === 'DELETED' && key.resource === 'pods' && uid !== undefined) this.#statements.removeOfPod.run(uid);
  }

  /**
   * Within a transaction, once after each open: a pod whose row was lost is not told of by a change. Not before all that is held was
   * compared with the cloud: that pod may run here, and its row comes again, so that its token is needed.
   */
  dropOrphans(): void {
    this.#statements.dropOrphans.run();
  }

  #open({ seal: name, sealed, hash, ...record }: TokenRecord, columns: KeyColumns): string | undefined {
    const { seal } = this.#parts;
    const times: Times = [record.issued_at, record.kept_at, record.expires_at, record.valid_until];
    if (name !== seal.name || hashOf(columns, times, name, sealed) !== hash) return undefined;
    return seal.open(sealed, JSON.stringify(columns));
  }

  #prune(): void {
    const { tokens: limit } = this.#parts.limits;
    const excess = this.count() - limit;
    if (excess <= 0) return;
    this.#statements.prune.run(excess);
    if (!this.#hasWarned) this.#parts.logger.warn({ limit }, 'more tokens than are kept: the oldest go');
    this.#hasWarned = true;
  }
}

interface SealedToken extends TokenRecord {
  readonly pod_uid: string;
  readonly namespace: string;
  readonly service_account: string;
  readonly audiences: string;
  readonly expiration_seconds: number;
}

/** See `reseal.ts`. What does not open goes: it is asked for anew. */
export function resealTokens(db: Database, from: Seal, to: Seal, after: number, limit: number) {
  const records = db
    .prepare<[number, string, number], SealedToken>('SELECT * FROM tokens WHERE number > ? AND seal = ? ORDER BY number LIMIT ?')
    .all(after, from.name, limit);
  const write = db.prepare<[string, Buffer, string, number]>('UPDATE tokens SET seal = ?, sealed = ?, hash = ? WHERE number = ?');
  const remove = db.prepare<[number]>('DELETE FROM tokens WHERE number = ?');
  for (const { number, pod_uid, namespace, service_account, audiences, expiration_seconds, sealed, hash, ...times } of records) {
    const columns: KeyColumns = [pod_uid, namespace, service_account, audiences, expiration_seconds];
    const all: Times = [times.issued_at, times.kept_at, times.expires_at, times.valid_until];
    const isWhole = hash === hashOf(columns, all, from.name, sealed);
    const text = isWhole ? from.open(sealed, JSON.stringify(columns)) : undefined;
    if (text === undefined) {
      remove.run(number);
      continue;
    }
    const anew = Buffer.from(to.seal(text, JSON.stringify(columns)));
    write.run(to.name, anew, hashOf(columns, all, to.name, anew), number);
  }
  return { rows: records.length, last: records.at(-1)?.number };
}

type KeyColumns = [string, string, string, string, number];
/** Issued, kept, expires, valid until. */
type Times = [number, number, number, number];

function columnsOf({ podUid, namespace, serviceAccount, audiences, expirationSeconds }: TokenKey): KeyColumns {
  return [podUid, namespace, serviceAccount, JSON.stringify(audiences), expirationSeconds];
}

/** Of the whole row: SQLite does not notice a byte that has changed in it. */
function hashOf(columns: KeyColumns, times: Times, seal: string, sealed: Uint8Array): string {
  const head = JSON.stringify([...columns, ...times, seal]);
  return createHash('sha256').update(head).update('\0').update(sealed).digest('hex').slice(0, 16);
}

function prepare(db: Database) {
  const ofKey = 'pod_uid = ? AND namespace = ? AND service_account = ? AND audiences = ? AND expiration_seconds = ?';
  return {
    find: db.prepare<KeyColumns, TokenRecord>(`SELECT * FROM tokens WHERE ${ofKey}`),
    pod: db.prepare<[string, string, string], { id: number }>(
      `SELECT id FROM objects WHERE resource = 'pods' AND namespace = ? AND name = ? AND uid = ? AND revision IS NOT NULL`,
    ),
    insert: db.prepare<[...KeyColumns, ...Times, string, Buffer, string]>(
      `INSERT INTO tokens (pod_uid, namespace, service_account, audiences, expiration_seconds,
         issued_at, kept_at, expires_at, valid_until, seal, sealed, hash) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    ),
    remove: db.prepare<KeyColumns>(`DELETE FROM tokens WHERE ${ofKey}`),
    removeOfPod: db.prepare<[string]>('DELETE FROM tokens WHERE pod_uid = ?'),
    prune: db.prepare<[number]>('DELETE FROM tokens WHERE number IN (SELECT number FROM tokens ORDER BY number LIMIT ?)'),
    count: db.prepare<[], { tokens: number }>('SELECT count(*) AS tokens FROM tokens'),
    dropOrphans: db.prepare<[]>(
      `DELETE FROM tokens WHERE pod_uid NOT IN
         (SELECT uid FROM objects WHERE resource = 'pods' AND uid IS NOT NULL AND revision IS NOT NULL)`,
    ),
  };
}
