import assert from 'node:assert/strict';
import { it } from 'node:test';
import fc from 'fast-check';
import type { Claimant } from '../hub/index.ts';
import { LeaseWorld, type PlayedRelay, session } from './testing/lease-world.ts';

const FAILING = { type: 'failing', message: '503', retryAfterMs: undefined } as const;

/** Numbers from 0 to 1 that a seed decides. */
function randomFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

it('no Lease expires while the calls suffice, whenever nodes come and however long the API server is away for a while', () => {
  const scenario = fc.record({
    seed: fc.integer(),
    /** Seconds in which the calls suffice for all nodes once. */
    load: fc.double({ min: 0.5, max: 15, noNaN: true }),
    callsPerSecond: fc.integer({ min: 2, max: 20 }),
    latencyMs: fc.integer({ min: 1, max: 1_000 }),
    outageMs: fc.integer({ min: 0, max: 8_000 }),
  });
  fc.assert(
    fc.property(scenario, ({ seed, load, callsPerSecond, latencyMs, outageMs }) => {
      const nodes = Math.ceil(load * callsPerSecond);
      const random = randomFrom(seed);
      const world = new LeaseWorld();
      const outage = (at: number) => at >= 60_000 && at < 60_000 + outageMs;
      const relay = world.relay({
        callsPerSecond,
        random,
        latencyMs: () => random() * latencyMs,
        answer: (at) => (outage(at) ? FAILING : undefined),
      });
      const since = new Map<string, number>();
      for (let n = 0; n < nodes; n += 1) {
        const name = `edge-${n}`;
        world.uids.set(name, `uid-${n}`);
        const atMs = Math.floor(random() * 50_000);
        since.set(name, atMs);
        world.at(atMs, () => relay.link(session(name)));
      }
      world.run(150_000);
      for (const [name, fromMs] of since) {
        const first = world.taken.find(({ node }) => node === name)?.atMs ?? Number.POSITIVE_INFINITY;
        assert.ok(first - fromMs < 40_000, `${name} was first renewed after ${first - fromMs} ms`);
        const longest = Math.max(...world.gaps(name));
        assert.ok(longest < 40_000, `${name} was not renewed for ${longest} ms`);
      }
    }),
    { numRuns: 60 },
  );
});

const MOST_LATENCY_MS = 1_000;
/** A claim is written within this, and its answer comes within as much again. */
const MOST_CLAIM_MS = 200;
/** A session that has ended for so long stands as down in its Lease. */
const LINK_DOWN_MS = 5_000;

interface Move {
  readonly afterMs: number;
  readonly to: number;
  /** The older relay notices the end of the link only then; the newer session is told by the watch. */
  readonly halfOpenMs: number;
}

/** A node moves between three relays; news of a claim takes up to `mostLagMs`. */
function follow(seed: number, moves: readonly Move[], mostLagMs: number): void {
  const random = randomFrom(seed);
  const world = new LeaseWorld();
  world.uids.set('edge-0', 'uid');
  const options = { random, latencyMs: () => random() * MOST_LATENCY_MS };
  const relays = [0, 1, 2].map(() => world.relay(options));
  type Link = { readonly relay: PlayedRelay; readonly session: Claimant };
  /** In the order in which their claims were written to the API server: this is what decides. */
  const order: Link[] = [];
  const overAt = new Map<Claimant, number>();
  /** One relay has one session of a node, and one call about it under way. */
  const sessions = new Map<PlayedRelay, Link>();
  const claiming = new Set<PlayedRelay>();
  const end = (link: Link) => {
    link.relay.end(link.session);
    if (sessions.get(link.relay) === link) sessions.delete(link.relay);
    overAt.set(link.session, Math.min(overAt.get(link.session) ?? Number.POSITIVE_INFINITY, world.nowMs));
  };
  const claim = (relay: PlayedRelay) => {
    const link = sessions.get(relay);
    if (link === undefined || order.includes(link) || claiming.has(relay)) return;
    claiming.add(relay);
    // What is under way is written, whether or not the session is over by then.
    world.at(world.nowMs + random() * MOST_CLAIM_MS, () => {
      const before = order.at(-1);
      const isUp = before !== undefined && world.nowMs < (overAt.get(before.session) ?? Number.POSITIVE_INFINITY) + LINK_DOWN_MS;
      order.push(link);
      if (before !== undefined) world.at(world.nowMs + random() * mostLagMs, () => end(before));
      world.at(world.nowMs + random() * MOST_CLAIM_MS, () => {
        claiming.delete(relay);
        if (isUp && before.relay !== relay) relay.takeOver('edge-0');
        if (!overAt.has(link.session)) relay.claim(link.session);
        claim(relay);
      });
    });
  };
  let dialled: Link | undefined;
  let atMs = 0;
  for (const { afterMs, to, halfOpenMs } of moves) {
    atMs += afterMs;
    world.at(atMs, () => {
      const relay = relays[to];
      if (relay === undefined) return;
      const older = dialled;
      const link = { relay, session: session('edge-0') };
      dialled = link;
      // The newer session at a relay ends the older one there at once.
      const atRelay = sessions.get(relay);
      if (atRelay !== undefined) end(atRelay);
      if (older !== undefined && older.relay !== relay) world.at(world.nowMs + halfOpenMs, () => end(older));
      sessions.set(relay, link);
      relay.open(link.session);
      relay.alive(link.session);
      claim(relay);
    });
  }
  world.run(atMs + 120_000);
  let newest = 0;
  for (const { session: by, atMs: at } of world.taken) {
    const rank = order.findIndex(({ session: link }) => link === by);
    assert.ok(rank >= newest, `session ${rank} wrote at ${at} after session ${newest}`);
    newest = rank;
  }
  for (const relay of relays) {
    for (const { session: by, beganMs } of relay.began) {
      assert.ok(beganMs <= (overAt.get(by) ?? Number.POSITIVE_INFINITY), 'a session that is over began a renewal');
    }
  }
  const holder = order.at(-1)?.session;
  if (holder === undefined || overAt.has(holder)) return;
  const last = world.taken.at(-1);
  assert.ok(last !== undefined && last.session === holder && world.nowMs - last.atMs < 16_000, 'the last one writes on');
}

function movesFrom(leastMs: number, mostMs: number) {
  const move = fc.record({
    afterMs: fc.integer({ min: leastMs, max: mostMs }),
    to: fc.integer({ min: 0, max: 2 }),
    halfOpenMs: fc.integer({ min: 0, max: 20_000 }),
  });
  return fc.array(move, { minLength: 2, maxLength: 12 });
}

it('no two relays write for one node, however it moves between them, and a session that is over never writes again', () => {
  fc.assert(
    fc.property(fc.integer(), movesFrom(0, 30_000), (seed, moves) => follow(seed, moves, 3_500)),
    { numRuns: 1_000 },
  );
});

it('a relay that is told late that a session is over meets a conflict, and does not write over the newer one', () => {
  fc.assert(
    fc.property(fc.integer(), movesFrom(25_000, 60_000), (seed, moves) => follow(seed, moves, 13_000)),
    { numRuns: 1_000 },
  );
});
