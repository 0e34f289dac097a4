import type { Claimant } from '../../hub/index.ts';
import type { Outcome } from '../outcome.ts';
import { type Renewal, Renewals } from '../renewals.ts';

/** A renewal that the played API server has taken. */
export interface Taken {
  readonly atMs: number;
  readonly node: string;
  readonly session: Claimant;
  readonly type: 'create' | 'renew';
}

export interface WorldOptions {
  readonly renewMs?: number;
  readonly callsPerSecond?: number;
  /** How long the API server takes, in ms. */
  readonly latencyMs?: () => number;
  /** What it says in place of taking a call that comes at that time. */
  readonly answer?: (atMs: number, renewal: Renewal) => Outcome | undefined;
  readonly random?: () => number;
}

interface Lease {
  version: number;
}

/** Time, and the Leases as an API server keeps them; several relays may share it. */
export class LeaseWorld {
  nowMs = 0;
  readonly leases = new Map<string, Lease>();
  /** Taken, in order. */
  readonly taken: Taken[] = [];
  /** When each call began. */
  readonly calls: number[] = [];
  readonly uids = new Map<string, string>();
  readonly #events: { readonly atMs: number; readonly order: number; readonly act: () => void }[] = [];
  readonly #relays: PlayedRelay[] = [];
  #order = 0;
  #version = 0;

  relay(options: WorldOptions = {}): PlayedRelay {
    const relay = new PlayedRelay(this, options);
    this.#relays.push(relay);
    return relay;
  }

  at(atMs: number, act: () => void): void {
    this.#events.push({ atMs, order: this.#order++, act });
    this.#events.sort((a, b) => a.atMs - b.atMs || a.order - b.order);
  }

  /** Lets time pass up to then; everything happens at its time. */
  run(untilMs: number): void {
    for (;;) {
      for (const relay of this.#relays) relay.turn();
      const relayMs = Math.min(...this.#relays.map((relay) => relay.renewals.nextAtMs()));
      const nextMs = Math.max(this.nowMs, Math.min(relayMs, this.#events[0]?.atMs ?? Number.POSITIVE_INFINITY));
      if (nextMs > untilMs) break;
      this.nowMs = nextMs;
      while (this.#events[0] !== undefined && this.#events[0].atMs <= nextMs) this.#events.shift()?.act();
    }
    this.nowMs = untilMs;
  }

  /** The call reaches the API server. */
  take({ node, session, action }: Renewal): Outcome {
    const lease = this.leases.get(node);
    if (action.type === 'create' && lease !== undefined) return { type: 'exists' };
    if (action.type === 'renew' && lease === undefined) return { type: 'missing' };
    if (action.type === 'renew' && action.version !== undefined && action.version !== String(lease?.version)) {
      return { type: 'conflict' };
    }
    this.#version += 1;
    this.leases.set(node, { version: this.#version });
    this.taken.push({ atMs: this.nowMs, node, session, type: action.type });
    return { type: 'written', version: String(this.#version) };
  }

  /** Of one node, in ms: between renewals that were taken. */
  gaps(node: string, fromMs = 0): number[] {
    const times = this.taken.filter((taken) => taken.node === node && taken.atMs >= fromMs).map(({ atMs }) => atMs);
    return times.slice(1).map((time, index) => time - (times[index] ?? 0));
  }
}

/** One relay: its renewals, and which sessions it believes to be its own. */
export class PlayedRelay {
  readonly renewals: Renewals;
  readonly began: Renewal[] = [];
  readonly failures: number[] = [];
  readonly #world: LeaseWorld;
  readonly #options: WorldOptions;
  readonly #ours = new Set<Claimant>();

  constructor(world: LeaseWorld, options: WorldOptions) {
    this.#world = world;
    this.#options = options;
    this.renewals = new Renewals({
      renewMs: options.renewMs ?? 10_000,
      callsPerSecond: options.callsPerSecond ?? 500,
      isOurs: (session) => this.#ours.has(session),
      uidOf: (node) => world.uids.get(node),
      random: options.random ?? (() => 0.5),
      onFailing: (_failure, _failures, waitMs) => this.failures.push(waitMs),
      onRecovered: () => {},
    });
  }

  open(session: Claimant): void {
    this.renewals.opened(session);
  }

  claim(session: Claimant): void {
    this.#ours.add(session);
    this.renewals.claimed(session, this.#world.nowMs);
  }

  /** The node had a session at another relay that lives. */
  takeOver(node: string): void {
    this.renewals.takenOver(node, this.#world.nowMs);
  }

  /** A newer session elsewhere is known of. */
  unclaim(session: Claimant): void {
    this.#ours.delete(session);
  }

  alive(session: Claimant, isAlive = true): void {
    this.renewals.alive(session, isAlive, this.#world.nowMs);
  }

  end(session: Claimant): void {
    this.#ours.delete(session);
    this.renewals.ended(session);
  }

  /** A node that is linked, claimed and alive. */
  link(session: Claimant): void {
    this.open(session);
    this.claim(session);
    this.alive(session);
  }

  turn(): void {
    const world = this.#world;
    for (let renewal = this.renewals.next(world.nowMs); renewal !== undefined; renewal = this.renewals.next(world.nowMs)) {
      const begun = renewal;
      this.began.push(begun);
      world.calls.push(world.nowMs);
      const latencyMs = this.#options.latencyMs?.() ?? 5;
      world.at(world.nowMs + latencyMs / 2, () => {
        const outcome = this.#options.answer?.(begun.beganMs, begun) ?? world.take(begun);
        world.at(world.nowMs + latencyMs / 2, () => this.renewals.settled(begun, outcome, world.nowMs));
      });
    }
  }
}

export function session(node: string): Claimant {
  return { node, remote: '', storeId: '', agentVersion: '1', end: () => {} };
}
