import type { Fleet } from '../../support/fleet.ts';
import type { BenchContext } from '../context.ts';
import { monotonicMs } from '../monotonic.ts';
import { podNames, restartsOf } from './cluster.ts';
import type { DevicesFleet } from './devices-fleet.ts';
import { between, type Reading, readMeter } from './meter.ts';

const SINGLE_TIMEOUT_MS = 30_000;

/** @returns for each of so many changes, one after the other, the ms from the write on the device until the API server shows it */
export async function measureSingles(
  count: number,
  node: string,
  podsPerDevice: number,
  fleet: Fleet,
  devices: DevicesFleet,
  signal: AbortSignal,
): Promise<number[]> {
  const [worker] = devices.workers;
  if (worker === undefined) throw new Error('there are no devices');
  const over = new AbortController();
  const shown = new Map<string, { readonly restarts: number; readonly at: number }>();
  let look = () => {};
  fleet.kube.watch(
    'pods',
    ({ type, object }) => {
      if (type !== 'ADDED' && type !== 'MODIFIED') return;
      shown.set(object.metadata.name ?? '', { restarts: restartsOf(object) ?? 0, at: monotonicMs() });
      look();
    },
    AbortSignal.any([signal, over.signal]),
    `fieldSelector=spec.nodeName%3D${node}`,
  );
  /** When the API server showed that many restarts of that pod. */
  const seen = (pod: string, restarts: number) =>
    new Promise<number>((resolve, reject) => {
      const timer = setTimeout(
        () => reject(new Error(`${pod} was not seen with ${restarts} restarts within ${SINGLE_TIMEOUT_MS} ms`)),
        SINGLE_TIMEOUT_MS,
      );
      look = () => {
        const found = shown.get(pod);
        if (found?.restarts !== restarts) return;
        clearTimeout(timer);
        resolve(found.at);
      };
      look();
    });
  const names = podNames(node, podsPerDevice);
  for (const name of names) await seen(name, 0);
  const times: number[] = [];
  for (let index = 0; index < count; index += 1) {
    signal.throwIfAborted();
    const pod = index % names.length;
    const written = worker.hears('written', () => true, SINGLE_TIMEOUT_MS);
    worker.send({ type: 'single', pod });
    const { at } = await written;
    times.push((await seen(names[pod] ?? '', Math.floor(index / names.length) + 1)) - at);
  }
  over.abort();
  return times;
}

export interface Throughput {
  readonly changes: number;
  readonly seconds: number;
  readonly used: Reading;
}

/** Every device changes so many statuses at a time, again and again, as soon as the cloud has answered. */
export async function measureThroughput(
  { rounds, pods, timeoutMs }: { readonly rounds: number; readonly pods: number; readonly timeoutMs: number },
  fleet: Fleet,
  devices: DevicesFleet,
  say: BenchContext['say'],
): Promise<Throughput> {
  const before = await readMeter(fleet, devices.workers);
  const delivered = devices.delivered(timeoutMs, (waiting) => say(`${waiting} under way`));
  devices.send({ type: 'change', rounds, pods });
  const { firstAt, lastAt, changes } = await delivered;
  const used = between(before, await readMeter(fleet, devices.workers));
  return { changes, seconds: (lastAt - firstAt) / 1000, used };
}
