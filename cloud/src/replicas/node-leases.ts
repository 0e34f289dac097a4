import { compareResourceVersions } from '@hawser/protocol';
import type { Action, Outcome } from './action.ts';
import type { NodeLease } from './lease.ts';
import { nodeLeaseName } from './names.ts';
import { type Entry, newEntry, type Session } from './node-entry.ts';
import { linkOf, type NodeLink } from './node-link.ts';
import { Schedule } from './schedule.ts';
import { actionFor, type Surroundings, type Work, wantedOf } from './wanted.ts';

/**
 * Leases that are kept in mind, at about 1.2 KB each: as many as one relay may have sessions. Further ones are not, so a session of
 * such a node first tries to make its Lease, and reads it then.
 */
const MOST_ENTRIES = 100_000;

export interface NodeLeasesOptions {
  readonly around: Surroundings;
  /** From 0 to 1, 1 excluded. */
  readonly random: () => number;
  /** The Lease names our session from now on. */
  readonly onClaimed: (session: Session) => void;
  /**
   * The Lease names a session of ours, and named one of another replica before that was up. Said before `onClaimed`, and also where
   * the node has another session here by now: its claim was under way.
   */
  readonly onTakenOver: (lease: NodeLease, before: NodeLease) => void;
  /** Another session has taken the Lease after ours had it: ours is over. */
  readonly onReplaced: (session: Session, by: NodeLease) => void;
  /** A node of a replica that has gone was marked. */
  readonly onMarked: (lease: NodeLease) => void;
  /** What `link` says of the node may be another. */
  readonly onLink: (node: string) => void;
  /** Whether that replica lives, as far as is known. */
  readonly isLive: (replica: string, nowMs: number) => boolean;
}

/** An action with what it is to bring about, as it was when it began. */
export interface NodeAction {
  readonly name: string;
  readonly action: Action;
  readonly work: Work;
}

/**
 * Which session each node has, among all replicas: what is wanted is compared with what is known whenever either changes, so it
 * does not matter how it came about, or whether an answer was lost on the way.
 *
 * Which of two sessions is newer is decided by the order of their writes to the Lease. Each session writes once; one that has held
 * the Lease and sees another session in it is over, and never takes it back.
 */
export class NodeLeases {
  readonly #options: NodeLeasesOptions;
  readonly #entries = new Map<string, Entry>();
  /** Names of Leases whose link is up, by the replica that holds them. */
  readonly #held = new Map<string, Set<string>>();
  /** Entries whose last write the watch has not told yet. */
  readonly #awaiting = new Set<Entry>();
  readonly #ours = new Schedule();
  readonly #marks = new Schedule();
  #isMarksTurn = false;

  constructor(options: NodeLeasesOptions) {
    this.#options = options;
  }

  /** What waits for its turn or its time. */
  waiting(): number {
    return this.#ours.size + this.#marks.size;
  }

