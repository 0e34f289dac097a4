import type { Database } from 'better-sqlite3';
import type { Logger } from 'pino';
import { openDatabase } from './connection.ts';
import { explain } from './explain.ts';
import { lockStore } from './lock.ts';
import { Meta } from './meta.ts';
import { type Position, resealStep } from './reseal.ts';
import type { Seal } from './seal.ts';
import { applySeal, scrub } from './sealing.ts';
import type { SealSource } from './types.ts';
import { hasLog, markClosed } from './use-mark.ts';

export interface RekeyOptions {
  readonly path: string;
  /** The key that the store lies under. */
  readonly from: SealSource;
  /** Called once no agent can have the store open. */
  readonly to: () => Seal;
  /** The store lies under the new key, and no agent can have it open yet. */
  readonly onSealed: (seal: Seal) => void;
  readonly logger: Logger;
}

/**
 * Puts all that is sealed under another key, in one transaction: ended in the middle, the store lies under the old one. What lay under
 * the old key is overwritten afterwards, as far as SQLite reaches.
 * @returns rows that were sealed anew
 * @throws HawserError `store_busy` while an agent runs, and as `openStore`; a damaged store is left alone
 */
export function rekeyStore({ path, from, to, onSealed, logger }: RekeyOptions): number {
  const lock = lockStore(path);
  const hadLog = hasLog(path);
  let db: Database | undefined;
  try {
    const opened = openDatabase(path);
    db = opened;
    const meta = new Meta(opened);
    const before = applySeal({ db: opened, path, seal: from, logger });
    const after = to();
    const rows = opened
      .transaction(() => {
        let moved = 0;
        let position: Position | undefined;
        do {
          const step = resealStep(opened, before, after, position);
          moved += step.rows;
          position = step.next;
        } while (position !== undefined);
        return moved;
      })
      .immediate();
    onSealed(after);
    scrub(opened, after, meta, logger);
    // Closing takes the log of an agent that was killed into the database, and removes it.
    if (hadLog) markClosed(opened);
    return rows;
  } catch (error) {
    throw explain(error, path);
  } finally {
    db?.close();
    lock.release();
  }
}
