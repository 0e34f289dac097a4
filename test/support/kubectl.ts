import { execFileSync } from 'node:child_process';

/** The kubectl that `KUBECTL` names, or the one on PATH; undefined where there is none. */
export function findKubectl(): string | undefined {
  const command = process.env.KUBECTL ?? 'kubectl';
  try {
    execFileSync(command, ['version', '--client'], { stdio: 'ignore' });
    return command;
  } catch {
    return undefined;
  }
}
