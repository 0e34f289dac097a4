import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import { systemProcesses } from '@hawser/edge';
import { type RunningProcess, startProcess } from '../support/processes.ts';
import { until } from '../support/until.ts';
import { type CgroupRoot, makeCgroupRoot } from './cgroups.ts';
import { containerdConfig, podNetwork } from './containerd-config.ts';
import { busyboxImage } from './image.ts';
import { type Mounts, mountDevice } from './mounts.ts';
import { killAll, pidsIn } from './processes.ts';
import type { DevicePrograms } from './programs.ts';

/** A device as its containers and its kubelet see it: disk, cgroups, containerd. Whoever has made it stops it. */
export interface Machine {
  /** A program that becomes the kubelet on this machine: for the agent, or by the lines for systemd. */
  readonly kubelet: string;
  /** Fields of a KubeletConfiguration that this machine needs otherwise than a device of its own. */
  readonly configuration: Readonly<Record<string, unknown>>;
  /** Flags of the same kind. */
  readonly flags: readonly string[];
  /** Power comes. Resolves when containerd answers. */
  start(): Promise<void>;
  /** Power goes: kubelet, containerd and containers are killed, and what was mounted is gone. The disk stays. */
  cut(): Promise<void>;
  /** containerd alone ends, with SIGTERM, and starts again: its containers go on. */
  restartContainerd(): Promise<void>;
  /** Kubelets that run here. */
  kubelets(): readonly number[];
  /** Ids of containers that run, the pods' sandboxes among them, with their process. */
  containers(): Promise<ReadonlyMap<string, number>>;
  /** Power goes, and nothing is left of it but `dir`. */
  stop(): Promise<void>;
}

const WAIT_MS = 60_000;
const NAMESPACE = 'k8s.io';
/** From here on the runtime stands in the configuration; before there were flags (Kubernetes 1.27, "containerRuntimeEndpoint"). */
const CONFIGURED_RUNTIME_MINOR = 27;
/** An older kubelet asks its API server five times a second and no more (the same version, "kubeAPIQPS"). */
const NEWER_DEFAULTS = { kubeAPIQPS: 50, kubeAPIBurst: 100 };
/** The oldest that the agent starts. */
const OLDEST_MINOR = 30;

const run = promisify(execFile);

/** @param dir of its disk and logs; whoever made it removes it after `stop` */
export async function makeMachine(dir: string, programs: DevicePrograms): Promise<Machine> {
  const id = randomBytes(4).toString('hex');
  const bridge = `hw${id}`;
  const [config, network, image] = [join(dir, 'containerd.toml'), join(dir, 'cni'), join(dir, 'image.tar')];
  const socket = join(dir, 'containerd.sock');
  const kubelet = join(dir, 'kubelet');
  mkdirSync(network);
  writeFileSync(config, containerdConfig(programs, socket, network));
  writeFileSync(join(network, '10-pods.conflist'), podNetwork(bridge));
  writeFileSync(image, busyboxImage(programs.busybox));
  writeFileSync(join(dir, 'resolv.conf'), 'nameserver 192.0.2.53\n');
  const { stdout } = await run(programs.kubelet, ['--version']);
  // One that was built by hand may say v0.0.0: it is taken for an old one.
  const minor = Number(/v1\.(\d+)\./.exec(stdout)?.[1] ?? 0);
  let hasImage = false;
  let on: { readonly mounts: Mounts; readonly cgroups: CgroupRoot; containerd: RunningProcess } | undefined;

  const env = { PATH: [...programs.folders, process.env.PATH].join(delimiter) };
  const ctr = async (...args: string[]) => {
    if (on === undefined) throw new Error('the machine is off');
    const [command = '', ...before] = on.mounts.enter;
    return run(command, [...before, programs.ctr, '--address', socket, '--namespace', NAMESPACE, ...args], { env });
  };
  const startContainerd = ({ enter }: Mounts) =>
    startProcess({
      ...{ name: 'containerd', before: enter, node: programs.containerd, args: ['--config', config], env },
      logFile: join(dir, 'containerd.log'),
    });
  const answers = () =>
    until(
      'containerd answers',
      WAIT_MS,
      undefined,
      async () => (await ctr('plugins', 'ls')).stdout.match(/\bcri\b.*\bok\b/) !== null,
    );
  const cut = async () => {
    if (on === undefined) return;
    const { mounts, cgroups, containerd } = on;
    await killAll('containerd, its shims and its kubelet', () => pidsIn(mounts.namespace).filter((pid) => pid !== mounts.holder));
    await killAll('containers', cgroups.pids);
    await containerd.exited;
    await mounts.release();
    await until('cgroups are empty', WAIT_MS, undefined, async () => {
      cgroups.remove();
      return true;
    });
    on = undefined;
    await run('ip', ['link', 'delete', bridge]).catch(() => {
      // No pod has had a network of its own.
    });
  };
  return {
    kubelet,
    configuration: {
      ...(minor < CONFIGURED_RUNTIME_MINOR ? NEWER_DEFAULTS : {}),
      containerRuntimeEndpoint: `unix://${socket}`,
      ...{ cgroupRoot: `/hawser-${id}`, cgroupDriver: 'cgroupfs', failCgroupV1: false },
      ...{ resolvConf: join(dir, 'resolv.conf'), makeIPTablesUtilChains: false },
      // The disk and memory of this machine are others' too: nothing here is evicted or collected for them.
      ...{ evictionHard: { 'memory.available': '1Mi' }, imageGCHighThresholdPercent: 100, imageGCLowThresholdPercent: 99 },
    },
    flags:
      minor < CONFIGURED_RUNTIME_MINOR ? ['--container-runtime=remote', `--container-runtime-endpoint=unix://${socket}`] : [],
    async start() {
      const mounts = await mountDevice(join(dir, 'disk'));
      const cgroups = makeCgroupRoot(`hawser-${id}`);
      on = { mounts, cgroups, containerd: startContainerd(mounts) };
      writeFileSync(kubelet, kubeletScript(programs.kubelet, mounts, minor), { mode: 0o755 });
      await answers();
      if (!hasImage) await ctr('images', 'import', image);
      hasImage = true;
    },
    cut,
    async restartContainerd() {
      if (on === undefined) throw new Error('the machine is off');
      await on.containerd.stop();
      on.containerd = startContainerd(on.mounts);
      await answers();
    },
    kubelets: () => {
      if (on === undefined) return [];
      const { namespace } = on.mounts;
      return pidsIn(namespace).filter((pid) => systemProcesses.argumentsOf(pid)?.[0] === programs.kubelet);
    },
    async containers() {
      const { stdout: table } = await ctr('tasks', 'ls');
      const rows = table.split('\n').map((line) => line.split(/\s+/));
      return new Map(rows.flatMap(([name = '', pid, state]) => (state === 'RUNNING' ? [[name, Number(pid)] as const] : [])));
    },
    async stop() {
      await cut();
      rmSync(join(dir, 'disk'), { recursive: true, force: true });
    },
  };
}

/**
 * Becomes the kubelet within the device's mounts. The agent starts none that is older than 1.30: one that is older says that it is, to
 * the agent alone; what the Node shows in the cluster is its own.
 */
function kubeletScript(program: string, { enter }: Mounts, minor: number): string {
  const version = minor < OLDEST_MINOR ? `echo 'Kubernetes v1.${OLDEST_MINOR}.0'` : `'${program}' --version`;
  return `#!/bin/sh
if [ "$1" = --version ]; then ${version}; exit; fi
exec ${enter.join(' ')} '${program}' "$@"
`;
}
