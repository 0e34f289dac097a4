import type { ObjectKey } from '@hawser/protocol';
import type { ClaimFacts, VolumeFacts } from './facts.ts';

/**
 * Which PersistentVolumes a claim leads to: those that name it in `spec.claimRef`, as for the Node authorizer, and the one that
 * the claim names, while that is still free. A claim alone opens no way to a volume that belongs to another: anybody may
 * write a claim. Size: two small entries for each claim and volume of the cluster.
 */
export class Volumes {
  readonly #named = new Map<ObjectKey, ObjectKey>();
  readonly #volumes = new Map<ObjectKey, ObjectKey | 'free'>();
  /** Volumes by the claim that they name. */
  readonly #byClaim = new Index();
  /** Claims by the volume that they name. */
  readonly #byVolume = new Index();

  /** Returns the claims that may lead to others now. */
  setClaim(claim: ObjectKey, { volume }: ClaimFacts): readonly ObjectKey[] {
    const before = this.#named.get(claim);
    if (before === volume) return [];
    if (before !== undefined) this.#byVolume.remove(before, claim);
    if (volume === undefined) this.#named.delete(claim);
    else {
      this.#named.set(claim, volume);
      this.#byVolume.add(volume, claim);
    }
    return [claim];
  }

  /** @param facts undefined when the volume is gone. Returns the claims that may lead to others now. */
  setVolume(volume: ObjectKey, facts: Pick<VolumeFacts, 'claim'> | undefined): readonly ObjectKey[] {
    const before = this.#volumes.get(volume);
    const after = facts === undefined ? undefined : (facts.claim ?? 'free');
    if (before === after) return [];
    if (after === undefined) this.#volumes.delete(volume);
    else this.#volumes.set(volume, after);
    const concerned: ObjectKey[] = [];
    if (before !== undefined && before !== 'free') {
      this.#byClaim.remove(before, volume);
      concerned.push(before);
    }
    if (after !== undefined && after !== 'free') {
      this.#byClaim.add(after, volume);
      concerned.push(after);
    }
    if (before === 'free' || after === 'free') concerned.push(...this.#byVolume.get(volume));
    return concerned;
  }

  /** In an order that depends on what there is alone. */
  ofClaim(claim: ObjectKey): readonly ObjectKey[] {
    const volumes = [...this.#byClaim.get(claim)].sort();
    const named = this.#named.get(claim);
    return named !== undefined && this.#volumes.get(named) === 'free' ? [...volumes, named] : volumes;
  }
}

/** Sets by key, of which none is empty. */
class Index {
  readonly #sets = new Map<ObjectKey, Set<ObjectKey>>();

  get(key: ObjectKey): Iterable<ObjectKey> {
    return this.#sets.get(key) ?? [];
  }

  add(key: ObjectKey, member: ObjectKey): void {
    const set = this.#sets.get(key);
    if (set === undefined) this.#sets.set(key, new Set([member]));
    else set.add(member);
  }

  remove(key: ObjectKey, member: ObjectKey): void {
    const set = this.#sets.get(key);
    set?.delete(member);
    if (set?.size === 0) this.#sets.delete(key);
  }
}
