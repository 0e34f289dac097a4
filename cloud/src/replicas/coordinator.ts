import { compareResourceVersions } from '@hawser/protocol';
import { Pace } from '../pace.ts';
import type { Action, Failed, Outcome } from './action.ts';
import { Backoff } from './backoff.ts';
import type { Lease, NodeLease } from './lease.ts';
import type { Session } from './node-entry.ts';
import { type NodeAction, NodeLeases } from './node-leases.ts';
import type { NodeLink } from './node-link.ts';
import { OwnLease } from './own-lease.ts';
import { Peers } from './peers.ts';

/** Actions about nodes and other replicas at a time. One write to etcd takes some milliseconds, so a few keep up with any rate. */
const MOST_UNDER_WAY = 4;
/** The longest that `waitMs` says: who has gone is looked at so often. */
const LONGEST_WAIT_MS = 1_000;

export interface CoordinatorOptions {
  /** Our name among the replicas. */
  readonly replica: string;
  /** Random, of this process. */
  readonly process: string;
  readonly renewMs: number;
  /** Calls of the API server about nodes and other replicas; a fifth of a second's worth may come at once. */
  readonly callsPerSecond: number;
  readonly nowMs: number;
  /** From 0 to 1, 1 excluded. */
  readonly random: () => number;
  readonly events: CoordinatorEvents;
}

export interface CoordinatorEvents {
  claimed(session: Session): void;
  /** See NodeLeasesOptions. */
  takenOver(lease: NodeLease, before: NodeLease): void;
  replaced(session: Session, by: NodeLease): void;
  marked(lease: NodeLease): void;
  /** A replica was found to have gone. */
  gone(replica: string, nodes: number): void;
  contested(process: string): void;
  /** What `link` says of the node may be another. */
  linkChanged(node: string): void;
  /** All calls wait until the time is over; `failures` in a row. */
  failing(failure: Failed, failures: number, waitMs: number): void;
  /** A call went well after failures. */
  recovered(failures: number): void;
  /** The API server was restored to an older state. All Leases are forgotten: they are to be listed and observed anew. */
  wentBack(detail: string): void;
}

/** An action that has begun; it is to be settled once. */
export type Begun =
  | (Call & { readonly of: 'own' })
  | (Call & { readonly of: 'peer'; readonly replica: string })
  | (Call & { readonly of: 'node'; readonly node: NodeAction });

interface Call {
  readonly action: Action;
  /** The newest version that an answer had named before: a write that comes after is above it, or the API server has gone back. */
  readonly after: string;
  /** How often the API server had gone back by then: what is from before says nothing of what comes after. */
  readonly restorations: number;
}

/**
 * What one replica does about Leases: its own, those of nodes, those of replicas that have gone. Pure: sessions, what the watch tells
 * and the outcomes of calls go in, calls and events come out; time is given.
 *
 * Bounds: a few calls at a time and so many a second for all but its own renewals; one entry per node waits, whatever has happened
 * to the node meanwhile; after a failure that is not one node's alone nothing but its own renewal is tried until a growing wait is over.
 */
export class Coordinator {
  readonly #options: CoordinatorOptions;
  readonly #own: OwnLease;
  readonly #nodes: NodeLeases;
  readonly #peers: Peers;
  readonly #pace: Pace;
  readonly #gate = new Backoff();
  #isListed = false;
  #listingSinceMs: number;
  /** Of the watch. */
  #position = '0';
  /** Of answers to writes. */
  #written = '0';
  #underWay = 0;
  #restorations = 0;

