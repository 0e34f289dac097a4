import type { Action, Outcome } from './action.ts';
import { Backoff } from './backoff.ts';
import type { ReplicaLease } from './lease.ts';
import { replicaLeaseName } from './names.ts';

/** Between two looks at who has gone. */
const LOOK_EVERY_MS = 1_000;
/** How long after the end of a replica its nodes are left alone: most of them link anew meanwhile, and need no mark. */
export const MARK_AFTER_MS = 10_000;
/** A cluster has a handful of replicas; Leases of gone ones are deleted. More are not followed. */
const MOST_PEERS = 1_000;

interface Peer {
  lease: ReplicaLease | undefined;
  /** By our clock: when its renewTime was seen to change. Clocks of machines differ, so they are not compared. */
  changedAtMs: number;
  /** When a read from etcd said last that it has not renewed: a watch of ours that has fallen silent proves nothing. */
  verifiedAtMs: number | undefined;
  /** The first of these reads in a row. */
  goneSinceMs: number | undefined;
  isBusy: boolean;
  readonly backoff: Backoff;
}

export interface PeersOptions {
  /** Our own name: never judged. */
  readonly replica: string;
  /** How long a replica without a Lease stays verified as gone before it is asked for again. */
  readonly durationMs: number;
  readonly random: () => number;
  /** For each replica that holds nodes with their link up, how many. */
  readonly nodesOf: (replica: string) => number;
  readonly holders: () => Iterable<string>;
  /** It was verified, for the first time or again, that the replica is gone: `markFromMs` gives a time. */
  readonly onGone: (replica: string, isNews: boolean, nowMs: number) => void;
}

/**
 * The other replicas, by their Leases.
 *
 * | state | meaning | left by |
 * |---|---|---|
 * | live | its renewTime has changed within its duration | silence → suspect; its Lease deleted → suspect |
 * | suspect | silent, or a holder of nodes without a Lease; a read decides | renewed → live; not → gone |
 * | gone | verified; its nodes are marked after MARK_AFTER_MS, then its Lease is deleted | renewed → live; verified again each duration |
 */
export class Peers {
  readonly #options: PeersOptions;
  readonly #peers = new Map<string, Peer>();
  #nextLookMs = Number.NEGATIVE_INFINITY;

  constructor(options: PeersOptions) {
    this.#options = options;
  }

  observe(lease: ReplicaLease, nowMs: number): void {
    const peer = this.#peer(lease.replica, nowMs);
    if (peer === undefined) return;
    const isNews = peer.lease?.renewTime !== lease.renewTime || peer.lease.uid !== lease.uid;
    peer.lease = lease;
    if (!isNews) return;
    peer.changedAtMs = nowMs;
    peer.verifiedAtMs = undefined;
    peer.goneSinceMs = undefined;
  }

  /** Its Lease was deleted. @returns the replica whose it was */
  observeGone(name: string, uid: string): string | undefined {
    for (const [replica, peer] of this.#peers) {
      if (peer.lease?.name !== name || peer.lease.uid !== uid) continue;
      peer.lease = undefined;
      return replica;
    }
    return undefined;
  }

  /** It has renewed its Lease within its duration. */
  isLive(replica: string, nowMs: number): boolean {
    const peer = this.#peers.get(replica);
    return peer !== undefined && !isSilent(peer, nowMs);
  }

