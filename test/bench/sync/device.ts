import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { kubeconfigText } from '../../apiserver/kubeconfig.ts';
import type { FleetAgent } from '../../support/fleet.ts';
import { kubeClient } from '../../support/kube.ts';
import type { LogLine, RunningProcess } from '../../support/processes.ts';
import { ConfigWatch, type Expected } from './config-watch.ts';

/** All that is waited for takes seconds; what takes longer has failed. */
const WAIT_MS = 60_000;
/** Nothing passed for so long: several round trips, and less than half the time between two pings. */
const QUIET_MS = 600;
const LOOK_EVERY_MS = 50;

/** One start of the device's agent. */
export interface Boot {
  readonly process: RunningProcess;
  /** `performance.now()` just before the process was spawned. */
  readonly spawnedAt: number;
  readonly watch: ConfigWatch;
  /** Resolves with the time at which the agent said that it is in sync, which it says after everything before now. */
  inSync(after?: number): Promise<number>;
  /** Resolves with the time at which the device's API has shown all of it. */
  seen(expected: Expected): Promise<number>;
  /** Ends the agent in an orderly way. */
  stop(): Promise<void>;
}

/** Starts the agent and watches its API as soon as that listens, which is well before the first relay answers. */
export async function boot(agent: FleetAgent, signal: AbortSignal, flags: Readonly<Record<string, string>> = {}): Promise<Boot> {
  signal.throwIfAborted();
  const spawnedAt = performance.now();
  const process = agent.launch(flags);
  const { localApi } = await process.line('its start', ({ msg }) => msg === 'agent started', WAIT_MS);
  await writeFile(agent.localKubeconfig, await kubeconfigOf(agent, String(localApi)), { mode: 0o600 });
  const local = await kubeClient(agent.localKubeconfig);
  const watch = new ConfigWatch(local, signal);
  return {
    process,
    spawnedAt,
    watch,
    async inSync(after = 0) {
      const isInSync = (line: LogLine) => line.msg === 'session state' && line.to === 'inSync';
      await process.line('in sync', (line) => isInSync(line) && process.lines.indexOf(line) >= after, WAIT_MS);
      return performance.now();
    },
    seen: (expected) => watch.seen(expected, WAIT_MS, signal),
    async stop() {
      watch.stop();
      local.close();
      await process.stop();
    },
  };
}

/** Resolves when nothing passes the link any more, with the bytes since the count was last reset. */
export async function bytesWhenQuiet(agent: FleetAgent, signal: AbortSignal): Promise<number> {
  const total = () => agent.link.counted().up + agent.link.counted().down;
  const deadline = performance.now() + WAIT_MS;
  let bytes = total();
  let since = performance.now();
  while (performance.now() - since < QUIET_MS) {
    if (performance.now() > deadline) throw new Error(`the link of ${agent.name} does not become quiet`);
    await sleep(LOOK_EVERY_MS, undefined, { signal });
    if (total() === bytes) continue;
    bytes = total();
    since = performance.now();
  }
  return bytes;
}

/** The command `hawser-agent kubeconfig` says the same; another process at this moment would take part in what is measured. */
async function kubeconfigOf(agent: FleetAgent, url: string): Promise<string> {
  const [authority, token] = await Promise.all(
    ['api.crt', 'api.token'].map((file) => readFile(join(agent.dataDir, file), 'utf8')),
  );
  return kubeconfigText(url, authority ?? '', agent.name, { token: (token ?? '').trim() });
}
