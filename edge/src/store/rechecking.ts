import type { Logger } from 'pino';
import type { Clock } from '../api/clock.ts';
import type { Recheck } from './types.ts';

/** Objects of the cloud that are read again within one round; a round over more takes in proportion longer: ten a second. */
const ROUND_OBJECTS = 500;
/** No more often than this does the device wake for it: rows that are due sooner are read several at a time. In milliseconds. */
const LEAST_PAUSE_MS = 100;
/** No less often than this share of a round, since rows come in meanwhile. */
const MOST_PAUSE_SHARE = 1 / 20;

export interface RecheckingOptions {
  readonly recheck: Recheck;
  /** Objects of the cloud in the store. */
  readonly held: () => number;
  /** For up to 500 objects of the cloud, in milliseconds. */
  readonly roundMs: number;
  readonly clock: Pick<Clock, 'after'>;
  readonly logger: Logger;
  /** Rows were mended, here or by an inventory that came before; called again at each end of a round. */
  readonly onMended: () => void;
}

/** Reads the store's rows again, slowly and without end. */
export function startRechecking({ recheck, held, roundMs, clock, logger, onMended }: RecheckingOptions): { stop(): void } {
  let onlyHere = Math.max(0, recheck.rows() - held());
  let isFailing = false;
  let cancel = () => {};

  function turn(rows: number): void {
    for (let row = 0; row < rows; row++) {
      const isOver = step();
      if (isOver) break;
    }
    onMended();
    arm();
  }

  /** What cannot be read is said once, and again after a round in which all could. */
  function step(): boolean {
    try {
      const isOver = recheck.step();
      if (isOver) {
        onlyHere = Math.max(0, recheck.rows() - held());
        isFailing = false;
      }
      return isOver;
    } catch (err) {
      if (!isFailing) logger.error({ err }, 'store cannot be read again');
      isFailing = true;
      return true;
    }
  }

  function arm(): void {
    const { rows, pauseMs } = pace(held(), onlyHere, roundMs);
    cancel = clock.after(pauseMs, () => turn(rows));
  }

  arm();
  return { stop: () => cancel() };
}

/** How many rows are read at a time, and the pause before them. */
export function pace(held: number, onlyHere: number, roundMs: number): { readonly rows: number; readonly pauseMs: number } {
  const wholeMs = roundMs * Math.max(1, held / ROUND_OBJECTS);
  // One step more sees that there are no more rows.
  const steps = held + onlyHere + 1;
  const rows = Math.max(1, Math.ceil((steps * LEAST_PAUSE_MS) / wholeMs));
  return { rows, pauseMs: Math.min((wholeMs * rows) / steps, roundMs * MOST_PAUSE_SHARE) };
}
