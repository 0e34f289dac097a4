import { Counter, Gauge, type Registry } from 'prom-client';

/**
 * | state | meaning |
 * |---|---|
 * | serving | links are taken |
 * | noticed | the relay is to stop, and whoever spreads links is given time to notice: links are still taken |
 * | moving | no links are taken, sessions are told to move to other replicas |
 * | ending | the time is over, or nobody is left: what is at the API server is finished |
 */
export const DRAIN_STATES = ['serving', 'noticed', 'moving', 'ending'] as const;
export type DrainState = (typeof DRAIN_STATES)[number];

export interface DrainReadings {
  drainState(): DrainState;
}

export interface DrainMetrics {
  /** `moved`: told to move, and all that was under way was answered; `cut`: the time was over first. */
  sessionDrained(outcome: 'moved' | 'cut'): void;
}

export function createDrainMetrics(registry: Registry, readings: DrainReadings): DrainMetrics {
  const registers = [registry];
  new Gauge({
    name: 'hawser_relay_drain_state',
    help: '1 for the state that the relay is in on its way to its end.',
    labelNames: ['state'],
    registers,
    collect() {
      const now = readings.drainState();
      for (const state of DRAIN_STATES) this.set({ state }, state === now ? 1 : 0);
    },
  });
  const drained = new Counter({
    name: 'hawser_relay_drained_sessions_total',
    help: 'Sessions that ended because the relay stops, by whether what they had under way was answered.',
    labelNames: ['outcome'],
    registers,
  });
  for (const outcome of ['moved', 'cut']) drained.inc({ outcome }, 0);
  return { sessionDrained: (outcome) => drained.inc({ outcome }) };
}
