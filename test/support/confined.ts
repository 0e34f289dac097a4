import { spawnSync } from 'node:child_process';

/** What a pod's securityContext asks of a process, as far as a kernel gives it without a container runtime. */
export interface Confinement {
  readonly user: number;
  readonly group: number;
  /** A folder that everybody may read, and where the process finds it: below /mnt. */
  readonly program: { readonly from: string; readonly at: string };
  /** Files of ours, copied into memory so that the process may read them, by where it finds them: below /mnt, /run or /etc. */
  readonly files: readonly { readonly from: string; readonly at: string }[];
}

/** A namespace of mounts: as root, or else as the root of a user namespace. */
const AS_ROOT: readonly string[] = ['unshare', '--mount', '--propagation', 'private'];
const AS_MAPPED_ROOT: readonly string[] = ['unshare', '--user', '--map-root-user', '--mount', '--propagation', 'private'];

/**
 * The words before a command that runs it as that user without any capability, without a way to get one (no_new_privs), and with every
 * file system read-only. A user namespace maps one user alone: there the process stays the user that it is, without capabilities.
 * @returns undefined where the kernel allows neither way, as in some containers
 */
export function confined({ user, group, program, files }: Confinement): readonly string[] | undefined {
  const way = possibleWay();
  if (way === undefined) return undefined;
  const asUser = way === AS_ROOT ? `--reuid ${user} --regid ${group} --clear-groups` : '';
  const script = [
    'set -e',
    // In memory and in this namespace only: nothing is left behind.
    'mount -t tmpfs -o mode=0755 tmpfs /mnt',
    'mount -t tmpfs -o mode=0755 tmpfs /run',
    `mkdir -p ${quoted(program.at)}`,
    `mount --bind ${quoted(program.from)} ${quoted(program.at)}`,
    // /etc with more in it, as a runtime gives it to a container.
    'mkdir /mnt/etc && { cp -a /etc/. /mnt/etc/ 2>/dev/null || true; } && mount --bind /mnt/etc /etc',
    ...files.flatMap(({ from, at }) => [
      `mkdir -p "$(dirname ${quoted(at)})"`,
      `cp ${quoted(from)} ${quoted(at)}`,
      `chmod a+r ${quoted(at)}`,
    ]),
    // Those of the kernel hold no files of ours.
    "awk '$3 !~ /^(proc|sysfs|devtmpfs|devpts|mqueue|cgroup2?)$/ {print $2}' /proc/mounts | while read -r place; do",
    '  mount -o remount,bind,ro "$place" 2>/dev/null || true',
    'done',
    `exec setpriv ${asUser} --no-new-privs --inh-caps=-all --bounding-set=-all -- "$@"`,
  ].join('\n');
  return [...way, 'sh', '-c', script, 'confined'];
}

/** Whether the kernel gives a namespace of mounts at all. */
export function canConfine(): boolean {
  return possibleWay() !== undefined;
}

function possibleWay(): readonly string[] | undefined {
  return [AS_ROOT, AS_MAPPED_ROOT].find(([command = '', ...args]) => spawnSync(command, [...args, 'true']).status === 0);
}

function quoted(path: string): string {
  return `'${path.replaceAll("'", "'\\''")}'`;
}
