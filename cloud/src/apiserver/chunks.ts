import type { Clock } from '../clock.ts';
import type { ApiStream } from './client.ts';

export interface ChunkReader {
  readonly clock: Clock;
  /** After so long without a byte the connection is ended. */
  readonly silenceMs: number;
  /** Returns false when nothing more is wanted. */
  readonly onChunk: (chunk: Uint8Array) => boolean;
  /** Awaited after each chunk: the way to stop reading while what was read is worked off. */
  readonly afterChunk: () => Promise<void> | undefined;
  /** Asked after that: whether nothing more is wanted. Default: more is. */
  readonly isEnough?: () => boolean;
}

/**
 * Reads a body to its clean end, to a silence, or until nothing more is wanted; ends the connection in each case but the first.
 * @throws HawserError `unreachable` when the connection breaks, and whatever `onChunk` throws
 */
export async function readChunks(stream: ApiStream, reader: ChunkReader): Promise<'ended' | 'silent' | 'enough'> {
  const { clock, silenceMs, onChunk, afterChunk, isEnough } = reader;
  let lastMs = clock.now().getTime();
  let isSilent = false;
  let cancel = clock.after(silenceMs, check);
  // One timer that looks back, and not a new one for each chunk.
  function check(): void {
    const restMs = lastMs + silenceMs - clock.now().getTime();
    if (restMs > 0) {
      cancel = clock.after(restMs, check);
      return;
    }
    isSilent = true;
    stream.close();
  }
  try {
    for await (const chunk of stream.chunks) {
      if (!onChunk(chunk)) return 'enough';
      await afterChunk();
      if (isEnough?.() === true) return 'enough';
      lastMs = clock.now().getTime();
    }
    return isSilent ? 'silent' : 'ended';
  } catch (error) {
    if (isSilent) return 'silent';
    throw error;
  } finally {
    cancel();
    stream.close();
  }
}
