/** What is to be ended, whatever happens; the last one first. */
export type Ending = (() => unknown)[];

/** Runs `work`; when it has ended, however it ended, or as soon as the signal comes, runs all that it has put on the list. */
export async function withEnding<T>(signal: AbortSignal, work: (ending: Ending) => Promise<T>): Promise<T> {
  const ending: Ending = [];
  let ended = Promise.resolve();
  const end = () => {
    ended = ended.then(async () => {
      for (const step of ending.splice(0).toReversed()) await step();
    });
    return ended;
  };
  const stop = () => void end();
  signal.addEventListener('abort', stop);
  try {
    signal.throwIfAborted();
    return await work(ending);
  } finally {
    signal.removeEventListener('abort', stop);
    await end();
  }
}
