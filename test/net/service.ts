import { setTimeout as sleep } from 'node:timers/promises';
import { type Balancer, startBalancer } from './balancer.ts';

/** Between two probes of one target, as a readiness probe of a second, only faster; in milliseconds. */
const PROBE_EVERY_MS = 200;
/** A probe without an answer by then has failed, in milliseconds: longer than a busy machine makes a replica wait, as one that has gone refuses at once. */
const PROBE_TIMEOUT_MS = 10_000;

export interface ServiceTarget {
  readonly port: () => number;
  /** Whether it says that it is ready; what it throws counts as no. */
  readonly isReady: () => Promise<boolean>;
}

/** One address for several targets, as a Service with readiness probes is: new connections go to those that are ready, open ones stay. */
export interface Service extends Balancer {
  /** Resolves when the probes have seen just these targets as ready. */
  untilReady(wanted: readonly boolean[], timeoutMs: number): Promise<void>;
}

export async function startService(targets: readonly ServiceTarget[]): Promise<Service> {
  const ready = targets.map(() => false);
  const ending = new AbortController();
  const balancer = await startBalancer(
    targets.map(({ port }) => port()),
    (index) => ready[index] === true,
  );
  const probing = targets.map(async ({ isReady }, index) => {
    while (!ending.signal.aborted) {
      const late = sleep(PROBE_TIMEOUT_MS, false, { signal: ending.signal }).catch(() => false);
      ready[index] = await Promise.race([isReady().catch(() => false), late]);
      await sleep(PROBE_EVERY_MS, undefined, { signal: ending.signal }).catch(() => undefined);
    }
  });
  return {
    ...balancer,
    async untilReady(wanted, timeoutMs) {
      const deadline = performance.now() + timeoutMs;
      while (ready.join() !== wanted.join()) {
        if (performance.now() > deadline) throw new Error(`ready are ${ready.join()}, and not ${wanted.join()}`);
        await sleep(PROBE_EVERY_MS);
      }
    },
    async close() {
      ending.abort();
      await Promise.all(probing);
      await balancer.close();
    },
  };
}
