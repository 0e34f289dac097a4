import { spawn } from 'node:child_process';

export interface RunOptions {
  readonly cwd?: string;
  readonly env?: NodeJS.ProcessEnv;
  readonly timeoutMs: number;
  /** Called with each line of stderr. */
  readonly onLine?: (line: string) => void;
}

/** Output kept, in characters: what a failure shows at its end, and more than any list that is read here. */
const KEPT = 1024 * 1024;
const SHOWN = 3_000;

/**
 * Runs a command to its end.
 * @returns its stdout
 * @throws Error with the end of what it said, where it is missing, fails, or takes too long
 */
export function run(command: string, args: readonly string[], options: RunOptions): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
      env: { ...(options.env ?? process.env), LC_ALL: 'C' },
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: options.timeoutMs,
    });
    let stdout = '';
    let stderr = '';
    let rest = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout = `${stdout}${text}`.slice(-KEPT);
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr = `${stderr}${text}`.slice(-KEPT);
      const lines = `${rest}${text}`.split('\n');
      rest = (lines.pop() ?? '').slice(-KEPT);
      for (const line of lines) options.onLine?.(line);
    });
    const words = `${command} ${args.join(' ')}`.slice(0, 200);
    child.once('error', (cause: NodeJS.ErrnoException) => {
      reject(
        new Error(cause.code === 'ENOENT' ? `there is no ${command} on this machine` : `${words}: ${cause.message}`, { cause }),
      );
    });
    child.once('close', (code, signal) => {
      if (code === 0) resolve(stdout);
      else reject(new Error(`${words} ended with ${code ?? signal}:\n${(stderr.trim() || stdout.trim()).slice(-SHOWN)}`));
    });
  });
}