  constructor(options: CoordinatorOptions) {
    const { replica, random, events, callsPerSecond, nowMs } = options;
    this.#options = options;
    this.#listingSinceMs = nowMs;
    this.#pace = new Pace(1000 / callsPerSecond, Math.max(1, Math.floor(callsPerSecond / 5)));
    this.#own = new OwnLease({ ...options, onContested: (process) => events.contested(process) });
    const self = this;
    this.#nodes = new NodeLeases({
      around: {
        replica,
        startedAtMs: nowMs,
        get listingSinceMs() {
          return self.#listingSinceMs;
        },
        get isListed() {
          return self.#isListed;
        },
        isContested: (now) => self.#own.isContested(now),
        markFromMs: (other, now) => self.#peers.markFromMs(other, now),
      },
      random,
      onClaimed: (session) => events.claimed(session),
      onTakenOver: (lease, before) => events.takenOver(lease, before),
      onReplaced: (session, by) => events.replaced(session, by),
      onMarked: (lease) => events.marked(lease),
      onLink: (node) => events.linkChanged(node),
      isLive: (other, now) => self.#peers.isLive(other, now),
    });
    this.#peers = new Peers({
      replica,
      durationMs: this.#own.durationMs,
      random,
      nodesOf: (other) => this.#nodes.nodesOf(other),
      holders: () => this.#nodes.holders(),
      onGone: (other, isNews, now) => {
        if (isNews) events.gone(other, this.#nodes.nodesOf(other));
        this.#nodes.reconsiderHeldBy(other, now);
        if (isNews) this.#nodes.orphaned(other);
      },
    });
  }

  /** Our own Lease as last known, for the delete at the stop. */
  get ownLease() {
    return this.#own.lease;
  }

  /** Replicas, ourselves included, and Leases that wait for a call. */
  counts(nowMs: number): { readonly live: number; readonly gone: number; readonly waiting: number } {
    const { live, gone } = this.#peers.counts(nowMs);
    return { live: live + 1, gone, waiting: this.#nodes.waiting() };
  }

  /** Whether the Lease of its node names this session of ours. */
  holds(session: Session): boolean {
    return this.#nodes.holds(session);
  }

  /** See NodeLinks. */
  link(node: string, nowMs: number): NodeLink | 'none' | undefined {
    return this.#nodes.link(node, nowMs);
  }

  opened(session: Session, nowMs: number): void {
    this.#nodes.opened(session, nowMs);
  }

  ended(session: Session, nowMs: number): void {
    this.#nodes.ended(session, nowMs);
  }

  observe(lease: Lease, nowMs: number): void {
    if (lease.type === 'node') this.#nodes.observe(lease, nowMs);
    else if (lease.replica !== this.#options.replica) this.#peers.observe(lease, nowMs);
  }

  observeGone(name: string, uid: string, resourceVersion: string, nowMs: number): void {
    this.#nodes.observeGone(name, uid, resourceVersion, nowMs);
    const replica = this.#peers.observeGone(name, uid);
    if (replica !== undefined) this.#nodes.orphaned(replica);
  }

  /** All Leases that there were at that version have been observed. */
  listed(resourceVersion: string, nowMs: number): void {
    if (compareResourceVersions(resourceVersion, this.#position) < 0) {
      this.#goBack(`leases were listed at ${this.#position}, and now at ${resourceVersion}`, nowMs);
      return;
    }
    this.#position = resourceVersion;
    this.#nodes.reached(resourceVersion, nowMs);
    if (this.#isListed) return;
    this.#isListed = true;
    this.#nodes.reconsider(nowMs);
  }

  /** The API server was restored from a backup: nothing that is known holds, and the Leases are listed anew. */
  restored(nowMs: number): void {
    this.#restorations += 1;
    this.#isListed = false;
    this.#listingSinceMs = nowMs;
    this.#position = '0';
    this.#written = '0';
    this.#nodes.forgetAll(nowMs);
    this.#peers.forgetAll();
  }

  /** The next call, if one may begin now. */
  next(nowMs: number): Begun | undefined {
    const own = this.#own.next(nowMs);
    const call = { after: this.#written, restorations: this.#restorations };
    if (own !== undefined) return { ...call, of: 'own', action: own };
    if (this.#underWay >= this.#mostUnderWay() || nowMs < this.#nextAtMs()) return undefined;
    const begun = this.#nextOfOthers(call, nowMs);
    if (begun === undefined) return undefined;
    this.#underWay += 1;
    this.#pace.done(nowMs);
    return begun;
  }

  settled(begun: Begun, outcome: Outcome, nowMs: number): void {
    this.#noteVersion(begun, outcome, nowMs);
    if (begun.of === 'own') {
      this.#own.settled(begun.action, outcome, nowMs);
      return;
    }
    this.#underWay -= 1;
    this.#passGate(outcome, nowMs);
    if (begun.of === 'peer') this.#peers.settled(begun.replica, begun.action, outcome, nowMs);
    else this.#nodes.settled(begun.node, outcome, nowMs);
  }

  /** How long nothing is to be done, unless something happens; in milliseconds. */
  waitMs(nowMs: number): number {
    const others =
      this.#underWay >= this.#mostUnderWay()
        ? Number.POSITIVE_INFINITY
        : Math.max(this.#nodes.soonestMs(), this.#nextAtMs()) - nowMs;
    return Math.max(0, Math.min(LONGEST_WAIT_MS, others, Math.max(this.#own.nextAtMs() - nowMs, 0)));
  }

  #nextOfOthers(call: Omit<Call, 'action'>, nowMs: number): Begun | undefined {
    const peer = this.#isListed ? this.#peers.next(nowMs) : undefined;
    if (peer !== undefined) return { ...call, of: 'peer', ...peer };
    const node = this.#nodes.next(nowMs);
    return node === undefined ? undefined : { ...call, of: 'node', action: node.action, node };
  }

  #nextAtMs(): number {
    return Math.max(this.#pace.nextAtMs(), this.#gate.nextAtMs());
  }

  #noteVersion({ action, after, restorations }: Begun, outcome: Outcome, nowMs: number): void {
    if (outcome.type !== 'lease' || action.type === 'read' || restorations < this.#restorations) return;
    const { resourceVersion } = outcome.lease;
    // Every write of ours changes something: a time, if nothing else.
    if (compareResourceVersions(resourceVersion, after) <= 0) {
      this.#goBack(`a write of ${action.name} was answered ${resourceVersion}, an earlier one ${after}`, nowMs);
    }
    if (compareResourceVersions(resourceVersion, this.#written) > 0) this.#written = resourceVersion;
  }

  #goBack(detail: string, nowMs: number): void {
    this.restored(nowMs);
    this.#options.events.wentBack(detail);
  }

  /** While calls fail, one at a time tries whether they still do. */
  #mostUnderWay(): number {
    return this.#gate.failures > 0 ? 1 : MOST_UNDER_WAY;
  }

  #passGate(outcome: Outcome, nowMs: number): void {
    const { events, random } = this.#options;
    if (outcome.type !== 'failed' || outcome.why === 'refused') {
      const { failures } = this.#gate;
      this.#gate.reset();
      if (failures > 0) events.recovered(failures);
      return;
    }
    const before = this.#gate.failures;
    this.#gate.failed(nowMs, random(), outcome.retryAfterMs);
    if (this.#gate.failures > before) events.failing(outcome, this.#gate.failures, this.#gate.nextAtMs() - nowMs);
  }
}
