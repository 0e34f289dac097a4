import type { Fleet } from '../../support/fleet.ts';
import type { Ending } from '../ending.ts';
import { startWorker, type Worker } from '../worker.ts';
import { allPods } from './api-server.ts';
import { restartsOf } from './cluster.ts';
import type { FromDevices, OnDisk, Shown, ToDevices, Told } from './messages.ts';

type DeviceWorker = Worker<ToDevices, FromDevices>;

/** When and how much of it was written and answered; times of the machine's monotonic clock. */
export interface Delivered {
  readonly firstAt: number;
  readonly lastAt: number;
  readonly changes: number;
}

/** All devices of the benchmark, whatever process they are in. */
export class DevicesFleet {
  readonly workers: readonly DeviceWorker[];
  readonly #signal: AbortSignal;
  readonly #linked: number[];
  readonly #waiting: number[];
  readonly #inSync: number[];
  readonly #listeners = new Set<(message: FromDevices) => void>();

  constructor(workers: number, nodeFlags: readonly string[], signal: AbortSignal, ending: Ending) {
    this.#signal = signal;
    this.workers = Array.from({ length: workers }, (_, index) => {
      const worker: DeviceWorker = startWorker(`devices ${index + 1}`, 'upstream/devices.ts', nodeFlags);
      ending.push(() => worker.stop());
      worker.onMessage((message) => this.#receive(index, message));
      return worker;
    });
    this.#linked = this.workers.map(() => 0);
    this.#waiting = this.workers.map(() => 0);
    this.#inSync = this.workers.map(() => 0);
  }

  /** Links that a relay has welcomed. */
  linked(): number {
    return sumOf(this.#linked);
  }

  /** Starts every device and resolves when all are in sync. `onInSync` is told how many are. They dial that port, by default the first relay's. */
  async begin(
    fleet: Fleet,
    nodes: readonly string[],
    podsPerDevice: number,
    timeoutMs: number,
    onInSync: (count: number) => void,
    port = fleet.relays[0]?.linkPort,
    onDisk?: OnDisk,
  ): Promise<void> {
    const { commonName, certificatePem, keyPem } = fleet.authority;
    const authority = { commonName, certificatePem, keyPem };
    const url = `wss://127.0.0.1:${port}`;
    const tell = ({ type }: FromDevices) => {
      if (type === 'inSync') onInSync(sumOf(this.#inSync));
    };
    this.#listeners.add(tell);
    await Promise.all(
      this.workers.map((worker, index) => {
        const devices = nodes.filter((_, at) => at % this.workers.length === index);
        worker.send({ type: 'begin', devices, podsPerDevice, url, authority, onDisk });
        return worker.hears('inSync', ({ count }) => count === devices.length, timeoutMs);
      }),
    );
    this.#listeners.delete(tell);
  }

  send(message: ToDevices): void {
    for (const worker of this.workers) worker.send(message);
  }

  /** Resolves with the time at which `matches` held for how many links stand: NaN when it did already. */
  untilLinked(what: string, matches: (count: number) => boolean, timeoutMs: number): Promise<number> {
    if (matches(this.linked())) return Promise.resolve(Number.NaN);
    return new Promise((resolve, reject) => {
      const settle = (end: () => void) => {
        clearTimeout(timer);
        this.#listeners.delete(look);
        this.#signal.removeEventListener('abort', stopped);
        end();
      };
      const look = (message: FromDevices) => {
        if (message.type === 'linked' && matches(this.linked())) settle(() => resolve(message.at));
      };
      const stopped = () => settle(() => reject(this.#signal.reason));
      const late = () => settle(() => reject(new Error(`${what}: not within ${timeoutMs} ms; ${this.linked()} are linked`)));
      const timer = setTimeout(late, timeoutMs);
      this.#signal.addEventListener('abort', stopped);
      this.#listeners.add(look);
    });
  }

  /** Resolves when all that `change` has written is answered; `onProgress` is told how much is not. */
  async delivered(timeoutMs: number, onProgress: (waiting: number) => void): Promise<Delivered> {
    const tell = ({ type }: FromDevices) => {
      if (type === 'progress') onProgress(sumOf(this.#waiting));
    };
    this.#listeners.add(tell);
    const ends = await Promise.all(this.workers.map((worker) => worker.hears('delivered', () => true, timeoutMs)));
    this.#listeners.delete(tell);
    return {
      firstAt: Math.min(...ends.map(({ firstAt }) => firstAt)),
      lastAt: Math.max(...ends.map(({ lastAt }) => lastAt)),
      changes: sumOf(ends.map(({ changes }) => changes)),
    };
  }

  /** What each device has now, by node. */
  async shown(timeoutMs: number): Promise<ReadonlyMap<string, Shown>> {
    const all = this.workers.map((worker) => worker.hears('shown', () => true, timeoutMs));
    this.send({ type: 'show' });
    return new Map((await Promise.all(all)).flatMap(({ devices }) => devices.map((device) => [device.node, device] as const)));
  }

  async told(timeoutMs: number): Promise<Told> {
    const all = this.workers.map((worker) => worker.hears('told', () => true, timeoutMs));
    this.send({ type: 'tell' });
    return (await Promise.all(all)).reduce((sum, told) => ({
      type: 'told',
      restarts: { ...sum.restarts, ...told.restarts },
      sent: sum.sent + told.sent,
      applied: sum.applied + told.applied,
      refused: sum.refused + told.refused,
      unavailable: sum.unavailable + told.unavailable,
      lost: sum.lost + told.lost,
      stalledMs: Math.max(sum.stalledMs, told.stalledMs),
    }));
  }

  #receive(index: number, message: FromDevices): void {
    if (message.type === 'linked') this.#linked[index] = message.count;
    if (message.type === 'progress') this.#waiting[index] = message.waiting;
    if (message.type === 'delivered') this.#waiting[index] = 0;
    if (message.type === 'inSync') this.#inSync[index] = message.count;
    for (const tell of this.#listeners) tell(message);
  }
}

/** @returns how many pods the API server shows otherwise than their devices say */
export async function wrongStatuses(fleet: Fleet, restarts: Told['restarts']): Promise<number> {
  const missing = new Map(Object.entries(restarts));
  for await (const pod of allPods(fleet.kube)) {
    const name = pod.metadata.name ?? '';
    if (missing.get(name) === restartsOf(pod)) missing.delete(name);
  }
  return missing.size;
}

function sumOf(numbers: readonly number[]): number {
  return numbers.reduce((sum, value) => sum + value, 0);
}
