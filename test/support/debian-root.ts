import { execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { debianTool } from './tools.ts';

/** A Debian in a folder: its own mounts and processes, the network of this machine. */
export interface DebianRoot {
  /** Its root, as this machine sees it below the namespace of its mounts: files are to be read by `run`. */
  run(...command: readonly string[]): RootResult;
  /** The words before a command that runs it in there. */
  readonly inside: readonly string[];
  /** Ends every process in it; its mounts are gone with them. The same happens when this process ends, however that is. */
  close(): Promise<void>;
}

export interface RootResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RootOptions {
  /** A folder of this machine, read-only at /mnt. */
  readonly mnt: string;
  /** Whether its systemd runs it, as it would a machine. Default false: as in a chroot. */
  readonly boots?: boolean;
}

/** Names the Debian in the folder, such as `trixie`; that of this machine where it is not set. Its debootstrap has to know the name. */
const SUITE_VARIABLE = 'HAWSER_TEST_SUITE';
/** What the agent's package and unit need; apt of Debian 12 and before brings adduser by itself. */
const VARIANT = ['--variant=minbase', '--include=systemd,adduser'];
/** On a slow mirror, in milliseconds. */
const BOOTSTRAP_MS = 15 * 60_000;
const COMMAND_MS = 2 * 60_000;
/** Enough for systemd's journal and two agents. */
const UPPER_BYTES = '1500m';

/** Why this machine cannot have one; false where it can. */
export function withoutDebianRoot(): string | false {
  return process.geteuid?.() === 0 ? false : 'a Debian in a folder takes root: mounts, and users of its own';
}

/**
 * A new one, over a base that debootstrap makes once (some two minutes, 240 MB) in ~/.cache/hawser, or below XDG_CACHE_HOME. Whatever happens in
 * it is in memory.
 */
export async function openDebianRoot({ mnt, boots = false }: RootOptions): Promise<DebianRoot> {
  const base = ensureBase();
  const place = mkdtempSync(join(tmpdir(), 'hawser-root-'));
  const root = join(place, 'root');
  const script = [
    'set -e',
    `mount -t tmpfs -o size=${UPPER_BYTES},mode=0755 tmpfs ${place}`,
    `mkdir ${place}/upper ${place}/work ${root}`,
    `mount -t overlay -o lowerdir=${base},upperdir=${place}/upper,workdir=${place}/work overlay ${root}`,
    `mount -t proc proc ${root}/proc`,
    `mount -t sysfs -o ro sysfs ${root}/sys`,
    `mount -t tmpfs -o mode=0755 tmpfs ${root}/run`,
    `mount -t tmpfs -o mode=1777 tmpfs ${root}/tmp`,
    `mount -t tmpfs -o mode=0755 tmpfs ${root}/dev`,
    `mkdir ${root}/dev/pts ${root}/dev/shm`,
    `for device in null zero full random urandom tty; do touch ${root}/dev/$device; mount --bind /dev/$device ${root}/dev/$device; done`,
    `ln -s /proc/self/fd ${root}/dev/fd`,
    `mount -t devpts -o newinstance,ptmxmode=0666 devpts ${root}/dev/pts`,
    `ln -s pts/ptmx ${root}/dev/ptmx`,
    `mount --bind ${mnt} ${root}/mnt`,
    `mount -o remount,bind,ro ${root}/mnt`,
    ...(boots
      ? [
          `mount -t tmpfs -o mode=0755 tmpfs ${root}/sys/fs/cgroup`,
          `mount -t cgroup2 cgroup2 ${root}/sys/fs/cgroup`,
          // As systemd has it on a machine, and a manager of containers makes it: what it mounts for a service, such as its credentials, gets there.
          `mount --make-rshared ${root}`,
          // Systemd's name for a container that is none of the known ones: it leaves the machine's hardware alone.
          `exec env -i container=other PATH=/usr/sbin:/usr/bin chroot ${root} /lib/systemd/systemd --log-target=journal`,
        ]
      : ['echo up', 'exec sleep infinity']),
  ].join('\n');
  // The shell outside has our end of the pipe: when that is closed, by us or by the kernel, it ends the first process in there, and all with it.
  const holder = spawn(
    'sh',
    [
      '-c',
      'unshare --mount --propagation private --pid --fork --kill-child=KILL --ipc --uts --cgroup sh -c "$1" & ' +
        'echo $!; read -r _; { kill -KILL $!; wait $!; } 2>/dev/null',
      'holder',
      script,
    ],
    { stdio: ['pipe', 'pipe', 'inherit'] },
  );
  const ended = new Promise<void>((resolve) => holder.once('exit', () => resolve()));
  const unshared = await new Promise<number>((resolve) =>
    holder.stdout.once('data', (data: Buffer) => resolve(Number.parseInt(String(data), 10))),
  );
  const close = async () => {
    holder.stdin.end();
    await ended;
    rmSync(place, { recursive: true, force: true });
  };
  try {
    const first = await firstProcess(unshared, ended);
    const inside = [
      'nsenter',
      `--target=${first}`,
      '--mount',
      '--pid',
      '--ipc',
      '--uts',
      '--cgroup',
      'env',
      '-i',
      'PATH=/usr/sbin:/usr/bin:/sbin:/bin',
      'DEBIAN_FRONTEND=noninteractive',
      'LC_ALL=C.UTF-8',
      'chroot',
      root,
    ];
    const run = (...command: readonly string[]) => result([...inside, ...command]);
    // The last of the mounts; systemd has its own socket when it takes commands.
    const isUp = boots ? ['systemctl', 'is-system-running', '--wait'] : ['test', '-e', '/mnt'];
    const deadline = Date.now() + COMMAND_MS;
    for (;;) {
      const { stdout, code } = run(...isUp);
      if (code === 0 || /^(running|degraded)$/m.test(stdout)) return { run, inside, close };
      if (Date.now() > deadline) throw new Error(`the Debian in ${place} does not come up: ${stdout}`);
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  } catch (error) {
    await close();
    throw error;
  }
}

async function firstProcess(unshared: number, ended: Promise<void>): Promise<number> {
  let hasEnded = false;
  void ended.then(() => {
    hasEnded = true;
  });
  while (!hasEnded) {
    const [first] = readChildren(unshared);
    if (first !== undefined) return first;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error('the namespaces of a Debian in a folder could not be made');
}

function readChildren(pid: number): readonly number[] {
  const path = `/proc/${pid}/task/${pid}/children`;
  return existsSync(path)
    ? readFileSync(path, 'utf8')
        .trim()
        .split(' ')
        .filter((word) => word !== '')
        .map(Number)
    : [];
}

function result(command: readonly string[]): RootResult {
  const [program = '', ...args] = command;
  try {
    const stdout = execFileSync(program, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'], timeout: COMMAND_MS });
    return { code: 0, stdout, stderr: '' };
  } catch (error) {
    const { status = null, stdout = '', stderr = '' } = error as { status?: number | null; stdout?: string; stderr?: string };
    if (status === null) throw error;
    return { code: status, stdout, stderr };
  }
}

function ensureBase(): string {
  const cache = join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'hawser', 'debian');
  const { mirror, codename: own } = aptSource();
  const codename = process.env[SUITE_VARIABLE] || own;
  const base = join(cache, codename);
  if (existsSync(base)) return base;
  mkdirSync(cache, { recursive: true });
  const fresh = mkdtempSync(join(cache, `${codename}.new-`));
  try {
    execFileSync(debianTool('debootstrap'), [...VARIANT, codename, fresh, mirror], {
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: BOOTSTRAP_MS,
    });
    renameSync(fresh, base);
  } catch (cause) {
    rmSync(fresh, { recursive: true, force: true });
    // Another test may have been quicker.
    if (!existsSync(base))
      throw new Error(`debootstrap of ${codename} failed: ${String((cause as { stdout?: Buffer }).stdout).slice(-2000)}`, {
        cause,
      });
  }
  return base;
}

/** Where this machine has its own packages from. */
function aptSource(): { readonly mirror: string; readonly codename: string } {
  const codename = /^VERSION_CODENAME=(\w+)$/m.exec(readFileSync('/etc/os-release', 'utf8'))?.[1];
  const lines = execFileSync(
    'apt-get',
    ['indextargets', '--format', '$(CODENAME) $(SITE)', 'Created-By: Packages', 'Origin: Debian'],
    { encoding: 'utf8' },
  );
  const mirror = lines
    .split('\n')
    .find((line) => line.startsWith(`${codename} `))
    ?.split(' ')[1];
  if (codename === undefined || mirror === undefined) throw new Error('apt-get names no mirror of this Debian: apt-get update');
  return { mirror, codename };
}
