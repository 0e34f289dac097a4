import type { KubeObject } from '@hawser/protocol';
import type { ApiContext, Target } from './context.ts';
import { parseListVersion } from './list-options.ts';
import { existing } from './update.ts';
import { fromStored } from './views.ts';
import { waitForRevision } from './wait.ts';

export interface GetOptions {
  /** The answer is at least as new; waits up to 3 s for it. */
  readonly resourceVersion?: string | undefined;
}

/** @throws ApiError 404, or 504 for a resourceVersion that is not reached */
export async function get(context: ApiContext, target: Target, options: GetOptions = {}): Promise<KubeObject> {
  await waitForRevision(context, parseListVersion(options.resourceVersion));
  return fromStored(target.resource, existing(context, target));
}
