import { spawnSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { chmodSync } from 'node:fs';
import { type RunningProcess, startProcess } from '../support/processes.ts';

/** What a Deployment asks of a container beside its user. */
export interface ContainerSecurity {
  readonly readOnlyRootFilesystem: boolean;
  readonly allowPrivilegeEscalation: boolean;
  readonly capabilities: { readonly drop: readonly string[] };
}

export interface ContainerOptions {
  readonly name: string;
  readonly image: string;
  readonly args: readonly string[];
  readonly user: number;
  readonly group: number;
  readonly security: ContainerSecurity;
  /** Of this machine, by where the container finds them. */
  readonly files: readonly { readonly from: string; readonly at: string }[];
  readonly env: Readonly<Record<string, string>>;
  readonly logFile: string;
}

export interface Container {
  /** Its main process, as long as it runs: SIGTERM is passed on, and `kill` ends it inside. */
  readonly process: RunningProcess;
  /** To its main process. */
  signal(what: NodeJS.Signals): void;
  /** What runs another command in it. */
  readonly execWords: { readonly before: readonly string[]; readonly node: string };
}

/** A program with Podman's command line that takes an image by its name, where a tester has one: none by default. */
export function runtime(env: NodeJS.ProcessEnv = process.env): string | undefined {
  return env.HAWSER_TEST_RUNTIME || undefined;
}

/** A container of the image under the name that the Deployment gives it, with what the Deployment asks for, on this machine's network. */
export function startContainer(options: ContainerOptions, podman: string): Container {
  const { name, image, args, user, group, security, files, env, logFile } = options;
  // As a kubelet makes them: of root, and everybody may read. They lie in a folder of this test's.
  for (const { from } of files) chmodSync(from, 0o644);
  // Of this test alone: another run may have left one.
  const own = `${name}-${randomUUID().slice(0, 8)}`;
  const before = [
    ...[podman, 'run', '--rm', '--name', own, '--network', 'host', '--user', `${user}:${group}`],
    ...(security.readOnlyRootFilesystem ? ['--read-only', '--read-only-tmpfs=false'] : []),
    ...(security.allowPrivilegeEscalation ? [] : ['--security-opt', 'no-new-privileges']),
    ...security.capabilities.drop.flatMap((capability) => ['--cap-drop', capability.toLowerCase()]),
    ...files.flatMap(({ from, at }) => ['--volume', `${from}:${at}:ro`]),
    // By name: the values are in its environment.
    ...Object.keys(env).flatMap((variable) => ['--env', variable]),
  ];
  const process = startProcess({ name, before, node: image, args, env, logFile });
  const signal = (what: NodeJS.Signals) => {
    const { status, stderr } = spawnSync(podman, ['kill', '--signal', what, own], { encoding: 'utf8' });
    if (status !== 0) throw new Error(`${podman} kill --signal ${what} ${own}: ${stderr}`);
  };
  // Who is killed can pass nothing on.
  const kill = async () => {
    spawnSync(podman, ['rm', '--force', '--ignore', own]);
    return process.exited;
  };
  const execWords = { before: [podman, 'exec', own], node: '/usr/bin/hawser-relay' };
  return { process: { ...process, kill }, signal, execWords };
}
