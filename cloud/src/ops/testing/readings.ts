import type { Readings } from '../metrics.ts';

/** A number for everything that the metrics read. */
export function someReadings(): Readings {
  return {
    sessionsByState: () => new Map([['inSync', 3]]),
    handshakes: () => 1,
    refusalEventsWaiting: () => 0,
    dirtyKeys: () => 4,
    sessionTotals: () => ({
      batches: 6,
      upserts: 7,
      deltas: 17,
      touches: 8,
      deletes: 9,
      deltaBytes: 100,
      staticBytes: 200,
      zstdBytes: 300,
      identityBytes: 400,
      deltaRetries: 3,
      inventories: 1,
      recalled: 0,
      digestMismatches: 2,
      checkMismatches: 1,
    }),
    load: () => ({ known: 60, refused: 1, waiting: 2, ahead: 3, inflightBatches: 4, inflightBytes: 5_000 }),
    lagging: () => [{ node: 'edge-7', lagMs: 2_500 }],
    downstream: () => ({
      objects: { pods: 30, configmaps: 20 },
      bodies: 40,
      bodyCharacters: 40_000,
      missingBodies: 1,
      encodedBytes: 9_000,
      encodings: 11,
      rememberedEntries: 0,
      supersededBytes: 500,
      edgeNodes: 3,
      sessions: 3,
      malformed: 1,
      ignored: 2,
    }),
    supersededBytes: () => 500,
    queries: () => ({ waiting: 0, running: 0 }),
    reports: () => ({ waiting: 5, running: 2 }),
    replicas: () => ({ live: 2, gone: 1, waiting: 0 }),
    epochs: () => ({ current: 2, restorations: 1 }),
    reflectors: () => [{ resource: 'pods', state: 'synced' }],
  };
}
