import { spawn } from 'node:child_process';
import { delimiter } from 'node:path';
import { createLineReader } from './line-reader.ts';
import { MARK } from './processes.ts';
import type { KubeletProcess } from './supervisor.ts';

export interface SpawnOptions {
  readonly program: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** A line of its output, of either stream. */
  readonly onLine: (line: string) => void;
}

/** Where kubelets look for mount, iptables and the like; a unit of systemd may have a shorter PATH. */
const TOOLS = ['/usr/local/sbin', '/usr/local/bin', '/usr/sbin', '/usr/bin', '/sbin', '/bin'];
/** After its end, for the last lines of its output, in milliseconds: a program that it has left behind may hold the pipe open. */
const DRAIN_MS = 500;

/**
 * What a kubelet gets of the environment: nothing that means something else to it (`NOTIFY_SOCKET`, settings of the agent, proxies), and
 * nothing that is secret. HOME is where it looks for credentials of registries.
 */
export function kubeletEnvironment(
  { PATH, HOME }: Readonly<Record<string, string | undefined>>,
  config: string,
): Readonly<Record<string, string>> {
  const folders = new Set([...(PATH ?? '').split(delimiter), ...TOOLS].filter((folder) => folder !== ''));
  return { PATH: [...folders].join(delimiter), ...(HOME === undefined ? {} : { HOME }), [MARK]: config };
}

/**
 * Starts it in a session of its own, so that Ctrl-C in a terminal reaches the agent alone, which ends it in order. When the agent is
 * killed, the pipe of its output breaks, and a kubelet ends with the next line that it writes (Go's runtime: SIGPIPE on stderr).
 * @throws Error of Node for a program that cannot be started
 */
export async function spawnKubelet({ program, args, env, onLine }: SpawnOptions): Promise<KubeletProcess> {
  const child = spawn(program, [...args], { cwd: '/', env, stdio: ['ignore', 'pipe', 'pipe'], detached: true });
  // Whatever ends this process in a hurry takes it along: nothing is left to a terminal that somebody closes.
  const takeAlong = () => child.kill('SIGKILL');
  process.once('exit', takeAlong);
  for (const stream of [child.stdout, child.stderr]) {
    const reader = createLineReader(onLine);
    stream.on('data', (chunk: Buffer) => reader.push(chunk)).once('close', () => reader.end());
  }
  const closed = new Promise<void>((resolve) => child.once('close', () => resolve()));
  const ended = new Promise<string>((resolve) => {
    child.once('exit', (code, signal) => {
      process.removeListener('exit', takeAlong);
      const drained = setTimeout(() => {
        child.stdout.destroy();
        child.stderr.destroy();
      }, DRAIN_MS);
      void closed.then(() => {
        clearTimeout(drained);
        resolve(signal === null ? `it has ended with code ${code}` : `it was ended by ${signal}`);
      });
    });
  });
  await new Promise<void>((resolve, reject) => {
    child.once('spawn', resolve).once('error', (error) => {
      process.removeListener('exit', takeAlong);
      reject(error);
    });
  });
  // Of a signal that could not be sent: then it has ended, which is told.
  child.on('error', () => {});
  return { pid: child.pid ?? 0, ended, kill: (signal) => child.kill(signal) };
}
