import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseJson } from '@hawser/protocol';
import * as v from 'valibot';

const Sandbox = v.object({
  /** Run of the machine in which it was started. */
  boot: v.string(),
  namespace: v.string(),
  name: v.string(),
  ip: v.string(),
  /** Of its containers, each time that the machine was started. */
  attempt: v.number(),
  startedAt: v.string(),
});
const State = v.object({ lastAddress: v.number(), sandboxes: v.record(v.string(), Sandbox) });

/** A pod whose containers run. */
export type Sandbox = v.InferOutput<typeof Sandbox>;

/** In place of containerd: what runs goes on when the kubelet is gone, and ends when the machine is started anew. */
export interface Runtime {
  /** What runs, by uid of the pod. */
  readonly sandboxes: ReadonlyMap<string, Sandbox>;
  /** Pods that ran when the machine went down, by uid: nothing of them is in memory any more. */
  readonly lost: readonly string[];
  /** Starts the containers of a pod, or says how they run. */
  start(uid: string, pod: { readonly namespace: string; readonly name: string }, startedAt: string): Sandbox;
  stop(uid: string): void;
}

const FILE = 'runtime.json';
/** Pods get 10.244.0.2 and up, and from there again. */
const ADDRESSES = 250;

/**
 * @param folder where it is kept; undefined: in memory, and a kubelet that starts finds nothing running
 * @param boot names one run of the machine: what ran in another has ended
 */
export function openRuntime(folder: string | undefined, boot: string): Runtime {
  const kept = folder === undefined ? undefined : readState(folder);
  let lastAddress = kept?.lastAddress ?? 0;
  const sandboxes = new Map<string, Sandbox>();
  /** Of other runs: the next start of their pods is another attempt. */
  const ended = new Map<string, Sandbox>();
  for (const [uid, sandbox] of Object.entries(kept?.sandboxes ?? {})) {
    (sandbox.boot === boot ? sandboxes : ended).set(uid, sandbox);
  }
  const save = () => {
    if (folder === undefined) return;
    const state = { lastAddress, sandboxes: Object.fromEntries([...ended, ...sandboxes]) };
    writeFileSync(join(folder, `${FILE}.new`), JSON.stringify(state), { mode: 0o600 });
    renameSync(join(folder, `${FILE}.new`), join(folder, FILE));
  };
  return {
    sandboxes,
    lost: [...ended.keys()],
    start(uid, { namespace, name }, startedAt) {
      const running = sandboxes.get(uid);
      if (running !== undefined) return running;
      lastAddress = (lastAddress % ADDRESSES) + 1;
      const attempt = (ended.get(uid)?.attempt ?? -1) + 1;
      ended.delete(uid);
      const sandbox = { boot, namespace, name, ip: `10.244.0.${lastAddress + 1}`, attempt, startedAt };
      sandboxes.set(uid, sandbox);
      save();
      return sandbox;
    },
    stop(uid) {
      const wasEnded = ended.delete(uid);
      if (sandboxes.delete(uid) || wasEnded) save();
    },
  };
}

/** Of a container in that sandbox, as containerd writes them. */
export function containerId(uid: string, container: string, attempt: number): string {
  return `containerd://${sha256(`${uid}/${container}/${attempt}`)}`;
}

export function imageId(image: string): string {
  return `sha256:${sha256(image)}`;
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

function readState(folder: string): v.InferOutput<typeof State> | undefined {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  try {
    return v.parse(State, parseJson(readFileSync(join(folder, FILE), 'utf8')));
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
}