  soonestMs(): number {
    return Math.min(this.#ours.soonestMs(), this.#marks.soonestMs());
  }

  holders(): Iterable<string> {
    return this.#held.keys();
  }

  nodesOf(replica: string): number {
    return this.#held.get(replica)?.size ?? 0;
  }

  /** Whether the Lease of its node names this session of ours. */
  holds({ node, id }: Session): boolean {
    const entry = this.#entries.get(nodeLeaseName(node));
    return entry?.session?.id === id && entry.claim === 'held' && entry.lease?.sessionId === id;
  }

  /** See NodeLinks. */
  link(node: string, nowMs: number): NodeLink | 'none' | undefined {
    const { around, isLive } = this.#options;
    const entry = this.#entries.get(nodeLeaseName(node));
    if (entry === undefined) return around.isListed ? 'none' : undefined;
    return linkOf(entry, around, (replica) => isLive(replica, nowMs), nowMs);
  }

  /** That replica has gone, so what its nodes' Leases say is not its to say any more. */
  orphaned(replica: string): void {
    for (const { node, lease } of this.#entries.values()) if (lease?.holder === replica) this.#options.onLink(node);
  }

  /** The node's session is this one from now on, whatever it had here before. */
  opened(session: Session, nowMs: number): void {
    const name = nodeLeaseName(session.node);
    const entry = this.#entries.get(name) ?? newEntry(name, session.node, nowMs);
    this.#entries.set(name, entry);
    entry.session = session;
    entry.claim = 'pending';
    entry.linkSinceMs = nowMs;
    this.#judge(entry, nowMs);
  }

  /** One that is no longer the node's changes nothing. */
  ended(session: Session, nowMs: number): void {
    const entry = this.#entries.get(nodeLeaseName(session.node));
    if (entry?.session?.id !== session.id) return;
    entry.session = undefined;
    entry.leftAtMs = nowMs;
    entry.linkSinceMs = nowMs;
    this.#judge(entry, nowMs);
  }

  /** From the watch, in its order. */
  observe(lease: NodeLease, nowMs: number): void {
    let entry = this.#entries.get(lease.name);
    if (entry === undefined) {
      if (this.#entries.size >= MOST_ENTRIES) return;
      entry = newEntry(lease.name, lease.node, this.#options.around.startedAtMs);
      this.#entries.set(lease.name, entry);
    }
    const isRestored = entry.told !== undefined && compareResourceVersions(lease.resourceVersion, entry.told) < 0;
    entry.told = lease.resourceVersion;
    if (this.#isBeforeEcho(entry, lease.resourceVersion)) return;
    // An older state in the newest list: what it names is no newer session.
    if (isRestored) entry.claim = 'pending';
    this.#know(entry, lease, nowMs);
  }

  observeGone(name: string, uid: string, resourceVersion: string, nowMs: number): void {
    const entry = this.#entries.get(name);
    if (entry === undefined) return;
    entry.told = undefined;
    if (entry.lease?.uid !== uid && this.#isBeforeEcho(entry, resourceVersion)) return;
    this.#know(entry, undefined, nowMs);
  }

  /**
   * Everything up to there was observed. A write of ours that should have been and was not is no part of the API server's history:
   * it was restored from a backup that is older than the write.
   */
  reached(resourceVersion: string, nowMs: number): void {
    for (const entry of this.#awaiting) {
      if (entry.awaited === undefined || compareResourceVersions(entry.awaited, resourceVersion) > 0) continue;
      this.#echoed(entry);
      entry.isStale = true;
      entry.claim = 'pending';
      this.#plan(entry, nowMs);
    }
  }

  /** Something that all depends on has changed: the first list is there. */
  reconsider(nowMs: number): void {
    for (const entry of this.#entries.values()) this.#plan(entry, nowMs);
  }

  /** A replica was found to have gone. Its nodes wait in random order, so that several replicas share the work. */
  reconsiderHeldBy(replica: string, nowMs: number): void {
    for (const name of shuffled(this.#held.get(replica) ?? [], this.#options.random)) {
      const entry = this.#entries.get(name);
      if (entry !== undefined) this.#plan(entry, nowMs);
    }
  }

  /** The API server has gone back in time: nothing that is known holds, what we wrote may be gone. Sessions claim anew. */
  forgetAll(nowMs: number): void {
    for (const entry of [...this.#entries.values()]) {
      entry.claim = 'pending';
      entry.isKnown = false;
      entry.told = undefined;
      this.#echoed(entry);
      this.#know(entry, undefined, nowMs);
    }
  }

  next(nowMs: number): NodeAction | undefined {
    for (;;) {
      // Turn and turn about, so that neither waits for the other to be done.
      const [first, second] = this.#isMarksTurn ? [this.#marks, this.#ours] : [this.#ours, this.#marks];
      const name = first.take(nowMs) ?? second.take(nowMs);
      const entry = name === undefined ? undefined : this.#entries.get(name);
      if (name === undefined) return undefined;
      if (entry === undefined) continue;
      const wanted = wantedOf(entry, this.#options.around, nowMs);
      if (wanted === undefined || wanted.atMs > nowMs) {
        this.#plan(entry, nowMs);
        continue;
      }
      this.#isMarksTurn = !this.#isMarksTurn;
      return this.#begin(entry, wanted.work, nowMs);
    }
  }

  settled(began: NodeAction, outcome: Outcome, nowMs: number): void {
    const entry = this.#entries.get(began.name);
    if (entry === undefined) return;
    entry.isBusy = false;
    if (began.action.type !== 'read' && !wasTurnedAway(outcome)) entry.pace.done(nowMs);
    switch (outcome.type) {
      case 'lease':
        if (outcome.lease.type !== 'node') return;
        entry.isStale = false;
        entry.isKnown = true;
        entry.backoff.reset();
        this.#took(entry, began, outcome.lease, nowMs);
        return;
      case 'absent':
        entry.isStale = false;
        entry.isKnown = true;
        entry.backoff.reset();
        this.#know(entry, undefined, nowMs);
        return;
      case 'conflict':
        entry.isStale = true;
        break;
      case 'foreign':
        entry.backoff.failed(nowMs, this.#options.random());
        break;
      case 'failed':
        if (outcome.why === 'unreachable') entry.isStale = true;
        if (outcome.why === 'refused') entry.backoff.failed(nowMs, this.#options.random());
        break;
    }
    this.#plan(entry, nowMs);
  }

  #begin(entry: Entry, work: Work, nowMs: number): NodeAction {
    const action = actionFor(entry, work, this.#options.around.replica, nowMs);
    entry.isBusy = true;
    return { name: entry.name, action, work };
  }

  #took(entry: Entry, began: NodeAction, lease: NodeLease, nowMs: number): void {
    const { action, work } = began;
    if (action.type !== 'read' && work.type === 'state' && work.state === 'unknown') this.#options.onMarked(lease);
    const { lease: told } = entry;
    const order = entry.told === undefined ? 1 : compareResourceVersions(lease.resourceVersion, entry.told);
    if (order > 0) {
      entry.awaited = lease.resourceVersion;
      this.#awaiting.add(entry);
    }
    this.#know(entry, lease, nowMs);
    // The watch has told of something newer before this answer came.
    if (action.type !== 'read' && order < 0) this.#know(entry, told, nowMs);
  }

  #isBeforeEcho(entry: Entry, resourceVersion: string): boolean {
    if (entry.awaited === undefined) return false;
    if (compareResourceVersions(resourceVersion, entry.awaited) < 0) return true;
    this.#echoed(entry);
    return false;
  }

  #echoed(entry: Entry): void {
    entry.awaited = undefined;
    this.#awaiting.delete(entry);
  }

  /** Takes in what is there now. */
  #know(entry: Entry, lease: NodeLease | undefined, nowMs: number): void {
    const before = entry.lease;
    if (before?.linkState === 'up') this.#held.get(before.holder)?.delete(before.name);
    if (before !== undefined && this.#held.get(before.holder)?.size === 0) this.#held.delete(before.holder);
    entry.lease = lease;
    const isOtherLink = lease?.linkState !== before?.linkState || lease?.sessionId !== before?.sessionId;
    if (isOtherLink && lease?.holder !== this.#options.around.replica) entry.linkSinceMs = nowMs;
    if (lease?.linkState === 'up') {
      const names = this.#held.get(lease.holder) ?? new Set();
      this.#held.set(lease.holder, names.add(lease.name));
    }
    if (lease !== undefined && before !== undefined && this.#isTakenOver(lease, before)) this.#options.onTakenOver(lease, before);
    this.#judge(entry, nowMs);
  }

  #isTakenOver(lease: NodeLease, before: NodeLease): boolean {
    const { replica } = this.#options.around;
    if (lease.holder !== replica || before.holder === replica || before.linkState !== 'up') return false;
    // An answer may come after the watch has told of what came after it.
    return compareResourceVersions(lease.resourceVersion, before.resourceVersion) > 0;
  }

  /** What follows from it for our session. */
  #judge(entry: Entry, nowMs: number): void {
    const { session, lease } = entry;
    if (session !== undefined && lease?.previousSessionId === session.id) entry.claim = 'held';
    if (session !== undefined && lease?.sessionId === session.id) {
      if (entry.claim === 'pending') {
        entry.claim = 'held';
        this.#options.onClaimed(session);
      }
    } else if (session !== undefined && entry.claim === 'held') {
      if (lease === undefined || lease.sessionId === '') entry.claim = 'pending';
      else {
        entry.session = undefined;
        entry.leftAtMs = nowMs;
        this.#options.onReplaced(session, lease);
      }
    }
    this.#plan(entry, nowMs);
  }

  #plan(entry: Entry, nowMs: number): void {
    this.#planWork(entry, nowMs);
    this.#options.onLink(entry.node);
  }

  #planWork(entry: Entry, nowMs: number): void {
    const { name } = entry;
    if (entry.session === undefined && entry.lease === undefined && !entry.isBusy) {
      this.#entries.delete(name);
      this.#echoed(entry);
      this.#ours.drop(name);
      this.#marks.drop(name);
      return;
    }
    const wanted = wantedOf(entry, this.#options.around, nowMs);
    const isMark = wanted?.work.type === 'state' && wanted.work.state === 'unknown';
    const [mine, other] = isMark ? [this.#marks, this.#ours] : [this.#ours, this.#marks];
    other.drop(name);
    if (wanted === undefined) mine.drop(name);
    else mine.put(name, wanted.atMs, nowMs);
  }
}

/** Refused before it was looked at: no write, and no reason to make the node wait for its next one. */
function wasTurnedAway(outcome: Outcome): boolean {
  return outcome.type === 'failed' && outcome.why !== 'unreachable' && outcome.why !== 'refused';
}

function shuffled(names: Iterable<string>, random: () => number): string[] {
  const list = [...names];
  for (let i = list.length - 1; i > 0; i -= 1) {
    const j = Math.floor(random() * (i + 1));
    [list[i], list[j]] = [list[j] ?? '', list[i] ?? ''];
  }
  return list;
}
