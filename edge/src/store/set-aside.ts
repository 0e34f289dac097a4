import { HawserError } from '@hawser/protocol';
import { setAside } from './files.ts';
import { lockStore } from './lock.ts';
import { readStore } from './read-store.ts';

/** Reports that the cloud has not been told of; `unknown` in a store that this version cannot read. */
export type Untold = number | 'unknown';

export type SetAside =
  | { readonly type: 'moved'; readonly to: string; readonly untold: Untold }
  /** Nothing was changed. */
  | { readonly type: 'wouldLose'; readonly untold: Untold };

/**
 * Moves a store away, whatever is in it: of another cluster, of a newer agent, damaged. The next start begins a new one.
 * Interrupted, the same call goes on.
 * @param evenIfUntold whether reports that the cloud has not been told of, or may not have been, may go with it
 * @throws HawserError `store_busy` while an agent has it open; `bad_config` where there is none
 */
export function setStoreAside(path: string, evenIfUntold: boolean, now: Date): SetAside {
  const untold = untoldIn(path);
  if (untold !== 0 && !evenIfUntold) return { type: 'wouldLose', untold };
  const lock = lockStore(path);
  try {
    return { type: 'moved', to: setAside(path, 'aside', now), untold };
  } finally {
    lock.release();
  }
}

function untoldIn(path: string): Untold {
  try {
    const store = readStore(path);
    try {
      return store.outboxCount();
    } finally {
      store.close();
    }
  } catch (error) {
    if (error instanceof HawserError && UNREADABLE.has(error.code)) return 'unknown';
    throw error;
  }
}

const UNREADABLE: ReadonlySet<string> = new Set(['store_damaged', 'store_newer', 'unsupported']);
