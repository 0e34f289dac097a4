import { Counter, Gauge, type Registry } from 'prom-client';

export interface AutonomyReadings {
  /** Undefined where the relay is set to leave autonomy alone. */
  autonomy():
    | {
        readonly nodes: { readonly span: number; readonly forever: number; readonly invalid: number };
        readonly waiting: number;
      }
    | undefined;
}

/** @returns counts one call about a pod, by what came of it */
export function createAutonomyMetrics(registry: Registry, readings: AutonomyReadings): (result: string) => void {
  const registers = [registry];
  new Gauge({
    name: 'hawser_relay_autonomy_nodes',
    help: 'Edge nodes with the annotation hawser.dev/autonomy, by what it says.',
    labelNames: ['word'],
    registers,
    collect() {
      for (const [word, count] of Object.entries(readings.autonomy()?.nodes ?? {})) this.set({ word }, count);
    },
  });
  new Gauge({
    name: 'hawser_relay_autonomy_pods_waiting',
    help: 'Pods whose tolerations are to be changed.',
    registers,
    collect() {
      this.set(readings.autonomy()?.waiting ?? 0);
    },
  });
  const results = new Counter({
    name: 'hawser_relay_autonomy_pods_total',
    help: 'Calls about the tolerations of pods, by what came of them.',
    labelNames: ['result'],
    registers,
  });
  return (result) => results.inc({ result });
}
