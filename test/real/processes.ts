import { readlinkSync } from 'node:fs';
import { systemProcesses } from '@hawser/edge';
import { until } from '../support/until.ts';

const END_MS = 30_000;

/** Undefined for one that has ended. */
export function namespaceOf(pid: number): string | undefined {
  try {
    return readlinkSync(`/proc/${pid}/ns/mnt`);
  } catch {
    // It has ended, or nobody has asked about its end yet.
    return undefined;
  }
}

/** Who sees those mounts. */
export function pidsIn(namespace: string): number[] {
  return systemProcesses.pids().filter((pid) => namespaceOf(pid) === namespace);
}

/** SIGKILL for all that `pids` finds, until it finds none: one that is being started as others are killed is found the next time. */
export async function killAll(what: string, pids: () => readonly number[]): Promise<void> {
  await until(`${what} are killed`, END_MS, undefined, async () => {
    const found = pids().filter((pid) => systemProcesses.startTimeOf(pid) !== undefined);
    for (const pid of found) kill(pid);
    return found.length === 0;
  });
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error;
  }
}
