import { compareResourceVersions, type ObjectKey } from '@hawser/protocol';

/** Objects of one session whose versions are remembered; a kubelet has 110 pods by default. At the bound the oldest goes. */
const MAX_OBJECTS = 256;

/**
 * For one session, the version of each object that the API server named in its last answer about it: what the relay's cache has to have
 * reached before it may stand for the object in this session.
 *
 * A report says "these fields are now so". Where the cached version already says it, no call is made, and the answer names the cached
 * version; where it says a part of it, only the rest is sent. The cache lags behind the API server by the watch, so:
 *
 * 1. The cache may not have an own write yet. Status A, then B, then A again within the lag would find the A of before B and be swallowed,
 *    and the cluster would keep B. So a version older than the last answer is not used.
 * 2. Another relay may have written for this device before its link came here, or a call may have gone unanswered and have taken effect.
 *    So without an answer in this session, and after one that is missing, nothing is known: the report goes whole, and its answer
 *    names a version that is past all of that. What is forgotten at the bound is unknown likewise. The first report of an object in
 *    a session therefore always is a call, and with it the API server has said that this node may write it.
 * 3. Another writer may have changed the object since the cached version. A smaller patch names the cached version as its precondition:
 *    on a conflict the whole report is sent, so the outcome is the same as if it always were.
 * 4. Where nothing is sent there is no such check. Then the outcome is as if the report had come just before that writer. The device
 *    cannot have known of it, since what it knows came from this cache, except by a live question; it is sent that writer's version next, and its kubelet reports anew
 *    what it sees overwritten, as it does whenever a controller writes after it.
 *
 * Versions compare only within one epoch of the cluster: sessions end with it.
 */
export class OwnVersions {
  readonly #versions = new Map<ObjectKey, string>();

  /** The API server has answered: the object is at that version now. */
  reached(key: ObjectKey, resourceVersion: string): void {
    // Last in the order of going.
    this.#versions.delete(key);
    this.#versions.set(key, resourceVersion);
    if (this.#versions.size <= MAX_OBJECTS) return;
    for (const oldest of this.#versions.keys()) {
      this.#versions.delete(oldest);
      return;
    }
  }

  /** Where the object is, is not known any more. */
  forget(key: ObjectKey): void {
    this.#versions.delete(key);
  }

  isReachedBy(key: ObjectKey, cached: string): boolean {
    const version = this.#versions.get(key);
    return version !== undefined && compareResourceVersions(cached, version) >= 0;
  }
}
