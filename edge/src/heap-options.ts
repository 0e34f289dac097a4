/**
 * Of V8's options those that trade speed for memory, for a process whose work is done by SQLite, Zstandard and OpenSSL: together
 * they save an agent with 20 pods some 30 MB of resident memory, a third of it.
 * - optimize-for-size: caches and tables that are grown late and given back early
 * - semi-space-growth-factor: the space for young objects stays as it begins (1 MB) in place of growing to 16 MB with the first
 *   busy moment, and keeping that
 * - no-opt, no-maglev: no code from the optimizing compilers, whose own code would be loaded as well; the baseline compiler stays
 * - bytecode-old-age: functions that were not called between two full collections are compiled again when they are, in place of after
 *   six: what only the start has called is let go soon (1.3 MB)
 */
export const HEAP_OPTIONS: readonly string[] = [
  '--optimize-for-size',
  '--semi-space-growth-factor=1',
  '--no-opt',
  '--no-maglev',
  '--bytecode-old-age=2',
];
