import type { Readings, SessionTotals } from '../ops/metrics.ts';
import type { Hub } from './hub.ts';

type HubReadings = Pick<
  Readings,
  | 'sessionsByState'
  | 'clocksOff'
  | 'handshakes'
  | 'receivingBytes'
  | 'mostConnectionsOfAddress'
  | 'dirtyKeys'
  | 'sessionTotals'
  | 'load'
  | 'lagging'
>;

/** What the metrics read of a hub, also before there is one. */
export function hubReadings(hub: () => Hub | undefined): HubReadings {
  return {
    sessionsByState: () => hub()?.sessions.byState() ?? new Map<string, number>(),
    clocksOff: () => hub()?.sessions.clocksOff() ?? 0,
    handshakes: () => hub()?.handshakes() ?? 0,
    receivingBytes: () => hub()?.receivingBytes() ?? 0,
    mostConnectionsOfAddress: () => hub()?.mostConnectionsOfAddress() ?? 0,
    dirtyKeys: () => hub()?.sessions.dirtyKeys() ?? 0,
    sessionTotals: () => hub()?.sessions.totals() ?? NO_TOTALS,
    load: () => hub()?.sessions.load() ?? NO_LOAD,
    lagging: (leastMs, most) => hub()?.sessions.lagging(leastMs, most) ?? [],
  };
}

const NO_LOAD = { known: 0, refused: 0, waiting: 0, ahead: 0, inflightBatches: 0, inflightBytes: 0 };

const NO_TOTALS: SessionTotals = {
  batches: 0,
  upserts: 0,
  deltas: 0,
  touches: 0,
  deletes: 0,
  deltaBytes: 0,
  staticBytes: 0,
  zstdBytes: 0,
  identityBytes: 0,
  deltaRetries: 0,
  inventories: 0,
  recalled: 0,
  digestMismatches: 0,
  checkMismatches: 0,
};
