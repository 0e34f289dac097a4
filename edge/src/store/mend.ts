import { bodyHash } from '@hawser/protocol';
import type { Database } from 'better-sqlite3';
import type { Logger } from 'pino';
import type { ChangeLog } from './change-log.ts';
import { digestOf, type HeldSet } from './held-set.ts';
import type { Meta } from './meta.ts';
import type { Objects } from './objects.ts';

export interface MendParts {
  readonly db: Database;
  readonly objects: Objects;
  readonly log: ChangeLog;
  readonly held: HeldSet;
  readonly meta: Meta;
  readonly logger: Logger;
}

interface BodyRecord {
  readonly id: number;
  readonly hash: string;
  readonly body: string;
}

/**
 * Once at each open, within a transaction: a page may be well-formed and its text another than was written. Every body is
 * held against its hash, every object that is served against what it follows from, and the digest against the last one told.
 */
export function mend(parts: MendParts): void {
  const { held, meta, logger } = parts;
  mendBodies(parts);
  mendServed(parts);
  const recorded = meta.get('digest');
  const actual = digestOf(held.entries()).toString();
  if (recorded === undefined || recorded === actual) return;
  // The relay compares too, and asks for the inventory.
  logger.error({ recorded, actual }, 'store digest does not match its rows');
  meta.set('digest', actual);
}

/**
 * A damaged body counts as refused, with the hash that it has now: so the digest is another than the cloud's, and it is sent
 * again. Until then what is served stays, and stands in for the body.
 */
function mendBodies({ db, objects, logger }: MendParts): void {
  const bodies = db.prepare<[], BodyRecord>('SELECT id, hash, body FROM objects WHERE body IS NOT NULL AND refused IS NULL');
  const damaged: BodyRecord[] = [];
  for (const record of bodies.iterate()) {
    const hash = bodyHash(record.body);
    if (hash !== record.hash) damaged.push({ ...record, hash });
  }
  const refuse = db.prepare<[string, number]>(
    `UPDATE objects SET refused = 'store: the body was damaged', hash = ?,
       body = (SELECT object FROM changes WHERE changes.revision = objects.revision) WHERE id = ?`,
  );
  for (const { id, hash } of damaged) {
    refuse.run(hash, id);
    logger.error({ ...objects.rows.byId(id).key }, 'stored body damaged');
  }
}

function mendServed({ db, objects, log, logger }: MendParts): void {
  const served = db.prepare<[], { id: number; revision: number }>('SELECT id, revision FROM objects WHERE revision IS NOT NULL');
  for (const { id, revision } of served.all()) {
    if (!log.isReadable(revision)) {
      logger.error({ ...objects.rows.byId(id).key, revision }, 'served state damaged');
      objects.rows.setRevision(id, undefined);
    }
    const change = objects.refresh(id);
    if (change !== undefined)
      logger.error({ ...change.key, revision: change.revision }, 'served state did not match its sources');
  }
}
