import { type ChildProcess, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { createInterface } from 'node:readline';
import { namespaceOf } from './processes.ts';

/**
 * Settings of the kernel that a kubelet makes (its container manager, "setupKernelTunables"). They are the machine's: here it finds files in
 * their place.
 */
const TUNABLES = [
  '/proc/sys/vm/overcommit_memory',
  '/proc/sys/vm/panic_on_oom',
  '/proc/sys/kernel/panic',
  '/proc/sys/kernel/panic_on_oops',
  '/proc/sys/kernel/keys/root_maxkeys',
  '/proc/sys/kernel/keys/root_maxbytes',
];
/** By which a kubelet sees that the machine was started again. */
const BOOT_ID = '/proc/sys/kernel/random/boot_id';

/** A view of the file system that is the device's own, for one run of it: it is gone with the last process that sees it. */
export interface Mounts {
  /** Words before a program that is to see them: it becomes that program. */
  readonly enter: readonly string[];
  /** A process that only holds them. */
  readonly holder: number;
  /** `mnt:[4026532…]` */
  readonly namespace: string;
  release(): Promise<void>;
}

/** What follows a disk through a power cut; `/run` does not. */
const ON_DISK = ['/var/lib', '/var/log'];

/**
 * `/run` is empty; `/var/lib` and `/var/log` are folders of the device's disk.
 * @param disk a folder, kept from run to run
 */
export async function mountDevice(disk: string): Promise<Mounts> {
  const binds = ON_DISK.map((path) => [join(disk, path.slice(1)), path] as const);
  for (const [from] of binds) mkdirSync(from, { recursive: true });
  const files = [...TUNABLES, BOOT_ID].map((path) => {
    const file = join(disk, basename(path));
    writeFileSync(file, path === BOOT_ID ? `${randomUUID()}\n` : readFileSync(path));
    return [file, path] as const;
  });
  const lines = [
    'set -e',
    'mount -t tmpfs -o mode=0755 tmpfs /run',
    ...[...binds, ...files].map(([from, to]) => `mount --bind '${from}' '${to}'`),
    'echo mounted',
    // Until nobody is there that could write.
    'read -r _ || true',
  ];
  const holder = spawn('unshare', ['--mount', '--propagation', 'private', '/bin/sh', '-c', lines.join('\n')], {
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  await mounted(holder);
  const { pid = 0 } = holder;
  return {
    enter: ['nsenter', `--mount=/proc/${pid}/ns/mnt`, '--'],
    holder: pid,
    namespace: namespaceOf(pid) ?? '',
    async release() {
      if (holder.exitCode !== null || holder.signalCode !== null) return;
      const ended = once(holder, 'exit');
      holder.stdin.end();
      await ended;
    },
  };
}

async function mounted(holder: ChildProcess): Promise<void> {
  let said = '';
  holder.stderr?.setEncoding('utf8').on('data', (text: string) => {
    said += text;
  });
  const { stdout } = holder;
  if (stdout === null) throw new Error('unshare has no output');
  for await (const line of createInterface({ input: stdout })) if (line === 'mounted') return;
  throw new Error(`the device's mounts cannot be made: ${said.trim()}`);
}
