/** A process of many devices. Started by the benchmark. */
import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { pino } from 'pino';
import { createAuthority, issueNodeCertificate } from '../../support/pki.ts';
import { concurrently } from '../concurrently.ts';
import { monotonicMs } from '../monotonic.ts';
import type { Failed } from '../worker.ts';
import { podNames } from './cluster.ts';
import { LightDevice } from './light-device.ts';
import type { FromDevices, ToDevices } from './messages.ts';

/** Devices that dial and sync at the same time: the relay takes 256 handshakes at a time, and there are a few such processes. */
const AT_A_TIME = 48;
/** Told so often how many are in sync. */
const TELL_EVERY = 100;
/** Between two tellings of how far it is, in ms. */
const PROGRESS_MS = 2_000;
/** Devices that change something at the same time; each change is a transaction of its own, and links have to go on meanwhile. */
const CHANGING_AT_A_TIME = 16;

type Begin = Extract<ToDevices, { type: 'begin' }>;

/** Losing the relay is no news here; what a device cannot do is. */
const logger = pino({ level: 'error' }, pino.destination(2));
/** In the order in which they were named, whichever was made first: the first and the last are asked for. */
const devices: LightDevice[] = [];
const linked = new Set<string>();
/** How late this process is with everything; its devices answer no ping meanwhile. */
const late = monitorEventLoopDelay();
late.enable();
let lost = 0;
let isCounting = false;

function tell(message: FromDevices | Failed): void {
  // Where nobody listens any more, this process is about to end.
  process.send?.(message, () => undefined);
}

/** What is under way since the last `change`. */
interface Changing {
  readonly firstAt: number;
  lastAt: number;
  changes: number;
  /** Devices whose rounds are not over. */
  readonly open: Set<LightDevice>;
}

let changing: Changing | undefined;
const onDrained = new Map<LightDevice, () => void>();

async function begin({ devices: names, podsPerDevice, url, authority: { commonName, ...pair }, onDisk }: Begin): Promise<void> {
  const authority = await createAuthority(commonName, pair);
  let inSync = 0;
  await concurrently([...names.entries()], AT_A_TIME, async ([at, node]) => {
    const { certificatePem: cert, keyPem: key } = await issueNodeCertificate(authority, node);
    await new Promise<void>((resolve) => {
      let wasInSync = false;
      const device: LightDevice = new LightDevice({
        node,
        url,
        tls: { cert, key, ca: pair.certificatePem },
        pods: podNames(node, podsPerDevice),
        storeFile: onDisk !== undefined && at % onDisk.every === 0 ? join(onDisk.dir, `${node}.db`) : undefined,
        logger,
        onLinked: (isLinked) => onLinked(node, isLinked),
        onDrained: () => onDrained.get(device)?.(),
        onInSync() {
          if (wasInSync) return;
          wasInSync = true;
          inSync += 1;
          if (inSync % TELL_EVERY === 0 || inSync === names.length) tell({ type: 'inSync', count: inSync });
          resolve();
        },
      });
      devices[at] = device;
      device.start();
    });
  });
}

function onLinked(node: string, isLinked: boolean): void {
  if (isLinked) {
    linked.add(node);
  } else {
    linked.delete(node);
    if (isCounting) lost += 1;
  }
  tell({ type: 'linked', count: linked.size, at: monotonicMs() });
}

async function single(node: string, pod: number): Promise<void> {
  const [device] = devices;
  const name = device?.pods[pod % device.pods.length];
  if (device === undefined || name === undefined) throw new Error('there is no such pod');
  if (device.node !== node) throw new Error(`the first device is ${device.node} and not ${node}`);
  const at = monotonicMs();
  await device.crash(name);
  tell({ type: 'written', at });
}

let isFlooding = false;

async function flood(): Promise<void> {
  const device = devices.at(-1);
  if (device === undefined) throw new Error('there is no device');
  let changes = 0;
  while (isFlooding) {
    const drained = new Promise<void>((resolve) => onDrained.set(device, resolve));
    changes += device.pods.length;
    await device.crashEach(device.pods);
    await drained;
  }
  tell({ type: 'flooded', changes });
}

async function change({ rounds, pods }: Extract<ToDevices, { type: 'change' }>): Promise<void> {
  const now = monotonicMs();
  const run: Changing = { firstAt: now, lastAt: now, changes: 0, open: new Set(devices) };
  changing = run;
  const first = new Map<LightDevice, () => Promise<void>>();
  for (const device of devices) {
    let left = rounds;
    const round = async () => {
      left -= 1;
      const crashing = device.pods.slice(0, pods);
      run.changes += crashing.length;
      await device.crashEach(crashing);
    };
    onDrained.set(device, () => {
      run.lastAt = monotonicMs();
      if (left > 0) {
        guard(round());
        return;
      }
      run.open.delete(device);
      if (run.open.size === 0) tellDelivered(run);
    });
    first.set(device, round);
  }
  await eachInTurn(async (device) => first.get(device)?.());
}

/** Some devices at a time, and links are read between two. */
function eachInTurn(work: (device: LightDevice) => Promise<unknown>): Promise<void> {
  return concurrently(devices, CHANGING_AT_A_TIME, async (device) => {
    await work(device);
    await new Promise((resolve) => setImmediate(resolve));
  });
}

function tellDelivered({ firstAt, lastAt, changes }: Changing): void {
  changing = undefined;
  tell({ type: 'delivered', firstAt, lastAt, changes });
}

function tellAll(): void {
  const answers = { sent: 0, applied: 0, refused: 0, unavailable: 0 };
  const restarts: Record<string, number> = {};
  for (const device of devices) {
    const { sent, applied, refused, unavailable } = device.answers();
    answers.sent += sent;
    answers.applied += applied;
    answers.refused += refused;
    answers.unavailable += unavailable;
    for (const [pod, count] of device.restarts()) restarts[pod] = count;
  }
  const stalledMs = Math.round(late.max / 1e6);
  late.reset();
  tell({ type: 'told', restarts, lost, stalledMs, ...answers });
}

function receive(message: ToDevices): void {
  switch (message.type) {
    case 'begin':
      guard(begin(message));
      return;
    case 'single':
      guard(single(message.node, message.pod));
      return;
    case 'flood':
      isFlooding = message.isOn;
      if (isFlooding) guard(flood());
      return;
    case 'change':
      guard(change(message));
      return;
    case 'countLost':
      isCounting = true;
      lost = 0;
      return;
    case 'event':
      guard(eachInTurn((device) => device.event(message.text)));
      return;
    case 'show':
      tell({ type: 'shown', devices: devices.map((device) => device.show()) });
      return;
    case 'tell':
      tellAll();
  }
}

/** Nothing may fail here. */
function guard(work: Promise<void>): void {
  work.catch((error: unknown) =>
    tell({ type: 'failed', detail: error instanceof Error ? (error.stack ?? error.message) : String(error) }),
  );
}

const progress = setInterval(() => {
  if (changing === undefined) return;
  let waiting = 0;
  for (const device of changing.open) waiting += device.waiting();
  tell({ type: 'progress', waiting });
}, PROGRESS_MS);
progress.unref();

process.on('message', receive);
// The benchmark is over, however it ended.
process.on('disconnect', () => process.exit(0));
