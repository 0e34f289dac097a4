/** What tells of the end of an answer. */
interface Closing {
  once(event: 'close', listener: () => void): unknown;
}

/**
 * Does what takes its time and is worth nothing once the client has gone: the signal is aborted then.
 * @returns undefined when the client went before it was done: nobody is there to be told
 */
export async function whileThere<T>(response: Closing, work: (signal: AbortSignal) => Promise<T>): Promise<T | undefined> {
  const gone = new AbortController();
  response.once('close', () => gone.abort());
  try {
    return await work(gone.signal);
  } catch (error) {
    if (gone.signal.aborted) return undefined;
    throw error;
  }
}
