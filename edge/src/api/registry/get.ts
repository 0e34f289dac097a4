import type { KubeObject } from '@hawser/protocol';
import { notFound } from '../status.ts';
import type { ApiContext, Target } from './context.ts';
import { parseListVersion } from './list-options.ts';
import { fromStored, storageKey, storedResource } from './views.ts';
import { waitForRevision } from './wait.ts';

export interface GetOptions {
  /** The answer is at least as new; waits up to 3 s for it. */
  readonly resourceVersion?: string | undefined;
  /** How long whoever asks waits, in milliseconds. */
  readonly deadlineMs?: number | undefined;
  /** Nobody waits any more. */
  readonly signal?: AbortSignal | undefined;
  /** Told what is to be known beside the answer, also where that is an error. */
  readonly warn?: ((text: string) => void) | undefined;
}

/** @throws ApiError 404, or 504 for a resourceVersion that is not reached; whatever the policy says of what the Storage does not hold */
export async function get(context: ApiContext, target: Target, options: GetOptions = {}): Promise<KubeObject> {
  await waitForRevision(context, parseListVersion(options.resourceVersion));
  const key = storageKey(target);
  const held = context.storage.get(key);
  if (held !== undefined) return fromStored(target.resource, held);
  const { deadlineMs, signal, warn = () => {} } = options;
  // Before it is looked for: a watch from there tells of everything that comes to be held meanwhile.
  const position = String(context.storage.revision());
  const found = await context.policy.findElsewhere?.({
    resource: storedResource(target.resource),
    key,
    deadlineMs,
    signal,
    warn,
  });
  const now = context.storage.get(key);
  if (now !== undefined) return fromStored(target.resource, now);
  if (found === undefined) throw notFound(target.resource, target.name);
  return fromStored(target.resource, { ...found, metadata: { ...found.metadata, resourceVersion: position } });
}
