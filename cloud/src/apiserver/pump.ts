import type { Logger } from 'pino';
import type { Change } from '../merge/change.ts';
import type { Merge, Taken } from '../merge/merge.ts';

/** Takings in one turn of the event loop; between two, links and other reflectors have their turn, and what comes meanwhile merges. */
const TAKES_PER_TURN = 128;
/** Characters of objects that may wait before reading from the API server stops until they are worked off. */
const MAX_WAITING_CHARACTERS = 4 * 1024 * 1024;

/** Takes changes out of the merge and hands them on, some each turn. */
export interface Pump {
  /** Something may wait. */
  wake(): void;
  /** Undefined while there is room; otherwise resolves when all that waits has been handed on, or at the stop. */
  room(): Promise<void> | undefined;
  /** Nothing is handed on after this. */
  stop(): void;
}

export interface PumpOptions {
  readonly merge: Merge;
  readonly emit: (change: Change) => void;
  /** Everything up to there has been handed on. */
  readonly onTaken: (taken: Taken) => void;
  readonly logger: Logger;
}

export function createPump({ merge, emit, onTaken, logger }: PumpOptions): Pump {
  let turn: NodeJS.Immediate | undefined;
  let told: Taken | undefined;
  let isStopped = false;
  let onEmpty: (() => void)[] = [];

  function hand(change: Change): void {
    try {
      emit(change);
    } catch (error) {
      const key = change.type === 'upsert' ? change.object.key : change.key;
      logger.error({ err: error, key, change: change.type }, 'change not taken');
    }
  }

  function run(): void {
    turn = undefined;
    for (let n = 0; n < TAKES_PER_TURN && merge.waiting > 0; n += 1) for (const change of merge.take()) hand(change);
    const { taken } = merge;
    if (taken !== undefined && taken !== told) {
      told = taken;
      onTaken(taken);
    }
    if (merge.waiting > 0) wake();
    else empty();
  }

  function wake(): void {
    if (!isStopped) turn ??= setImmediate(run);
  }

  function empty(): void {
    const waiting = onEmpty;
    onEmpty = [];
    for (const resolve of waiting) resolve();
  }

  return {
    wake,
    room() {
      if (merge.waitingCharacters <= MAX_WAITING_CHARACTERS || isStopped) return undefined;
      return new Promise((resolve) => onEmpty.push(resolve));
    },
    stop() {
      isStopped = true;
      clearImmediate(turn);
      empty();
    },
  };
}
