/** Wait before a kubelet that has ended is started again, in milliseconds: it doubles with each end in a row, up to the cap. */
const BASE_MS = 1_000;
const CAP_MS = 60_000;
/** A kubelet that has run for so long counts as one that runs: what ends it then is another story, and begins at the base again. */
export const QUIET_MS = 300_000;
/** Ends in a row after which it is told as an error, with the last lines. */
export const MANY_ENDS = 3;

/** Without jitter: there is one kubelet, and nobody it could meet. @param ends in a row, at least 1 */
export function restartWaitMs(ends: number): number {
  // Beyond 2^30 the cap holds long since.
  return Math.min(CAP_MS, BASE_MS * 2 ** Math.min(ends - 1, 30));
}
