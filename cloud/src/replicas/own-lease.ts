import type { Action, Outcome } from './action.ts';
import { Backoff } from './backoff.ts';
import { microTime, type ReplicaFields, type ReplicaLease } from './lease.ts';
import { replicaLeaseName } from './names.ts';

/** A replica that misses two renewals is not yet taken for gone. */
const RENEWALS_PER_DURATION = 3;

export interface OwnLeaseOptions {
  readonly replica: string;
  readonly process: string;
  readonly renewMs: number;
  readonly random: () => number;
  /** Another process renews the Lease of our name. */
  readonly onContested: (process: string) => void;
}

/** The Lease by which the other replicas know that this one lives: made at the start, renewed, made again when somebody deletes it. */
export class OwnLease {
  readonly name: string;
  readonly #options: OwnLeaseOptions;
  readonly #backoff = new Backoff();
  #lease: ReplicaLease | undefined;
  /** What is there is not known: it is read before the next write. */
  #isStale = false;
  #isBusy = false;
  #isOurs = false;
  #renewAtMs = Number.NEGATIVE_INFINITY;
  #contestedUntilMs = Number.NEGATIVE_INFINITY;

  constructor(options: OwnLeaseOptions) {
    this.#options = options;
    this.name = replicaLeaseName(options.replica);
  }

  get durationMs(): number {
    return this.#options.renewMs * RENEWALS_PER_DURATION;
  }

  /** As last known; for the delete at the stop. */
  get lease(): ReplicaLease | undefined {
    return this.#lease;
  }

  /** Whether another process has lately used our name: what stands under it may then be that one's. */
  isContested(nowMs: number): boolean {
    return nowMs < this.#contestedUntilMs;
  }

  nextAtMs(): number {
    if (this.#isBusy) return Number.POSITIVE_INFINITY;
    return Math.max(this.#renewAtMs, this.#backoff.nextAtMs());
  }

  next(nowMs: number): Action | undefined {
    if (nowMs < this.nextAtMs()) return undefined;
    this.#isBusy = true;
    const { name } = this;
    if (this.#isStale) return { type: 'read', name };
    const fields = this.#fields(nowMs);
    const lease = this.#lease;
    if (lease === undefined) return { type: 'create', name, fields };
    return { type: 'update', name, fields, uid: lease.uid, resourceVersion: lease.resourceVersion };
  }

  settled(action: Action, outcome: Outcome, nowMs: number): void {
    this.#isBusy = false;
    const { random, renewMs, process } = this.#options;
    switch (outcome.type) {
      case 'lease':
        if (outcome.lease.type !== 'replica') return;
        this.#backoff.reset();
        this.#isStale = false;
        this.#lease = outcome.lease;
        if (action.type !== 'read') {
          this.#isOurs = true;
          this.#renewAtMs = nowMs + renewMs;
        } else if (outcome.lease.process !== process && this.#isOurs) this.#contest(outcome.lease.process, nowMs);
        return;
      case 'absent':
        this.#isStale = false;
        this.#lease = undefined;
        return;
      case 'conflict':
        this.#isStale = true;
        return;
      case 'foreign':
      case 'failed':
        this.#isStale = outcome.type === 'foreign' || outcome.why === 'unreachable';
        this.#backoff.failed(nowMs, random());
        return;
    }
  }

  /** The Lease is taken back at once, so that the other process learns of it too; each writes once per renewal. */
  #contest(other: string, nowMs: number): void {
    this.#contestedUntilMs = nowMs + this.durationMs;
    this.#options.onContested(other);
  }

  #fields(nowMs: number): ReplicaFields {
    const { replica, process } = this.#options;
    const now = microTime(nowMs);
    const isContinued = this.#lease?.process === process;
    return {
      type: 'replica',
      replica,
      process,
      durationSeconds: Math.round(this.durationMs / 1000),
      acquireTime: isContinued ? (this.#lease?.acquireTime ?? now) : now,
      renewTime: now,
    };
  }
}
