import { type Digest, digestEntry } from '@hawser/protocol';
import type { Database } from 'better-sqlite3';
import type { Logger } from 'pino';
import { digestOf, type HeldSet } from './held-set.ts';
import { bodyVersion, NO_HASH, NO_VERSION, type RowMender, type StoredRow } from './mend-row.ts';
import type { Meta } from './meta.ts';

export interface MendParts {
  readonly db: Database;
  readonly held: HeldSet;
  readonly meta: Meta;
  readonly mender: RowMender;
  readonly logger: Logger;
}

/**
 * Once at each open, within a transaction: a page may be well-formed and its text another than was written. Every body is
 * held against its hash, every object that is served against what it follows from, and the digest against the last one told.
 * What was refused in an earlier life of the agent is asked for again.
 */
export function mend({ db, held, meta, mender, logger }: MendParts): void {
  const recorded = meta.get('digest');
  const found = held.digest;
  const withOwnHashes = digestOf(held.entries());
  const damaged: number[] = [];
  for (let row = mender.next(0); row !== undefined; row = mender.next(row.id)) {
    if (mender.look(row) === undefined) continue;
    damaged.push(row.id);
    takeOwnHash(withOwnHashes, held, row);
  }
  for (const id of damaged) mender.mend(id);
  mender.dropOrphans();
  // Every other damage than to bodies and hashes may have met a resourceVersion, and nothing tells which.
  if (recorded !== undefined && recorded !== found && recorded !== withOwnHashes.toString()) {
    logger.error({ recorded, actual: found }, 'store digest does not match its rows');
    db.prepare<[string]>('UPDATE objects SET resource_version = ? WHERE resource_version IS NOT NULL').run(NO_VERSION);
  }
  const { changes } = db
    .prepare<[string, string]>('UPDATE objects SET hash = ? WHERE refused IS NOT NULL AND hash <> ?')
    .run(NO_HASH, NO_HASH);
  if (changes > 0) logger.info({ objects: changes }, 'objects that were refused are asked for again');
  held.reload();
  if (recorded !== undefined && recorded !== held.digest) meta.set('digest', held.digest);
}

/** What the digest would be if only the hash in the row were wrong, and the body right. */
function takeOwnHash(digest: Digest, held: HeldSet, row: StoredRow): void {
  const remembered = held.remembered(row.id);
  const own = bodyVersion(row);
  if (remembered === undefined || own === undefined) return;
  digest.removeEntry(remembered);
  digest.addEntry(digestEntry(own.key, own.version));
}
