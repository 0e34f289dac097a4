import { homedir } from 'node:os';
import { join } from 'node:path';
import { isExecutable } from '../executable.ts';
import source from './source.json' with { type: 'json' };

/** What is built, by its folder below `cmd/`. */
export const BUILT = ['kube-apiserver', 'kube-controller-manager', 'kube-scheduler', 'kubelet'] as const;

/** What comes out of packages of Debian, by the package that holds it. */
export const PACKAGED = {
  etcd: 'etcd-server',
  etcdctl: 'etcd-client',
  containerd: 'containerd',
  'containerd-shim-runc-v2': 'containerd',
  ctr: 'containerd',
  runc: 'runc',
} as const;

export type KubernetesProgram = (typeof BUILT)[number] | keyof typeof PACKAGED;

export const PROGRAMS: readonly KubernetesProgram[] = [...BUILT, ...(Object.keys(PACKAGED) as (keyof typeof PACKAGED)[])];

/** As `/version` says it, without the v. */
export const KUBERNETES_VERSION = source.version;

/** `~/.cache/hawser/kubernetes-VERSION`, or below XDG_CACHE_HOME: the programs, and nothing else. */
export function programFolder(env: NodeJS.ProcessEnv = process.env): string {
  return join(env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'hawser', `kubernetes-${KUBERNETES_VERSION}`);
}

/** Those of the wanted ones that are not there, or may not be run. */
export function missingPrograms(folder = programFolder(), wanted = PROGRAMS): readonly KubernetesProgram[] {
  return wanted.filter((name) => !isExecutable(join(folder, name)));
}