  /** The API server has gone back in time: each is judged anew, by a read. */
  forgetAll(): void {
    for (const peer of this.#peers.values())
      Object.assign(peer, { lease: undefined, verifiedAtMs: undefined, goneSinceMs: undefined });
  }

  counts(nowMs: number): { readonly live: number; readonly gone: number } {
    let live = 0;
    for (const peer of this.#peers.values()) if (!isSilent(peer, nowMs)) live += 1;
    return { live, gone: this.#peers.size - live };
  }

  /** From when on nodes of that replica may be marked; undefined while it is not known to be gone. */
  markFromMs(replica: string, nowMs: number): number | undefined {
    const peer = this.#peers.get(replica);
    if (peer?.goneSinceMs === undefined || peer.verifiedAtMs === undefined) return undefined;
    if (nowMs - peer.verifiedAtMs >= 2 * this.#options.durationMs) return undefined;
    return peer.goneSinceMs + MARK_AFTER_MS;
  }

  /** A read or delete of some replica's Lease that is due. */
  next(nowMs: number): { readonly replica: string; readonly action: Action } | undefined {
    if (nowMs < this.#nextLookMs) return undefined;
    for (const replica of new Set([...this.#peers.keys(), ...this.#options.holders()])) {
      const peer = replica === this.#options.replica ? undefined : this.#peer(replica, nowMs);
      const action = peer === undefined ? undefined : this.#due(replica, peer, nowMs);
      if (peer === undefined || action === undefined) continue;
      peer.isBusy = true;
      return { replica, action };
    }
    this.#nextLookMs = nowMs + LOOK_EVERY_MS;
    return undefined;
  }

  settled(replica: string, action: Action, outcome: Outcome, nowMs: number): void {
    const peer = this.#peers.get(replica);
    if (peer === undefined) return;
    peer.isBusy = false;
    switch (outcome.type) {
      case 'lease':
        peer.backoff.reset();
        if (outcome.lease.type !== 'replica') return;
        if (peer.lease?.uid === outcome.lease.uid && peer.lease.renewTime === outcome.lease.renewTime) {
          peer.lease = outcome.lease;
          this.#verified(replica, peer, nowMs);
        } else this.observe(outcome.lease, nowMs);
        return;
      case 'absent':
        peer.backoff.reset();
        peer.lease = undefined;
        if (action.type === 'read') this.#verified(replica, peer, nowMs);
        return;
      case 'conflict':
        // It was renewed, or another one deletes it too.
        peer.verifiedAtMs = undefined;
        return;
      case 'foreign':
      case 'failed':
        peer.backoff.failed(nowMs, this.#options.random());
        return;
    }
  }

  #due(replica: string, peer: Peer, nowMs: number): Action | undefined {
    if (peer.isBusy || !isSilent(peer, nowMs) || nowMs < peer.backoff.nextAtMs()) return undefined;
    const name = replicaLeaseName(replica);
    const hasNodes = this.#options.nodesOf(replica) > 0;
    if (!hasNodes && peer.lease === undefined) {
      this.#peers.delete(replica);
      return undefined;
    }
    if (peer.verifiedAtMs === undefined || nowMs - peer.verifiedAtMs >= this.#options.durationMs) return { type: 'read', name };
    const isOver = peer.goneSinceMs !== undefined && nowMs - peer.goneSinceMs >= MARK_AFTER_MS;
    if (hasNodes || peer.lease === undefined || !isOver) return undefined;
    return { type: 'delete', name, uid: peer.lease.uid, resourceVersion: peer.lease.resourceVersion };
  }

  #verified(replica: string, peer: Peer, nowMs: number): void {
    const isNews = peer.goneSinceMs === undefined;
    peer.verifiedAtMs = nowMs;
    peer.goneSinceMs ??= nowMs;
    this.#options.onGone(replica, isNews, nowMs);
  }

  #peer(replica: string, nowMs: number): Peer | undefined {
    const known = this.#peers.get(replica);
    if (known !== undefined || this.#peers.size >= MOST_PEERS) return known;
    const peer: Peer = {
      lease: undefined,
      changedAtMs: nowMs,
      verifiedAtMs: undefined,
      goneSinceMs: undefined,
      isBusy: false,
      backoff: new Backoff(),
    };
    this.#peers.set(replica, peer);
    return peer;
  }
}

function isSilent(peer: Peer, nowMs: number): boolean {
  return peer.lease === undefined || nowMs - peer.changedAtMs > peer.lease.durationSeconds * 1000;
}
