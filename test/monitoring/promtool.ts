import { spawn } from 'node:child_process';
import { debianTool } from '../support/tools.ts';

/** One of its checks takes a second on a slow machine; one that hangs is ended. */
const TIMEOUT_MS = 120_000;

/** Runs promtool with those arguments. @param input what it reads from stdin */
export function promtool(
  args: readonly string[],
  input = '',
): Promise<{ readonly code: number | null; readonly output: string }> {
  const child = spawn(debianTool('promtool'), args, { timeout: TIMEOUT_MS });
  const output: Buffer[] = [];
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => output.push(chunk));
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => resolve({ code, output: Buffer.concat(output).toString() }));
    // It may end without having read everything; then its code says why.
    child.stdin.on('error', () => undefined);
    child.stdin.end(input);
  });
}
