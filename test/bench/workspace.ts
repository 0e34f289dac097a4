import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { ROOT, runCommand } from '../support/processes.ts';

/** USER_HZ of Linux, the same on all its platforms. */
const CLOCK_TICKS_PER_SECOND = 100;

/** Where a benchmark runs, and what is measured: the programs as users run them. */
export interface Workspace {
  /** For stores, keys and logs. */
  readonly dir: string;
  readonly relayMain: string;
  readonly agentMain: string;
}

/** Builds the bundles, makes a folder, and removes both when `work` has ended, however it ended. */
export async function withWorkspace<T>(work: (workspace: Workspace) => Promise<T>): Promise<T> {
  const dir = mkdtempSync(join(tmpdir(), 'hawser-bench-'));
  // Inside the project, since the native SQLite is found in its node_modules.
  mkdirSync(join(ROOT, 'dist'), { recursive: true });
  const bundles = mkdtempSync(join(ROOT, 'dist', 'bench-'));
  try {
    const { code, stderr } = await runCommand({ name: 'build', args: ['scripts/build.ts', bundles] });
    if (code !== 0) throw new Error(`the bundles were not built:\n${stderr}`);
    return await work({
      dir,
      relayMain: join(bundles, 'hawser-relay.mjs'),
      agentMain: join(bundles, 'hawser-agent.mjs'),
    });
  } finally {
    rmSync(dir, { recursive: true, force: true });
    rmSync(bundles, { recursive: true, force: true });
  }
}

/** @returns Node's flags for a CPU profile of each process, written when it ends; the folder is seen from where npm was run */
export function profileFlags(folder: string | undefined): readonly string[] {
  return folder === undefined ? [] : ['--cpu-prof', '--cpu-prof-dir', resolve(process.env.INIT_CWD ?? process.cwd(), folder)];
}

/** Memory of a process, in MiB: all that is resident, the part that no file backs, and the most that was ever resident (proc(5)). */
export async function memoryOf(
  pid: number,
): Promise<{ readonly rss: number; readonly anonymous: number; readonly peak: number }> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  const field = (name: string) => {
    const kibibytes = new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(status)?.[1];
    if (kibibytes === undefined) throw new Error(`/proc/${pid}/status has no ${name}`);
    return Number(kibibytes) / 1024;
  };
  return { rss: field('VmRSS'), anonymous: field('RssAnon'), peak: field('VmHWM') };
}

/** Processor time that a process has used so far, in ms: whatever else the machine does, it counts only its own work (proc(5)). */
export async function cpuMsOf(pid: number): Promise<number> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
  // After the name in parentheses, which may hold anything: utime and stime are the 12th and 13th.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return ((Number(fields[11]) + Number(fields[12])) * 1000) / CLOCK_TICKS_PER_SECOND;
}

/** Node raises the soft limit to the hard one by itself. @throws when a process may not open so many files */
export async function requireFiles(count: number): Promise<void> {
  const hard = /^Max open files\s+\d+\s+(\d+|unlimited)/m.exec(await readFile('/proc/self/limits', 'utf8'))?.[1];
  if (hard === undefined || hard === 'unlimited' || Number(hard) >= count) return;
  throw new Error(
    `a relay with so many agents opens ${count} files, and this machine allows a process ${hard}: ` +
      `raise the limit (ulimit -Hn ${count}, as root) or measure fewer --nodes`,
  );
}
