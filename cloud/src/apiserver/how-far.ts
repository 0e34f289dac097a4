import { compareResourceVersions, HawserError, isJsonObject, isResourceVersion } from '@hawser/protocol';
import type { Clock } from '../clock.ts';
import { requireObject } from './answer.ts';
import { pause } from './backoff.ts';
import type { ApiClient } from './client.ts';
import { answerOutcome, type Outcome } from './outcome.ts';
import { smallListPath, type Target } from './paths.ts';

/** A list of one object's metadata: an API server that takes longer is not well. In ms. */
const TIMEOUT_MS = 30_000;
/** Before a server that seems to be in the past is asked once more: another one behind the same address may answer. In ms. */
export const ASK_AGAIN_MS = 1_000;
/** Only the metadata of the one object: it may be a Secret of 1 MB. */
const ACCEPT = 'application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json';

/** How far the API server is with a resource, or how the question failed. */
export type HowFar =
  | { readonly type: 'at'; readonly resourceVersion: string }
  | { readonly type: 'unanswered'; readonly outcome: Outcome };

export interface Asking {
  readonly client: ApiClient;
  readonly target: Pick<Target, 'resource' | 'namespace'>;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

/**
 * The resourceVersion of a list of at most one object, without a resourceVersion of its own: it is read from etcd's quorum and
 * never from a cache that lags (Kubernetes API concepts, "Resource versions in lists").
 * @throws HawserError as ApiClient.stream, and `malformed_object` for an answer that is no list
 */
export async function howFar({ client, target, clock, signal }: Asking): Promise<HowFar> {
  const path = smallListPath(target);
  const answer = await client.stream({ method: 'GET', path, accept: ACCEPT, signal, timeoutMs: TIMEOUT_MS });
  if (answer.status !== 200) return { type: 'unanswered', outcome: await answerOutcome(answer, clock.now()) };
  const { metadata } = requireObject(await answer.text(), 'the list');
  const { resourceVersion } = isJsonObject(metadata) ? metadata : {};
  if (!isResourceVersion(resourceVersion)) throw new HawserError('malformed_object', 'the list has no decimal resourceVersion');
  return { type: 'at', resourceVersion };
}

/**
 * Asks how far the server is; where that is before `reached`, which it had been at, it is asked a second time after a pause, and the
 * later answer counts.
 * @param reached undefined: there is nothing to compare with
 * @throws as `howFar`
 */
export async function howFarFrom(asking: Asking, reached: string | undefined): Promise<HowFar> {
  const first = await howFar(asking);
  if (first.type === 'unanswered' || reached === undefined || !isBefore(first.resourceVersion, reached)) return first;
  await pause(asking.clock, ASK_AGAIN_MS, asking.signal);
  return howFar(asking);
}

export function isBefore(resourceVersion: string, other: string): boolean {
  return compareResourceVersions(resourceVersion, other) < 0;
}
