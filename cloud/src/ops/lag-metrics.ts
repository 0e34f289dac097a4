import { Gauge, Histogram, type Registry } from 'prom-client';

export interface LagReadings {
  /** Gauges of all live sessions together. */
  load(): {
    readonly known: number;
    readonly refused: number;
    readonly waiting: number;
    readonly ahead: number;
    readonly inflightBatches: number;
    readonly inflightBytes: number;
  };
  /** Nodes that have lacked something for at least so long, in ms; the longest first, at most `most`. */
  lagging(leastMs: number, most: number): readonly { readonly node: string; readonly lagMs: number }[];
}

/** A change that is on its way is no lag: most are acknowledged after one round trip. In milliseconds. */
const LEAST_LAG_MS = 1_000;
/** Series with the name of a node: of more nodes that lag at once only those that have for longest are named. */
const MOST_NODES = 1_000;
/** From one round trip in a rack to a device that nobody can reach; in seconds. */
const BUCKETS = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1_800];

/** How far the devices are behind. */
export function createLagMetrics(registry: Registry, readings: LagReadings): { delivered(milliseconds: number): void } {
  const registers = [registry];
  const delivery = new Histogram({
    name: 'hawser_relay_delivery_seconds',
    help: 'From when the relay knew of the oldest change in a batch to the acknowledgement of the batch.',
    buckets: BUCKETS,
    registers,
  });
  new Gauge({
    name: 'hawser_relay_session_lag_seconds',
    help:
      'Time since the oldest change that a device has not acknowledged. Only nodes that are linked and lag by a second or more; ' +
      `at most ${MOST_NODES}, those that have for longest.`,
    labelNames: ['node'],
    registers,
    collect() {
      this.reset();
      for (const { node, lagMs } of readings.lagging(LEAST_LAG_MS, MOST_NODES)) this.set({ node }, lagMs / 1000);
    },
  });
  new Gauge({
    name: 'hawser_relay_known_objects',
    help: 'Objects that the linked agents hold, together; held: all, refused: those of them that an agent could not take.',
    labelNames: ['state'],
    registers,
    collect() {
      const { known, refused } = readings.load();
      this.set({ state: 'held' }, known);
      this.set({ state: 'refused' }, refused);
    },
  });
  new Gauge({
    name: 'hawser_relay_waiting_keys',
    help:
      'Objects of all sessions that may not be sent yet. bodyOrOrder: the body is being read, or another object goes first; ' +
      'ahead: the device holds something newer than this relay has seen.',
    labelNames: ['why'],
    registers,
    collect() {
      const { waiting, ahead } = readings.load();
      this.set({ why: 'bodyOrOrder' }, waiting);
      this.set({ why: 'ahead' }, ahead);
    },
  });
  new Gauge({
    name: 'hawser_relay_inflight_batches',
    help: 'Batches of all sessions that are not acknowledged.',
    registers,
    collect() {
      this.set(readings.load().inflightBatches);
    },
  });
  new Gauge({
    name: 'hawser_relay_inflight_bytes',
    help: 'Encoded bytes in batches that are not acknowledged.',
    registers,
    collect() {
      this.set(readings.load().inflightBytes);
    },
  });
  return { delivered: (milliseconds) => delivery.observe(milliseconds / 1000) };
}
