import { tooLargeResourceVersion } from '../status.ts';
import type { ApiContext } from './context.ts';

/** How long a read waits for a revision that has not been reached, in milliseconds; then 504. The API server's own value. */
export const REVISION_WAIT_MS = 3000;

/** Whether that revision was given out by a Storage that was here before, and not by this one. */
export function isForeign({ storage, policy }: Pick<ApiContext, 'storage' | 'policy'>, revision: number): boolean {
  return policy.versionsAhead === 'foreign' && revision > storage.revision();
}

/**
 * Resolves when the Storage has reached that revision.
 * @throws ApiError 504 with reason Timeout after {@link REVISION_WAIT_MS}
 */
export function waitForRevision(context: Pick<ApiContext, 'storage' | 'clock'>, revision: number): Promise<void> {
  const { storage, clock } = context;
  if (storage.revision() >= revision) return Promise.resolve();
  return new Promise((resolve, reject) => {
    const cancel = clock.after(REVISION_WAIT_MS, () => {
      unsubscribe();
      reject(tooLargeResourceVersion(String(revision), storage.revision()));
    });
    const unsubscribe = storage.subscribeRevision((reached) => {
      if (reached < revision) return;
      unsubscribe();
      cancel();
      resolve();
    });
  });
}
