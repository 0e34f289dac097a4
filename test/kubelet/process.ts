import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type RunningProcess, startProcess } from '../support/processes.ts';
import type { Happening } from './happenings.ts';

/** A played kubelet as a process of its own, beside an agent. */
export interface KubeletProcess extends RunningProcess {
  readonly happened: readonly Happening[];
}

export interface KubeletProcessOptions {
  readonly node: string;
  /** Of the agent: it says what the kubelet is let in by. */
  readonly dataDir: string;
  /** `https://127.0.0.1:6444` */
  readonly server: string;
  /** Keeps what is mounted and what runs, over restarts. */
  readonly root: string;
  /** Names one run of the machine. */
  readonly boot?: string;
  readonly staticPods?: string;
  /** `--sync-ms`, `1000`, `--protobuf` */
  readonly flags?: readonly string[];
  readonly logFile?: string;
}

/** Whoever starts it ends it. */
export function startKubeletProcess(options: KubeletProcessOptions): KubeletProcess {
  const { node, dataDir, server, root, boot, staticPods, logFile } = options;
  const flags = {
    ...{ '--node': node, '--server': server, '--root': root },
    ...{ '--ca': join(dataDir, 'api.crt'), '--token-file': join(dataDir, 'kubelet.token') },
    ...(boot === undefined ? {} : { '--boot': boot }),
    ...(staticPods === undefined ? {} : { '--static-pods': staticPods }),
  };
  const running = startProcess({
    name: `played kubelet ${node}`,
    args: ['test/kubelet/main.ts', ...Object.entries(flags).flat(), ...(options.flags ?? [])],
    ...(logFile === undefined ? {} : { logFile }),
  });
  return { ...running, happened: running.lines as readonly Happening[] };
}

/** Undefined where nothing is mounted. @param path `VOLUME/PATH` */
export function mountedFile(root: string, podUid: string, path: string): string | undefined {
  try {
    return readFileSync(join(root, 'pods', podUid, path), 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
}

/** Its name is made up by the cluster. */
export function mountedToken(root: string, podUid: string): string | undefined {
  const volume = readdirSync(join(root, 'pods', podUid)).find((name) => name.startsWith('kube-api-access-'));
  return volume === undefined ? undefined : mountedFile(root, podUid, `${volume}/token`);
}
