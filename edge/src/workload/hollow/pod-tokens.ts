import type { Logger } from 'pino';
import type { Clock } from '../../api/clock.ts';
import { ApiError } from '../../api/status.ts';
import { createTurns } from '../../turns.ts';
import type { HollowClient } from './client.ts';
import { jsonOf } from './fields.ts';
import type { PodSpec } from './pod-spec.ts';
import { renewalDelay, retryDelay } from './token-renewal.ts';

/**
 * The tokens of the pods' volumes, as a kubelet has them: asked for before the pod starts, and again before they end. The tokens
 * themselves are not kept here, since nothing runs that would read them.
 */
export interface PodTokens {
  /**
   * The pod is to have its tokens; to be called again whenever it is looked at. `changed` is called when the answer has become another.
   * @returns whether all are there
   */
  want(pod: PodSpec, changed: () => void): boolean;
  /** The pod of that uid needs none any more. */
  release(uid: string): void;
  stop(): void;
}

export interface PodTokensOptions {
  readonly client: Pick<HollowClient, 'requestToken'>;
  readonly clock: Clock;
  /** At least 0, below 1. */
  readonly random: () => number;
  readonly logger: Logger;
  /** A volume of the pod could not be mounted, and why; called at each attempt. */
  readonly failed: (pod: PodSpec, volume: string, why: string) => void;
}

/** For a hollow node whose pods are to start without tokens. */
export const NO_TOKENS: PodTokens = { want: () => true, release: () => {}, stop: () => {} };

/** Requests at a time, of all pods of the node. */
const MAX_ASKING = 8;

/**
 * | state | meaning | left by |
 * |---|---|---|
 * | missing | the volume has never been mounted; asked for, or to be asked for again | answer → held |
 * | held | the pod has a token; it is asked for anew in time, and stays what it is where that fails | — |
 */
interface TokenVolume {
  readonly pod: PodSpec;
  readonly volume: string;
  readonly source: PodSpec['volumes'][number]['tokens'][number];
  readonly changed: () => void;
  state: 'missing' | 'held';
  failures: number;
  isReleased: boolean;
  cancelTimer: () => void;
}

export function createPodTokens({ client, clock, random, logger, failed }: PodTokensOptions): PodTokens {
  const byPod = new Map<string, readonly TokenVolume[]>();
  // What waits are volumes of the node's own pods.
  const turns = createTurns(MAX_ASKING, Number.POSITIVE_INFINITY);

  function begin(pod: PodSpec, changed: () => void): readonly TokenVolume[] {
    const volumes = pod.volumes.flatMap(({ name: volume, tokens }) =>
      tokens.map(
        (source): TokenVolume => ({
          ...{ pod, volume, source, changed },
          ...{ state: 'missing', failures: 0, isReleased: false, cancelTimer: () => {} },
        }),
      ),
    );
    byPod.set(pod.uid, volumes);
    for (const volume of volumes) ask(volume);
    return volumes;
  }

  function ask(volume: TokenVolume): void {
    void turns.take(() => attempt(volume));
  }

  async function attempt(volume: TokenVolume): Promise<void> {
    if (volume.isReleased) return;
    const { pod, source } = volume;
    try {
      const answer = jsonOf(await client.requestToken(pod, source));
      if (volume.isReleased) return;
      volume.failures = 0;
      again(volume, renewalDelay(answer, clock.now().getTime(), random));
      if (volume.state === 'held') return;
      volume.state = 'held';
      volume.changed();
    } catch (err) {
      if (volume.isReleased) return;
      const asked = err instanceof ApiError ? (err.details?.retryAfterSeconds ?? 0) * 1000 : 0;
      again(volume, Math.max(asked, retryDelay(volume.failures, random)));
      volume.failures += 1;
      const why = err instanceof Error ? err.message : String(err);
      logger.debug({ namespace: pod.namespace, pod: pod.name, volume: volume.volume, why }, 'no token');
      if (volume.state === 'missing') failed(pod, volume.volume, `failed to fetch token: ${why}`);
    }
  }

  function again(volume: TokenVolume, delayMs: number): void {
    volume.cancelTimer = clock.after(delayMs, () => ask(volume));
  }

  function release(uid: string): void {
    for (const volume of byPod.get(uid) ?? []) {
      volume.isReleased = true;
      volume.cancelTimer();
    }
    byPod.delete(uid);
  }

  return {
    want: (pod, changed) => (byPod.get(pod.uid) ?? begin(pod, changed)).every(({ state }) => state === 'held'),
    release,
    stop() {
      for (const uid of [...byPod.keys()]) release(uid);
    },
  };
}
