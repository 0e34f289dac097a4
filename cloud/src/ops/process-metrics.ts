import { collectDefaultMetrics, Gauge, type Registry } from 'prom-client';
import { RELAY_VERSION } from '../relay-version.ts';

export interface ProcessReadings {
  /** What /readyz says. */
  isReady(): boolean;
  /** Bytes that the process may use before it is ended, of its cgroup; undefined without such a limit. */
  memoryLimit(): number | undefined;
}

/** Gauges that are named as counters are: promtool objects. The library tells the same by type, without `_total`. */
const MISNAMED = ['nodejs_active_handles_total', 'nodejs_active_requests_total', 'nodejs_active_resources_total'];

/** Of the process as a whole: Node's own, which build it is, whether it is ready. */
export function registerProcessMetrics(registry: Registry, readings: ProcessReadings): void {
  const registers = [registry];
  collectDefaultMetrics({ register: registry });
  for (const name of MISNAMED) registry.removeSingleMetric(name);
  new Gauge({
    name: 'hawser_relay_build_info',
    help: '1, with the version of the relay.',
    labelNames: ['version'],
    registers,
  }).set({ version: RELAY_VERSION }, 1);
  new Gauge({
    name: 'hawser_relay_ready',
    help: '1 while the relay is ready: what it shows devices is complete.',
    registers,
    collect() {
      this.set(readings.isReady() ? 1 : 0);
    },
  });
  new Gauge({
    name: 'hawser_relay_memory_limit_bytes',
    help: 'Memory that the process may use, as its cgroup says; absent without such a limit.',
    registers,
    collect() {
      this.remove();
      const limit = readings.memoryLimit();
      if (limit !== undefined) this.set(limit);
    },
  });
}

/**
 * What `process.constrainedMemory()` gives, as a limit. Without one it is 0, or a number that no machine has: cgroup v1 says 2^63 rounded to
 * its pages, and a kernel without a limit 2^64.
 */
export function memoryLimitOf(constrained: number): number | undefined {
  return constrained > 0 && constrained < 2 ** 53 ? constrained : undefined;
}
