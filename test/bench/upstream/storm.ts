import { setTimeout as sleep } from 'node:timers/promises';
import type { Fleet } from '../../support/fleet.ts';
import type { BenchContext } from '../context.ts';
import { monotonicMs } from '../monotonic.ts';
import { memoryOf } from '../workspace.ts';
import { peakCallsPerSecond } from './api-server.ts';
import type { DevicesFleet } from './devices-fleet.ts';
import { between, type Reading, readMeter } from './meter.ts';

/** Devices notice a killed relay at once. */
const NOTICE_TIMEOUT_MS = 60_000;
/** Between two looks whether everything is written on the devices. */
const LOOK_MS = 250;

export interface Storm {
  readonly changes: number;
  /** All from the start of the new relay's process. */
  readonly backSeconds: number;
  readonly seconds: number;
  readonly downSeconds: number;
  readonly peakCallsPerSecond: number;
  readonly meanCallsPerSecond: number;
  /** Links that ended after their welcome. */
  readonly lost: number;
  readonly relayPeakMB: number;
  readonly used: Reading;
}

/**
 * The relay is killed. Every device changes the status of so many pods while it is away; then it starts again, with nothing in its
 * memory, and all devices come back at once, as fast as their backoff has them.
 */
export async function measureStorm(
  options: { readonly devices: number; readonly pods: number; readonly downMs: number; readonly timeoutMs: number },
  fleet: Fleet,
  devices: DevicesFleet,
  { say, signal }: Pick<BenchContext, 'say' | 'signal'>,
): Promise<Storm> {
  say('the relay is killed');
  const killedAt = monotonicMs();
  await fleet.relay().kill();
  await devices.untilLinked('all links down', (count) => count === 0, NOTICE_TIMEOUT_MS);
  let waiting = 0;
  const delivered = devices.delivered(options.timeoutMs, (count) => {
    waiting = count;
    say(`${count} statuses wait, ${devices.linked()} devices are linked`);
  });
  // Whoever waits for it later hears of a failure then.
  delivered.catch(() => undefined);
  devices.send({ type: 'change', rounds: 1, pods: options.pods });
  while (waiting < options.devices * options.pods) await sleep(LOOK_MS, undefined, { signal });
  await sleep(Math.max(0, killedAt + options.downMs - monotonicMs()), undefined, { signal });

  devices.send({ type: 'countLost' });
  say('the relay starts');
  const startedAt = monotonicMs();
  const back = devices.untilLinked('all devices back', (count) => count === options.devices, options.timeoutMs);
  back.catch(() => undefined);
  await fleet.startRelay();
  const before = await readMeter(fleet, devices.workers);
  const { lastAt, changes } = await delivered;
  const backAt = await back;
  const after = await readMeter(fleet, devices.workers);
  const used = between(before, after);
  const { lost } = await devices.told(NOTICE_TIMEOUT_MS);
  const seconds = (lastAt - startedAt) / 1000;
  return {
    changes,
    backSeconds: (backAt - startedAt) / 1000,
    seconds,
    downSeconds: (startedAt - killedAt) / 1000,
    peakCallsPerSecond: await peakCallsPerSecond(fleet.kube, startedAt, lastAt),
    meanCallsPerSecond: used.relayCalls / seconds,
    lost,
    relayPeakMB: (await memoryOf(fleet.relay().pid)).peak,
    // The new process has used nothing before.
    used: { ...used, relayMs: after.relayMs },
  };
}
