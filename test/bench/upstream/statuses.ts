import type { Fleet } from '../../support/fleet.ts';
import type { BenchContext } from '../context.ts';
import { monotonicMs } from '../monotonic.ts';
import { podNames, restartsOf } from './cluster.ts';
import type { DevicesFleet } from './devices-fleet.ts';
import { between, type Reading, readMeter } from './meter.ts';

const SINGLE_TIMEOUT_MS = 30_000;
/** For what the flooding device has under way. */
const FLOOD_END_MS = 60_000;

export interface SinglesOptions {
  readonly count: number;
  /** The first of the devices: it makes them. */
  readonly node: string;
  readonly podsPerDevice: number;
  /** That many were made before. */
  readonly before: number;
}

/** @returns for each change, one after the other, the ms from the write on the device until the API server shows it */
export async function measureSingles(
  { count, node, podsPerDevice, before }: SinglesOptions,
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
  for (const [pod, name] of names.entries()) await seen(name, Math.ceil((before - pod) / names.length));
  const times: number[] = [];
  for (let index = before; index < before + count; index += 1) {
    signal.throwIfAborted();
    const pod = index % names.length;
    const written = worker.hears('written', () => true, SINGLE_TIMEOUT_MS);
    worker.send({ type: 'single', node, pod });
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

/** The last device writes as fast as its store and the relay take it, while the first one makes single changes. */
export async function measureBesideFlood(
  options: SinglesOptions,
  fleet: Fleet,
  devices: DevicesFleet,
  signal: AbortSignal,
): Promise<{ readonly times: readonly number[]; readonly changes: number }> {
  const worker = devices.workers.at(-1);
  if (worker === undefined) throw new Error('there are no devices');
  worker.send({ type: 'flood', isOn: true });
  const times = await measureSingles(options, fleet, devices, signal);
  const flooded = worker.hears('flooded', () => true, FLOOD_END_MS);
  worker.send({ type: 'flood', isOn: false });
  const { changes } = await flooded;
  return { times, changes };
}
