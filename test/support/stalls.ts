import { randomInt } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { seeded } from '../bench/random.ts';

/**
 * Races are found by being slow on purpose: with `HAWSER_TEST_STALLS` set to a seed, or to `random`, a test hears late what its processes
 * say and what its watches bring, and its processes stand still now and then. The seed gives the times, not what falls into them.
 */
export interface Stalls {
  /** Before something is heard: most of the time nothing, else a wait. */
  pause(): Promise<void>;
  /** Stops and continues that process at random until the function that is returned is called. */
  pulse(pid: number): () => void;
}

/** One of so many lines and events is heard late; as all after it wait too, more would only make everything slow. */
const LATE_EVERY = 8;
const LATE_MS = 500;
/** Between two stops of a process, at most, and how long one is: shorter than any time by which the product calls somebody lost. */
const PULSE_EVERY_MS = 6_000;
const PULSE_MS = 400;

export const stalls: Stalls | undefined = stallsOf(process.env.HAWSER_TEST_STALLS);

function stallsOf(setting: string | undefined): Stalls | undefined {
  if (setting === undefined || setting === '') return undefined;
  const seed = setting === 'random' ? randomInt(2 ** 31) : Number(setting);
  if (!Number.isSafeInteger(seed)) throw new Error(`HAWSER_TEST_STALLS is a whole number or "random", not "${setting}"`);
  process.stderr.write(`HAWSER_TEST_STALLS=${seed}\n`);
  return createStalls(seeded(seed));
}

/** @param random at least 0, below 1 */
export function createStalls(random: () => number): Stalls {
  return {
    async pause() {
      if (random() * LATE_EVERY < 1) await sleep(random() * LATE_MS);
    },
    pulse(pid) {
      const ending = new AbortController();
      const { signal } = ending;
      const run = async () => {
        for (;;) {
          await sleep(random() * PULSE_EVERY_MS, undefined, { signal, ref: false });
          if (!signalled(pid, 'SIGSTOP')) return;
          // Not given up by the end of pulses: who is stopped has to go on.
          await sleep(random() * PULSE_MS);
          signalled(pid, 'SIGCONT');
        }
      };
      run().catch((error: unknown) => {
        if (!signal.aborted) throw error;
      });
      return () => ending.abort();
    },
  };
}

/** @returns false where the process has ended */
function signalled(pid: number, signal: NodeJS.Signals): boolean {
  try {
    return process.kill(pid, signal);
  } catch {
    return false;
  }
}
