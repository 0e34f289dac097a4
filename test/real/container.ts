import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { KubeObject } from '@hawser/protocol';
import { fieldsOf, itemsOf } from '../apiserver/policy/fields.ts';

/** The only container of a pod, as its status tells of it. */
export interface ContainerStatus {
  /** Of the runtime; undefined before there was one. */
  readonly id: string | undefined;
  readonly restarts: number;
  readonly isReady: boolean;
  readonly isRunning: boolean;
  /** Of one that waits: `CrashLoopBackOff`. */
  readonly waits: string | undefined;
}

export function containerOf({ status }: KubeObject): ContainerStatus {
  const [first] = itemsOf(fieldsOf(status).containerStatuses);
  const { containerID, restartCount, ready, state } = fieldsOf(first);
  const { running, waiting } = fieldsOf(state);
  const { reason } = fieldsOf(waiting);
  return {
    id: typeof containerID === 'string' ? containerID.replace('containerd://', '') : undefined,
    restarts: Number(restartCount ?? 0),
    isReady: ready === true,
    isRunning: running !== undefined,
    waits: typeof reason === 'string' ? reason : undefined,
  };
}

/** A file as the container finds it. @param pid of its process */
export function fileIn(pid: number, path: string): string {
  return readFileSync(join(`/proc/${pid}/root`, path), 'utf8');
}

/** What it was started with. */
export function variablesOf(pid: number): ReadonlyMap<string, string> {
  const entries = readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0');
  return new Map(entries.map((entry) => [entry.replace(/=.*$/s, ''), entry.replace(/^[^=]*=/, '')]));
}
