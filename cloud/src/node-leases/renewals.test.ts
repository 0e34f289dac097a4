import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { fractionOf, type RenewalAction } from './renewals.ts';
import { LeaseWorld, session } from './testing/lease-world.ts';

const FAILING = { type: 'failing', message: '503', retryAfterMs: undefined } as const;

function actions(began: readonly { readonly action: RenewalAction }[]): RenewalAction[] {
  return began.map(({ action }) => action);
}

/** So many nodes with a Node each. */
function nodesIn(world: LeaseWorld, count: number): string[] {
  const names = Array.from({ length: count }, (_, n) => `edge-${n}`);
  for (const name of names) world.uids.set(name, `uid-${name}`);
  return names;
}

/** Calls in each second of a span. */
function perSecond(calls: readonly number[], fromMs: number, toMs: number): number[] {
  const counts = Array<number>((toMs - fromMs) / 1000).fill(0);
  for (const at of calls) {
    const second = Math.floor((at - fromMs) / 1000);
    if (counts[second] !== undefined) counts[second] += 1;
  }
  return counts;
}

describe('the Lease of a node', () => {
  it('is made where there is none, with the Node as its owner, and then renewed over its last version', () => {
    const world = new LeaseWorld();
    nodesIn(world, 1);
    const relay = world.relay();
    relay.link(session('edge-0'));
    world.run(25_000);
    assert.deepEqual(actions(relay.began).slice(0, 4), [
      { type: 'renew', ownerUid: 'uid-edge-0', version: undefined },
      { type: 'create', ownerUid: 'uid-edge-0' },
      { type: 'renew', ownerUid: undefined, version: '1' },
      { type: 'renew', ownerUid: undefined, version: '2' },
    ]);
    const [first] = world.taken;
    assert.ok((first?.atMs ?? Number.POSITIVE_INFINITY) < 2_100, 'soon after the link is back');
  });

  it('has another owner when its Node was made anew', () => {
    const world = new LeaseWorld();
    nodesIn(world, 1);
    const relay = world.relay();
    relay.link(session('edge-0'));
    world.run(30_000);
    world.uids.set('edge-0', 'uid-other');
    relay.renewals.nodeChanged('edge-0', world.nowMs);
    world.run(60_000);
    const owners = relay.began.map(({ action }) => action.ownerUid);
    assert.equal(owners.filter((owner) => owner === 'uid-other').length, 1, 'told once');
  });

  it('is renewed while the kubelet is alive, the session is the node’s and there is a Node, and else not', () => {
    const world = new LeaseWorld();
    const relay = world.relay();
    const edge = session('edge-0');
    relay.open(edge);
    relay.claim(edge);
    relay.alive(edge);
    world.run(60_000);
    assert.deepEqual([relay.began.length, [...relay.renewals.states(world.nowMs)]], [0, [['nodeMissing', 1]]]);
    nodesIn(world, 1);
    relay.renewals.nodeChanged('edge-0', world.nowMs);
    world.run(80_000);
    const renewed = relay.began.length;
    assert.ok(renewed >= 2);
    relay.alive(edge, false);
    world.run(140_000);
    assert.deepEqual([relay.began.length, [...relay.renewals.states(world.nowMs)]], [renewed, [['kubeletSilent', 1]]]);
    relay.alive(edge, true);
    world.run(143_000);
    assert.equal(relay.began.length, renewed + 1, 'again soon');
    relay.unclaim(edge);
    world.run(200_000);
    assert.deepEqual([relay.began.length, [...relay.renewals.states(world.nowMs)]], [renewed + 1, [['unclaimed', 1]]]);
    relay.claim(edge);
    world.run(203_000);
    assert.equal(relay.began.length, renewed + 2);
    relay.end(edge);
    world.run(300_000);
    assert.equal(relay.began.length, renewed + 2, 'a lost session stops at once');
    assert.deepEqual([...relay.renewals.states(world.nowMs)], []);
  });

  it('is renewed at the usual pace where the device says all the time that its kubelet has died and lives', () => {
    const world = new LeaseWorld();
    // Of the names, one whose first renewal comes at once.
    const node = nodesIn(world, 200).sort((a, b) => fractionOf(a) - fractionOf(b))[0] ?? '';
    const relay = world.relay();
    const edge = session(node);
    relay.link(edge);
    for (let atMs = 50; atMs <= 60_000; atMs += 50) {
      world.run(atMs);
      relay.alive(edge, atMs % 100 === 0);
    }
    assert.ok(relay.began.length >= 6 && relay.began.length <= 14, `${relay.began.length} renewals in a minute`);
  });

  it('stays another session’s: what is over changes nothing, and what it had under way is nobody’s', () => {
    const world = new LeaseWorld();
    nodesIn(world, 1);
    const relay = world.relay({ latencyMs: () => 4_000 });
    const [older, newer] = [session('edge-0'), session('edge-0')];
    relay.link(older);
    world.run(2_100);
    relay.link(newer);
    relay.alive(older, false);
    relay.end(older);
    world.run(30_000);
    assert.ok(relay.began.filter((begun) => begun.session === newer).length >= 2);
    assert.deepEqual([...relay.renewals.states(world.nowMs)], [['renewed', 1]]);
  });

  it('waits a moment where a live replica had the node, which learns meanwhile that it is over', () => {
    const world = new LeaseWorld();
    nodesIn(world, 1);
    const relay = world.relay();
    const edge = session('edge-0');
    relay.open(edge);
    relay.alive(edge);
    relay.takeOver('edge-0');
    relay.claim(edge);
    world.run(4_999);
    assert.equal(relay.began.length, 0);
    world.run(7_100);
    assert.equal(relay.began.length, 2);
  });

  it('waits that moment too in a session that has replaced the one with which the node came here', () => {
    const world = new LeaseWorld();
    nodesIn(world, 1);
    const relay = world.relay();
    const [came, newer, newest] = [session('edge-0'), session('edge-0'), session('edge-0')];
    relay.open(came);
    relay.open(newer);
    relay.alive(newer);
    relay.takeOver('edge-0');
    relay.claim(newer);
    world.run(3_000);
    relay.open(newest);
    relay.alive(newest);
    relay.claim(newest);
    world.run(4_999);
    assert.equal(relay.began.length, 0);
    world.run(7_100);
    assert.deepEqual(
      relay.began.map((begun) => begun.session === newest),
      [true, true],
    );
  });

  it('waits that moment also where its renewal was on the list when it was taken over', () => {
    const world = new LeaseWorld();
    nodesIn(world, 1);
    const relay = world.relay();
    const edge = session('edge-0');
    relay.link(edge);
    relay.takeOver('edge-0');
    relay.claim(edge);
    world.run(4_999);
    assert.equal(relay.began.length, 0);
    world.run(7_100);
    assert.equal(relay.began.length, 2);
  });

  it('is left alone for a while where somebody else has written it, and then taken back', () => {
    const world = new LeaseWorld();
    nodesIn(world, 1);
    const relay = world.relay();
    relay.link(session('edge-0'));
    world.run(15_000);
    world.leases.set('edge-0', { version: 1_000_000 });
    const before = world.taken.length;
    world.run(24_900);
    const conflictMs = relay.began.at(-1)?.beganMs ?? 0;
    assert.equal(world.taken.length, before, 'a conflict');
    world.run(conflictMs + 15_000);
    assert.equal(world.taken.length, before);
    world.run(conflictMs + 15_100);
    assert.equal(world.taken.length, before + 1);
    assert.ok(Math.max(...world.gaps('edge-0')) < 40_000, 'before it expires');
  });

  it('is tried ever more seldom where the API server refuses it, and nothing else waits for that', () => {
    const world = new LeaseWorld();
    nodesIn(world, 2);
    const refused = { type: 'refused', message: '403' } as const;
    const relay = world.relay({ answer: (_at, { node }) => (node === 'edge-0' ? refused : undefined) });
    for (const name of ['edge-0', 'edge-1']) relay.link(session(name));
    world.run(600_000);
    const tries = relay.began.filter(({ node }) => node === 'edge-0').length;
    assert.ok(tries > 15 && tries < 40, `${tries}`);
    assert.ok(Math.max(...world.gaps('edge-1')) < 15_100);
  });

  it('is made again where it was deleted; without its namespace it is tried ever more seldom', () => {
    const world = new LeaseWorld();
    nodesIn(world, 1);
    let isNamespaceGone = false;
    const relay = world.relay({ answer: () => (isNamespaceGone ? { type: 'missing' } : undefined) });
    relay.link(session('edge-0'));
    world.run(15_000);
    world.leases.clear();
    world.run(30_000);
    assert.deepEqual(world.taken.filter(({ type }) => type === 'create').length, 2);
    isNamespaceGone = true;
    const before = relay.began.length;
    world.run(330_000);
    assert.ok(relay.began.length - before < 30, `${relay.began.length - before}`);
    isNamespaceGone = false;
    world.run(361_000);
    assert.ok(world.taken.at(-1)?.atMs ?? 0 > 330_000);
  });
});

