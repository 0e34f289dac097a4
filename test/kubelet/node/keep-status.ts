import { timestamp } from '@hawser/edge';
import type { Reflector, Surroundings } from '../reflector.ts';
import { wait } from '../wait.ts';
import { nodePatch, patchStatus } from './register.ts';

/** As the kubelet's: it looks at its Node so often, and writes heartbeats so often where nothing else changes. Milliseconds. */
const LOOK_EVERY_MS = 10_000;
const BEAT_EVERY_MS = 300_000;

/** Says anew that the node is Ready when somebody else has said that it is not, and every five minutes. Ends with the kubelet. */
export async function keepNodeStatus(around: Surroundings, name: string, nodes: Reflector): Promise<void> {
  const { clock, happen, signal } = around;
  let beatAt = clock.now().getTime();
  for (;;) {
    await wait(clock, LOOK_EVERY_MS, signal);
    const node = nodes.objects.get(`/${name}`);
    if (node === undefined) continue;
    const now = clock.now();
    const isBeat = now.getTime() - beatAt >= BEAT_EVERY_MS;
    if (!isBeat && nodePatch(node, true, timestamp(now), false) === undefined) continue;
    const isWritten = await patchStatus(around, node, true, isBeat).catch((error: unknown) => {
      signal.throwIfAborted();
      happen({ event: 'nodeStatusFailed', message: error instanceof Error ? error.message : String(error) });
      return false;
    });
    happen({ event: 'nodeStatus', isBeat, isWritten });
    if (isWritten) beatAt = now.getTime();
  }
}
