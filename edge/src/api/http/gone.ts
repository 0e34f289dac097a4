/** What tells of the end of an answer. */
interface Closing {
  once(event: 'close', listener: () => void): unknown;
}

/** Aborted when the client has its answer or has gone. */
export function goneSignal(response: Closing): AbortSignal {
  const gone = new AbortController();
  response.once('close', () => gone.abort());
  return gone.signal;
}

/**
 * Does what takes its time and is worth nothing once the client has gone: the signal is aborted then.
 * @returns undefined when the client went before it was done: nobody is there to be told
 */
export async function whileThere<T>(response: Closing, work: (signal: AbortSignal) => Promise<T>): Promise<T | undefined> {
  const gone = goneSignal(response);
  try {
    return await work(gone);
  } catch (error) {
    if (gone.aborted) return undefined;
    throw error;
  }
}
