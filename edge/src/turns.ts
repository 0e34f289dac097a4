/** Lets so many pieces of work run at a time, the others one after the other in the order in which they came. */
export interface Turns {
  /** Undefined, and nothing is run, where more wait than may. Rejects with what `work` rejects with. */
  take<T>(work: () => Promise<T>): Promise<T> | undefined;
}

export function createTurns(atATime: number, mostWaiting: number): Turns {
  const waiting: (() => void)[] = [];
  let running = 0;

  async function run<T>(work: () => Promise<T>): Promise<T> {
    if (running < atATime) running += 1;
    // Who ends hands its place over, so that nobody comes in between.
    else await new Promise<void>((begin) => waiting.push(begin));
    try {
      return await work();
    } finally {
      const next = waiting.shift();
      if (next === undefined) running -= 1;
      else next();
    }
  }

  return { take: (work) => (running >= atATime && waiting.length >= mostWaiting ? undefined : run(work)) };
}
