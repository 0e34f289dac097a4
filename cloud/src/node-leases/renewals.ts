import { createHash } from 'node:crypto';
import type { Claimant } from '../hub/index.ts';
import { Backoff } from '../replicas/index.ts';
import { Agenda } from './agenda.ts';
import { CallGate, type CallGateOptions } from './call-gate.ts';
import type { Outcome } from './outcome.ts';

/** What a kubelet says by default, and what clusters reckon with. */
export const LEASE_DURATION_SECONDS = 40;
const DURATION_MS = LEASE_DURATION_SECONDS * 1000;
/** The first renewal after a link is back comes within so long: spread, as many may come back together. */
const FIRST_WITHIN_MS = 2_000;
/** A node that comes from a live replica was renewed there a moment ago: by then that one has learnt that it is over. */
const HANDOVER_MS = 5_000;
/** Somebody else has written the Lease. If a newer session has, our replica hears of it within this; else it was no relay. */
const STAND_BACK_MS = 15_000;
/** A Lease that we have not renewed yet was renewed by somebody at most so long ago, or has expired already. */
const LEFT_AT_FIRST_MS = 10_000;
/** Calls at a time: at 500 a second, answers of 0.2 s. If they take longer, the intervals stretch. */
const MOST_UNDER_WAY = 100;

export interface RenewalsOptions extends Omit<CallGateOptions, 'mostUnderWay'> {
  /** Between two renewals of a node. */
  readonly renewMs: number;
  readonly isOurs: (session: Claimant) => boolean;
  /** The uid of the Node; undefined while there is none. */
  readonly uidOf: (node: string) => string | undefined;
}

export type RenewalAction =
  /** The Lease is not there. */
  | { readonly type: 'create'; readonly ownerUid: string }
  /** `ownerUid` where the Lease may name another Node, or none; `version`: only over that one. */
  | { readonly type: 'renew'; readonly ownerUid: string | undefined; readonly version: string | undefined };

/** A renewal that has begun; it is to be settled once. */
export interface Renewal {
  readonly node: string;
  readonly session: Claimant;
  readonly action: RenewalAction;
  readonly beganMs: number;
}

/**
 * - renewed: as it should be
 * - expired: it should be renewed, and was not for longer than its duration
 * - kubeletSilent: the agent has not said that its kubelet is alive
 * - unclaimed: no Lease of the relays names this session yet
 * - nodeMissing: there is no Node of that name
 */
export type RenewalState = 'renewed' | 'expired' | 'kubeletSilent' | 'unclaimed' | 'nodeMissing';

interface Entry {
  readonly session: Claimant;
  isAlive: boolean;
  isBusy: boolean;
  /** Since when it may be renewed; undefined while it may not. */
  eligibleSinceMs: number | undefined;
  /** Not before. */
  fromMs: number;
  /** When the last renewal began that was written. */
  renewedAtMs: number | undefined;
  lease: 'unknown' | 'missing' | { readonly version: string | undefined; readonly ownerUid: string };
  readonly backoff: Backoff;
}

/**
 * The renewals of node Leases by one relay. Pure: sessions, what is known of them and the outcomes of calls go in, calls come out; time
 * is given and never goes back.
 *
 * A Lease is renewed while three things hold: the session's agent says that its kubelet is alive, the session is the node's for all
 * replicas, and there is a Node. Each node has its own moment in the interval, by a hash of its name. One entry a node waits, whatever
 * happens, so nothing queues. Where more is due than the calls allow, the Lease that expires first goes first, and so all intervals
 * stretch alike.
 *
 * After its first renewal a session writes only over the version that its last one led to. So one that is over and does not know it
 * meets a conflict instead of a newer session's Lease.
 */
export class Renewals {
  readonly #options: RenewalsOptions;
  readonly #gate: CallGate;
  readonly #entries = new Map<string, Entry>();
  /** Nodes that lately came from a live replica, and from when on they may be renewed; the oldest first. */
  readonly #handovers = new Map<string, number>();
  /** By when they are due. */
  readonly #later = new Agenda();
  /** Those that are due, by when their Leases expire. */
  readonly #due = new Agenda();

  constructor(options: RenewalsOptions) {
    this.#options = options;
    this.#gate = new CallGate({ ...options, mostUnderWay: MOST_UNDER_WAY });
  }

