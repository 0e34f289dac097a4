import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/** Read between two collections: a list of 200 MB then keeps no more than this of it in buffers, for some milliseconds of work. */
const COLLECT_AFTER_BYTES = 8 * 1024 * 1024;

/**
 * Gives back the buffers of what was read from sockets. Each is dead once it has been worked off, but lies outside V8's heap
 * and is given back only by a collection of the young generation, which V8 begins by what is inside: a long list costs the
 * process a hundred megabytes without need. One call for each chunk; every so many bytes it collects the young generation.
 */
export function createBufferCollector(collect: () => void = collectYoungGeneration()): (bytes: number) => void {
  let read = 0;
  return (bytes) => {
    read += bytes;
    if (read < COLLECT_AFTER_BYTES) return;
    read = 0;
    collect();
  };
}

/** V8's own function for it, which Node shows only to contexts that are made while the flag is set. */
function collectYoungGeneration(): () => void {
  setFlagsFromString('--expose-gc');
  const gc: unknown = runInNewContext('gc');
  setFlagsFromString('--no-expose-gc');
  if (typeof gc !== 'function') return () => undefined;
  return () => void gc({ type: 'minor' });
}
