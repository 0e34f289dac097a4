import { readFile } from 'node:fs/promises';
import { concurrently } from '../concurrently.ts';
import type { Random } from '../random.ts';
import type { BenchClient } from './client.ts';
import { NAMESPACE, podStatus } from './objects.ts';

export interface WrittenStatuses {
  readonly perSecond: number;
  readonly bytesEach: number;
}

/**
 * Status patches as a kubelet sends them, each another one, durable before it is answered.
 * @param atATime requests under way
 */
export async function writeStatuses(
  client: BenchClient,
  pid: number,
  { names, count, atATime, random }: { names: readonly string[]; count: number; atATime: number; random: Random },
): Promise<WrittenStatuses> {
  const numbers = Array.from({ length: count }, (_, n) => n);
  const before = await bytesWrittenBy(pid);
  const beganAt = performance.now();
  await concurrently(numbers, atATime, async (n) => {
    const name = names[n % names.length] ?? '';
    const isReady = Math.floor(n / names.length) % 2 === 1;
    const { status } = await client.call(
      'PATCH',
      `/api/v1/namespaces/${NAMESPACE}/pods/${name}/status`,
      { status: podStatus(random, name, isReady) },
      { 'content-type': 'application/strategic-merge-patch+json' },
    );
    if (status !== 200) throw new Error(`a status patch was answered ${status}`);
  });
  const seconds = (performance.now() - beganAt) / 1000;
  return { perSecond: count / seconds, bytesEach: ((await bytesWrittenBy(pid)) - before) / count };
}

/** What the process has made the kernel write to storage so far: pages of the log and, at checkpoints, of the database (proc(5)). */
async function bytesWrittenBy(pid: number): Promise<number> {
  const io = await readFile(`/proc/${pid}/io`, 'utf8');
  const bytes = /^write_bytes: (\d+)$/m.exec(io)?.[1];
  if (bytes === undefined) throw new Error(`/proc/${pid}/io has no write_bytes`);
  return Number(bytes);
}