  /** The node's session is this one from now on. */
  opened(session: Claimant): void {
    const fromMs = this.#handovers.get(session.node) ?? Number.NEGATIVE_INFINITY;
    this.#unschedule(session.node);
    this.#entries.set(session.node, {
      session,
      isAlive: false,
      isBusy: false,
      eligibleSinceMs: undefined,
      fromMs,
      renewedAtMs: undefined,
      lease: 'unknown',
      backoff: new Backoff(),
    });
  }

  ended(session: Claimant): void {
    if (this.#entryOf(session) === undefined) return;
    this.#unschedule(session.node);
    this.#entries.delete(session.node);
  }

  /** What the agent says of its kubelet. */
  alive(session: Claimant, isAlive: boolean, nowMs: number): void {
    const entry = this.#entryOf(session);
    if (entry === undefined || entry.isAlive === isAlive) return;
    entry.isAlive = isAlive;
    // However often a device changes its mind, its Lease is renewed no more often than that of others.
    if (entry.renewedAtMs !== undefined) entry.fromMs = Math.max(entry.fromMs, entry.renewedAtMs + this.#options.renewMs / 2);
    this.#reconsider(entry, nowMs);
  }

  /** The session is the node's for all replicas, for the first time or again. */
  claimed(session: Claimant, nowMs: number): void {
    const entry = this.#entryOf(session);
    if (entry === undefined) return;
    // What other sessions wrote meanwhile is overwritten once.
    if (typeof entry.lease === 'object') entry.lease = 'unknown';
    this.#reconsider(entry, nowMs);
  }

  /**
   * The node came from a live replica, whose last renewal may still be under way. Whichever session it has here by now, or opens here
   * meanwhile, waits: which of them the node came with does not matter.
   */
  takenOver(node: string, nowMs: number): void {
    const fromMs = nowMs + HANDOVER_MS;
    this.#noteHandover(node, fromMs, nowMs);
    const entry = this.#entries.get(node);
    if (entry === undefined) return;
    entry.fromMs = Math.max(entry.fromMs, fromMs);
    if (entry.eligibleSinceMs !== undefined) this.#schedule(entry, nowMs, nowMs);
  }

  /** There is a Node, another one, or none any more. */
  nodeChanged(node: string, nowMs: number): void {
    const entry = this.#entries.get(node);
    if (entry !== undefined) this.#reconsider(entry, nowMs);
  }

  /** The next call, if one may begin now. */
  next(nowMs: number): Renewal | undefined {
    if (nowMs < this.#gate.nextAtMs()) return undefined;
    this.#promote(nowMs);
    for (let first = this.#due.first(); first !== undefined; first = this.#due.first()) {
      this.#due.drop(first.name);
      const entry = this.#entries.get(first.name);
      const ownerUid = this.#options.uidOf(first.name);
      if (entry === undefined || ownerUid === undefined || this.#stateOf(entry) !== 'renewed') {
        if (entry !== undefined) entry.eligibleSinceMs = undefined;
        continue;
      }
      this.#gate.begun(nowMs);
      entry.isBusy = true;
      return { node: first.name, session: entry.session, action: actionFor(entry, ownerUid), beganMs: nowMs };
    }
    return undefined;
  }

  settled({ node, session, action, beganMs }: Renewal, outcome: Outcome, nowMs: number): void {
    this.#gate.settled(outcome.type === 'failing' ? outcome : undefined, nowMs);
    const entry = this.#entryOf(session);
    if (entry === undefined) return;
    entry.isBusy = false;
    switch (outcome.type) {
      case 'written': {
        const ownerUid = action.ownerUid ?? (typeof entry.lease === 'object' ? entry.lease.ownerUid : '');
        entry.lease = { version: outcome.version, ownerUid };
        entry.renewedAtMs = beganMs;
        entry.backoff.reset();
        this.#schedule(entry, this.#momentAfter(node, nowMs), nowMs);
        return;
      }
      case 'missing':
        // Where it cannot be made either, its namespace is missing.
        if (action.type === 'create') entry.backoff.failed(nowMs, this.#options.random());
        entry.lease = 'missing';
        break;
      case 'exists':
        entry.lease = 'unknown';
        entry.backoff.failed(nowMs, this.#options.random());
        break;
      case 'conflict':
        entry.lease = 'unknown';
        entry.fromMs = nowMs + STAND_BACK_MS;
        break;
      case 'refused':
        entry.backoff.failed(nowMs, this.#options.random());
        break;
      case 'failing':
        break;
    }
    this.#schedule(entry, nowMs, nowMs);
  }

  /** When something is to be done, unless something happens before. */
  nextAtMs(): number {
    const dueMs = this.#due.size > 0 ? Number.NEGATIVE_INFINITY : (this.#later.first()?.at ?? Number.POSITIVE_INFINITY);
    return Math.max(dueMs, this.#gate.nextAtMs());
  }

  states(nowMs: number): ReadonlyMap<RenewalState, number> {
    const counts = new Map<RenewalState, number>();
    for (const entry of this.#entries.values()) {
      const state = this.#stateOf(entry);
      const isExpired = state === 'renewed' && nowMs - this.#renewedAt(entry, nowMs) > DURATION_MS;
      const counted = isExpired ? 'expired' : state;
      counts.set(counted, (counts.get(counted) ?? 0) + 1);
    }
    return counts;
  }

  /** How long ago the one was renewed that has waited for longest, of those that are to be, in ms; 0 where there is none. */
  oldestMs(nowMs: number): number {
    let oldestMs = 0;
    for (const entry of this.#entries.values()) {
      if (this.#stateOf(entry) === 'renewed') oldestMs = Math.max(oldestMs, nowMs - this.#renewedAt(entry, nowMs));
    }
    return oldestMs;
  }

  #noteHandover(node: string, fromMs: number, nowMs: number): void {
    for (const [other, otherMs] of this.#handovers) {
      if (otherMs > nowMs) break;
      this.#handovers.delete(other);
    }
    this.#handovers.delete(node);
    this.#handovers.set(node, fromMs);
  }

  #entryOf(session: Claimant): Entry | undefined {
    const entry = this.#entries.get(session.node);
    return entry?.session === session ? entry : undefined;
  }

  #stateOf({ session, isAlive }: Entry): Exclude<RenewalState, 'expired'> {
    if (!isAlive) return 'kubeletSilent';
    if (!this.#options.isOurs(session)) return 'unclaimed';
    return this.#options.uidOf(session.node) === undefined ? 'nodeMissing' : 'renewed';
  }

  #renewedAt({ renewedAtMs, eligibleSinceMs }: Entry, nowMs: number): number {
    return renewedAtMs ?? eligibleSinceMs ?? nowMs;
  }

  /** It may be renewed now and could not before, or the other way round. */
  #reconsider(entry: Entry, nowMs: number): void {
    const { node } = entry.session;
    if (this.#stateOf(entry) !== 'renewed') {
      entry.eligibleSinceMs = undefined;
      this.#unschedule(node);
      return;
    }
    if (entry.eligibleSinceMs !== undefined) return;
    entry.eligibleSinceMs = nowMs;
    this.#schedule(entry, nowMs + fractionOf(node) * FIRST_WITHIN_MS, nowMs);
  }

  #schedule(entry: Entry, atMs: number, nowMs: number): void {
    const { node } = entry.session;
    if (entry.isBusy) return;
    if (entry.eligibleSinceMs === undefined) {
      this.#reconsider(entry, nowMs);
      return;
    }
    this.#unschedule(node);
    this.#later.put(node, Math.max(atMs, entry.fromMs, entry.backoff.nextAtMs()));
  }

  #unschedule(node: string): void {
    this.#later.drop(node);
    this.#due.drop(node);
  }

  #promote(nowMs: number): void {
    for (let first = this.#later.first(); first !== undefined && first.at <= nowMs; first = this.#later.first()) {
      this.#later.drop(first.name);
      const entry = this.#entries.get(first.name);
      if (entry !== undefined) this.#due.put(first.name, expiresAtMs(entry, nowMs));
    }
  }

  /** The node's own moment, at least half an interval away. */
  #momentAfter(node: string, nowMs: number): number {
    const { renewMs } = this.#options;
    const phaseMs = fractionOf(node) * renewMs;
    return Math.ceil((nowMs + renewMs / 2 - phaseMs) / renewMs) * renewMs + phaseMs;
  }
}

function expiresAtMs({ renewedAtMs, eligibleSinceMs }: Entry, nowMs: number): number {
  return renewedAtMs === undefined ? (eligibleSinceMs ?? nowMs) + LEFT_AT_FIRST_MS : renewedAtMs + DURATION_MS;
}

function actionFor({ lease }: Entry, ownerUid: string): RenewalAction {
  if (lease === 'missing') return { type: 'create', ownerUid };
  if (lease === 'unknown') return { type: 'renew', ownerUid, version: undefined };
  return { type: 'renew', ownerUid: lease.ownerUid === ownerUid ? undefined : ownerUid, version: lease.version };
}

/** From 0 to 1, 1 excluded; spread evenly over names. */
export function fractionOf(name: string): number {
  return createHash('sha256').update(name).digest().readUInt32BE(0) / 2 ** 32;
}