describe('the renewals of many nodes', () => {
  it('are spread evenly over the interval, also when all nodes link at once', () => {
    const world = new LeaseWorld();
    const relay = world.relay();
    for (const name of nodesIn(world, 2_000)) {
      world.leases.set(name, { version: 0 });
      relay.link(session(name));
    }
    world.run(60_000);
    const first = perSecond(world.calls, 0, 20_000);
    assert.ok(Math.max(...first) <= 1_000, `no burst at the start: ${first}`);
    const later = perSecond(world.calls, 20_000, 60_000);
    assert.ok(Math.min(...later) > 150 && Math.max(...later) < 250, `200 a second: ${later}`);
    const gaps = [...world.uids.keys()].flatMap((name) => world.gaps(name, 20_000));
    assert.ok(gaps.every((gap) => gap > 9_900 && gap < 10_100));
  });

  it('never are more a second than they may, and then all intervals stretch alike', () => {
    const world = new LeaseWorld();
    const relay = world.relay({ callsPerSecond: 50 });
    const names = nodesIn(world, 1_000);
    for (const name of names) {
      world.leases.set(name, { version: 0 });
      relay.link(session(name));
    }
    world.run(160_000);
    assert.ok(Math.max(...perSecond(world.calls, 0, 160_000)) <= 55);
    const gaps = names.flatMap((name) => world.gaps(name, 60_000));
    assert.ok(
      gaps.every((gap) => gap > 18_000 && gap < 22_000),
      `${Math.min(...gaps)} to ${Math.max(...gaps)} ms`,
    );
    const oldestMs = relay.renewals.oldestMs(world.nowMs);
    assert.ok(oldestMs > 18_000 && oldestMs < 22_000, `${oldestMs}`);
    assert.deepEqual([...relay.renewals.states(world.nowMs)], [['renewed', 1_000]]);
  });

  it('say which Leases have expired where there are far more than the calls suffice for', () => {
    const world = new LeaseWorld();
    const relay = world.relay({ callsPerSecond: 1 });
    for (const name of nodesIn(world, 100)) relay.link(session(name));
    world.run(300_000);
    const states = relay.renewals.states(world.nowMs);
    assert.ok((states.get('expired') ?? 0) > 40, `${[...states]}`);
  });

  it('begin no queue while the API server takes none: one at a time tries, ever more seldom, and they are all made up for after', () => {
    const world = new LeaseWorld();
    const outage = (at: number) => at >= 30_000 && at < 55_000;
    const relay = world.relay({ answer: (at) => (outage(at) ? FAILING : undefined) });
    const names = nodesIn(world, 2_000);
    for (const name of names) relay.link(session(name));
    world.run(100_000);
    const during = world.calls.filter(outage);
    assert.ok(during.length < 25, `${during.length}`);
    assert.ok(relay.failures.every((waitMs) => waitMs <= 5_000));
    assert.ok(Math.max(...perSecond(world.calls, 0, 100_000)) <= 550);
    assert.ok(Math.max(...names.flatMap((name) => world.gaps(name))) < 40_000, 'none has expired');
  });

  it('wait for as long as the API server asks', () => {
    const world = new LeaseWorld();
    const busy = { type: 'failing', message: '429', retryAfterMs: 12_000 } as const;
    let answers = 0;
    const relay = world.relay({ answer: () => (answers++ === 0 ? busy : undefined) });
    for (const name of nodesIn(world, 50)) relay.link(session(name));
    world.run(60_000);
    const [first = 0] = world.calls;
    const again = world.calls.find((at) => at > first + 5) ?? 0;
    assert.ok(again >= first + 12_000, `${again}`);
  });
});
