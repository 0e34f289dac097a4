import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Action, Outcome } from './action.ts';
import { type Begun, Coordinator } from './coordinator.ts';
import type { Lease, NodeLease } from './lease.ts';
import type { Session } from './node-entry.ts';
import { ModelApi } from './testing/model-api.ts';

const RATE = 100;
const REFUSED: Outcome = { type: 'failed', why: 'forbidden', message: '403 no', retryAfterMs: undefined };
const LOST: Outcome = { type: 'failed', why: 'unreachable', message: 'lost', retryAfterMs: undefined };

/** Time, one API server, and any number of replicas whose calls take no time and whose watches are told by hand. */
class Bench {
  readonly api = new ModelApi();
  nowMs = Date.UTC(2030, 0, 1);
  #sessions = 0;

  replica(replica: string, process = replica): Replica {
    return new Replica(this, replica, process);
  }

  session(node: string, storeId = 'a'): Session {
    this.#sessions += 1;
    return { id: `s${this.#sessions}`, node, storeId, agentVersion: '1' };
  }

  lease(node: string): NodeLease {
    const lease = this.api.leases.get(`node-${node}`);
    assert.ok(lease?.type === 'node');
    return lease;
  }

  /** Writes about nodes that took effect. */
  get nodeWrites(): readonly Action[] {
    return this.api.writes.filter(({ name }) => name.startsWith('node-')).map(({ action }) => action);
  }
}

class Replica {
  readonly coordinator: Coordinator;
  readonly events: string[] = [];
  /** Nodes of whose links something may be another. */
  readonly links: string[] = [];
  /** What calls come to, when it is not what the API server says. */
  fault: ((action: Action) => Outcome | undefined) | undefined;
  readonly #bench: Bench;
  #told = 0;

  constructor(bench: Bench, replica: string, process: string) {
    this.#bench = bench;
    const say = (event: string) => this.events.push(event);
    this.coordinator = new Coordinator({
      replica,
      process,
      renewMs: 10_000,
      callsPerSecond: RATE,
      nowMs: bench.nowMs,
      random: () => 0.5,
      events: {
        claimed: ({ id }) => say(`claimed ${id}`),
        takenOver: ({ sessionId }, before) => say(`${sessionId} takes over from ${before.sessionId} at ${before.holder}`),
        replaced: ({ id }, by) => say(`${id} replaced by ${by.sessionId} at ${by.holder}`),
        marked: ({ node }) => say(`marked ${node}`),
        linkChanged: (node) => this.links.push(node),
        gone: (other, nodes) => say(`gone ${other} with ${nodes}`),
        contested: (other) => say(`contested by ${other}`),
        failing: ({ why }, failures) => say(`failing ${why} ${failures}`),
        recovered: (failures) => say(`recovered after ${failures}`),
        wentBack: (detail) => say(`went back: ${detail}`),
      },
    });
  }

  open(session: Session): Session {
    this.coordinator.opened(session, this.#bench.nowMs);
    return session;
  }

  /** The state of the node's link, as far as this replica has to say it, and for how long in seconds. */
  link(node: string): string | undefined {
    const link = this.coordinator.link(node, this.#bench.nowMs);
    if (link === undefined || link === 'none') return link;
    return `${link.state} for ${Math.round(link.ageMs / 1000)} s${link.isShared ? ', or another' : ''}`;
  }

  end(session: Session): void {
    this.coordinator.ended(session, this.#bench.nowMs);
  }

  begin(): Begun[] {
    const all: Begun[] = [];
    for (let one = this.coordinator.next(this.#bench.nowMs); one !== undefined; one = this.coordinator.next(this.#bench.nowMs)) {
      all.push(one);
    }
    return all;
  }

  settle(begun: Begun, outcome: Outcome): void {
    this.coordinator.settled(begun, outcome, this.#bench.nowMs);
  }

  /** Calls, answered at once. @returns how many */
  work(): number {
    let count = 0;
    for (let all = this.begin(); all.length > 0; all = this.begin()) {
      for (const begun of all) this.settle(begun, this.fault?.(begun.action) ?? this.#bench.api.do(begun.action));
      count += all.length;
    }
    return count;
  }

  /** The watch tells all that has happened; `skip` leaves out what it would coalesce. */
  watch(options: { readonly lastOnly?: boolean } = {}): void {
    const { api, nowMs } = this.#bench;
    const events = api.history.slice(this.#told);
    this.#told = api.history.length;
    for (const event of options.lastOnly === true ? events.slice(-1) : events) {
      if (event.type === 'put') this.coordinator.observe(event.lease, nowMs);
      else this.coordinator.observeGone(event.name, event.uid, event.resourceVersion, nowMs);
    }
    this.coordinator.listed(api.revision, nowMs);
  }

  /** Time passes, second by second, with everything working. */
  run(seconds: number, others: readonly Replica[] = []): void {
    for (let second = 0; second < seconds; second += 1) {
      for (const replica of [this, ...others]) {
        replica.work();
        replica.watch();
      }
      this.#bench.nowMs += 1_000;
    }
  }
}

function two(): { bench: Bench; a: Replica; b: Replica } {
  const bench = new Bench();
  const [a, b] = [bench.replica('a'), bench.replica('b')];
  a.run(1, [b]);
  return { bench, a, b };
}

test('a connect is one write; a session at another replica takes the Lease, and the older one is over', () => {
  const { bench, a, b } = two();
  const first = a.open(bench.session('edge-1'));
  a.run(1, [b]);
  assert.deepEqual(
    bench.nodeWrites.map(({ type }) => type),
    ['create'],
  );
  const { holder, epoch, sessionId, storeId, linkState } = bench.lease('edge-1');
  assert.deepEqual(
    { holder, epoch, sessionId, storeId, linkState },
    { holder: 'a', epoch: 1, sessionId: first.id, storeId: 'a', linkState: 'up' },
  );
  const second = b.open(bench.session('edge-1', 'other'));
  a.run(2, [b]);
  assert.deepEqual(
    bench.nodeWrites.map(({ type }) => type),
    ['create', 'update'],
  );
  assert.equal(bench.lease('edge-1').epoch, 2);
  assert.deepEqual(a.events, [`claimed ${first.id}`, `${first.id} replaced by ${second.id} at b`]);
  assert.deepEqual(b.events, [`${second.id} takes over from ${first.id} at a`, `claimed ${second.id}`]);
  a.run(100, [b]);
  assert.equal(bench.nodeWrites.length, 2, 'nothing follows');
});

test('a node is taken over from another replica also where its session here is a newer one by the time of the answer', () => {
  const { bench, a, b } = two();
  const first = a.open(bench.session('edge-1'));
  a.run(2, [b]);
  for (const isAnswered of [true, false]) {
    b.events.length = 0;
    const came = b.open(bench.session('edge-1'));
    const before = bench.lease('edge-1');
    const [claim] = b.begin();
    assert.ok(claim);
    const outcome = bench.api.do(claim.action);
    b.end(came);
    const newer = b.open(bench.session('edge-1'));
    b.settle(claim, isAnswered ? outcome : LOST);
    // Where the answer was lost, nothing is tried for a moment.
    b.run(5);
    assert.deepEqual(
      b.events.filter((event) => event.includes('take') || event.startsWith('claimed')),
      [`${came.id} takes over from ${before.sessionId} at a`, `claimed ${newer.id}`],
      isAnswered ? 'answered' : 'not answered',
    );
    a.run(1);
    const back = a.open(bench.session('edge-1'));
    a.run(2, [b]);
    assert.equal(bench.lease('edge-1').sessionId, back.id);
  }
  assert.ok(a.events.some((event) => event.startsWith(`${first.id} replaced by`)));
});

test('a node whose link was down by its Lease is taken over from nobody', () => {
  const { bench, a, b } = two();
  const first = a.open(bench.session('edge-1'));
  a.run(2, [b]);
  a.end(first);
  a.run(10, [b]);
  const second = b.open(bench.session('edge-1'));
  b.run(2, [a]);
  assert.deepEqual(b.events, [`claimed ${second.id}`]);
});

test('the echo of an older session does not end the newer one', () => {
  const { bench, a } = two();
  const first = a.open(bench.session('edge-1'));
  a.work();
  a.end(first);
  const second = a.open(bench.session('edge-1'));
  a.work();
  assert.equal(bench.lease('edge-1').sessionId, second.id);
  a.watch();
  assert.deepEqual(a.events, [`claimed ${first.id}`, `claimed ${second.id}`]);
});

test('a conflict is read and written over: the last write wins', () => {
  const { bench, a, b } = two();
  const first = a.open(bench.session('edge-1'));
  const second = b.open(bench.session('edge-1'));
  const [create] = a.begin();
  b.work();
  assert.ok(create);
  assert.equal(bench.lease('edge-1').sessionId, second.id);
  a.settle(create, bench.api.do(create.action));
  a.run(2, [b]);
  assert.equal(bench.lease('edge-1').sessionId, first.id);
  assert.deepEqual(b.events, [`claimed ${second.id}`, `${second.id} replaced by ${first.id} at a`]);
  assert.equal(bench.nodeWrites.length, 2);
});

test('an answer that comes after the watch has told of a newer session does not bring the older one back', () => {
  const { bench, a, b } = two();
  const first = a.open(bench.session('edge-1'));
  const [create] = a.begin();
  assert.ok(create);
  const answer = bench.api.do(create.action);
  b.watch();
  const second = b.open(bench.session('edge-1'));
  b.work();
  a.watch({ lastOnly: true });
  a.settle(create, answer);
  a.run(30, [b]);
  assert.equal(bench.lease('edge-1').sessionId, second.id);
  assert.deepEqual(a.events, [`${first.id} replaced by ${second.id} at b`]);
});

test('a write whose answer was lost, with a newer session written over it, is not made again', () => {
  const { bench, a, b } = two();
  const first = a.open(bench.session('edge-1'));
  const [create] = a.begin();
  assert.ok(create);
  bench.api.do(create.action);
  b.watch();
  const second = b.open(bench.session('edge-1'));
  b.work();
  a.settle(create, LOST);
  bench.nowMs += 1_000;
  a.run(30, [b]);
  assert.equal(bench.lease('edge-1').sessionId, second.id);
  assert.ok(a.events.includes(`${first.id} replaced by ${second.id} at b`), a.events.join());
});

test('a device that flaps each second is written of in bursts and then each ten seconds', (t) => {
  const { bench, a } = two();
  const seconds = 100;
  for (let second = 0; second < seconds; second += 1) {
    const session = a.open(bench.session('edge-1'));
    a.run(1);
    a.end(session);
  }
  const writes = bench.nodeWrites.length;
  t.diagnostic(`${writes} writes for ${seconds} connects`);
  assert.ok(writes <= 3 + seconds / 10, `${writes} writes`);
  a.run(30);
  assert.equal(bench.lease('edge-1').linkState, 'down');
});

test('a link that comes back soon was not down for the others; one that stays away is', () => {
  const { bench, a } = two();
  const first = a.open(bench.session('edge-1'));
  a.run(1);
  a.end(first);
  a.run(4);
  assert.equal(bench.lease('edge-1').linkState, 'up');
  const second = a.open(bench.session('edge-1'));
  a.run(1);
  a.end(second);
  a.run(10);
  assert.deepEqual([bench.lease('edge-1').linkState, bench.lease('edge-1').sessionId], ['down', second.id]);
  assert.equal(bench.nodeWrites.length, 3);
});

test('10,000 sessions at once are written at the rate, in their order, while the own Lease is renewed', (t) => {
  const bench = new Bench();
  const a = bench.replica('a');
  a.run(1);
  const count = 10_000;
  const sessions = Array.from({ length: count }, (_, i) => a.open(bench.session(`edge-${i}`)));
  assert.ok(a.begin().length <= 4, 'a few at a time');
  const bench2 = new Bench();
  const b = bench2.replica('b');
  b.run(1);
  for (const session of sessions) b.open(session);
  const startMs = bench2.nowMs;
  let most = 0;
  while (b.coordinator.counts(bench2.nowMs).waiting > 0) {
    const done = b.work();
    most = Math.max(most, done);
    b.watch();
    bench2.nowMs += Math.max(1, b.coordinator.waitMs(bench2.nowMs));
  }
  const seconds = (bench2.nowMs - startMs) / 1000;
  t.diagnostic(`${count} writes in ${seconds} s, ${most} at once at most`);
  assert.ok(seconds >= count / RATE - 1 && seconds <= count / RATE + 5, `${seconds} s`);
  assert.deepEqual(
    bench2.nodeWrites.map((action) => action.name),
    sessions.map(({ node }) => `node-${node}`),
  );
  const renewals = bench2.api.writes.filter(({ name }) => name === 'relay-b').length;
  assert.ok(renewals >= seconds / 10, `${renewals} renewals`);
});

test('a session that ends before its turn is not written', () => {
  const bench = new Bench();
  const a = bench.replica('a');
  a.run(1);
  a.fault = () => REFUSED;
  const session = a.open(bench.session('edge-1'));
  a.run(2);
  a.end(session);
  a.fault = undefined;
  a.run(60);
  assert.equal(bench.nodeWrites.length, 0);
});

test('while calls fail one at a time tries, more and more rarely, and then all are made', () => {
  const bench = new Bench();
  const a = bench.replica('a');
  a.run(1);
  let tried = 0;
  a.fault = (action) => {
    if (!action.name.startsWith('node-')) return undefined;
    tried += 1;
    return REFUSED;
  };
  for (let i = 0; i < 50; i += 1) a.open(bench.session(`edge-${i}`));
  a.run(300);
  assert.ok(tried >= 5 && tried <= 25, `${tried} tries in five minutes`);
  a.fault = undefined;
  a.run(60);
  assert.equal(bench.nodeWrites.length, 50);
  assert.ok(a.events.some((event) => event.startsWith('recovered after')));
});

test('one Lease that is refused holds up no other', () => {
  const bench = new Bench();
  const a = bench.replica('a');
  a.run(1);
  let refusals = 0;
  a.fault = ({ name }) => {
    if (name !== 'node-bad') return undefined;
    refusals += 1;
    return { type: 'failed', why: 'refused', message: '422', retryAfterMs: undefined };
  };
  a.open(bench.session('bad'));
  a.open(bench.session('good'));
  a.run(100);
  assert.equal(bench.lease('good').linkState, 'up');
  assert.ok(refusals >= 3 && refusals <= 20, `${refusals}`);
});

test('before the first list nothing is written blindly; when it does not come, each Lease is read first', () => {
  const bench = new Bench();
  const old = bench.replica('old');
  old.run(1);
  old.open(bench.session('edge-1'));
  old.run(1);
  const a = bench.replica('a');
  const session = a.open(bench.session('edge-1'));
  const calls: string[] = [];
  a.fault = ({ type, name }) => {
    if (name.startsWith('node-')) calls.push(type);
    return undefined;
  };
  for (let second = 0; second < 20; second += 1, bench.nowMs += 1_000) a.work();
  assert.deepEqual(calls, ['read', 'update']);
  assert.deepEqual([bench.lease('edge-1').sessionId, bench.lease('edge-1').epoch], [session.id, 2]);
});

test('the nodes of a replica that fell silent are marked once, by whoever comes first, and its Lease goes', (t) => {
  const { bench, a, b } = two();
  const c = bench.replica('c');
  for (let i = 0; i < 20; i += 1) b.open(bench.session(`edge-${i}`));
  a.run(2, [b, c]);
  const before = bench.nodeWrites.length;
  const silentMs = bench.nowMs;
  while (bench.api.leases.has('relay-b')) {
    assert.ok(bench.nowMs - silentMs < 120_000, 'the Lease of b is deleted');
    a.run(1, [c]);
  }
  const seconds = (bench.nowMs - silentMs) / 1000;
  const marked = [a, c].map(({ events }) => events.filter((event) => event.startsWith('marked')).length);
  t.diagnostic(`marked ${marked.join(' and ')}, all done after ${seconds} s`);
  assert.equal(bench.nodeWrites.length - before, 20, 'each node once');
  for (let i = 0; i < 20; i += 1)
    assert.deepEqual([bench.lease(`edge-${i}`).linkState, bench.lease(`edge-${i}`).holder], ['unknown', 'b']);
  assert.ok(seconds >= 40, 'its duration, and the wait for the nodes to link anew');
});

test('nodes that have linked to another replica meanwhile are not marked', () => {
  const { bench, a, b } = two();
  for (const node of ['moved', 'left']) b.open(bench.session(node));
  a.run(2, [b]);
  a.run(31);
  a.open(bench.session('moved'));
  a.run(30);
  assert.deepEqual([bench.lease('moved').holder, bench.lease('moved').linkState], ['a', 'up']);
  assert.equal(bench.lease('left').linkState, 'unknown');
  assert.deepEqual(
    a.events.filter((event) => event.startsWith('marked')),
    ['marked left'],
  );
});

test('a replica whose renewals our watch does not tell is asked for by a read, and its nodes are left alone', () => {
  const { bench, a, b } = two();
  b.open(bench.session('edge-1'));
  a.run(2, [b]);
  for (let second = 0; second < 120; second += 1, bench.nowMs += 1_000) {
    b.work();
    b.watch();
    a.work();
  }
  assert.equal(bench.lease('edge-1').linkState, 'up');
  assert.deepEqual(a.events, []);
});

test('a replica that was taken for gone says that its links are up when it is back', () => {
  const { bench, a, b } = two();
  const session = b.open(bench.session('edge-1'));
  a.run(2, [b]);
  a.run(60);
  assert.equal(bench.lease('edge-1').linkState, 'unknown');
  a.run(5, [b]);
  assert.deepEqual([bench.lease('edge-1').linkState, bench.lease('edge-1').sessionId], ['up', session.id]);
  assert.ok(bench.api.leases.has('relay-b'), 'and has a Lease again');
  a.run(60, [b]);
  assert.equal(bench.lease('edge-1').linkState, 'up');
});

test('a replica that stopped in an orderly way has deleted its Lease: its nodes are marked after a short wait', () => {
  const { bench, a, b } = two();
  b.open(bench.session('edge-1'));
  a.run(2, [b]);
  bench.api.remove('relay-b');
  a.run(9);
  assert.equal(bench.lease('edge-1').linkState, 'up');
  a.run(5);
  assert.equal(bench.lease('edge-1').linkState, 'unknown');
});

test('a process with the name of the one before waits for the agents to link anew, then says who did not', () => {
  const bench = new Bench();
  const before = bench.replica('a', 'process-1');
  before.run(1);
  for (const node of ['back', 'away']) before.open(bench.session(node));
  before.run(2);
  const after = bench.replica('a', 'process-2');
  after.run(5);
  after.open(bench.session('back'));
  after.run(50);
  assert.equal(bench.lease('away').linkState, 'up');
  after.run(20);
  assert.deepEqual([bench.lease('back').linkState, bench.lease('away').linkState], ['up', 'down']);
  assert.ok(!after.events.some((event) => event.startsWith('contested')));
});

test('two processes of one name are told of, and do not undo what the other says of its sessions', () => {
  const bench = new Bench();
  const [one, other] = [bench.replica('a', 'process-1'), bench.replica('a', 'process-2')];
  one.run(1, [other]);
  const session = one.open(bench.session('edge-1'));
  one.run(200, [other]);
  assert.deepEqual([bench.lease('edge-1').linkState, bench.lease('edge-1').sessionId], ['up', session.id]);
  assert.ok(one.events.includes('contested by process-2') || other.events.includes('contested by process-1'));
  const newer = other.open(bench.session('edge-1'));
  one.run(5, [other]);
  assert.ok(one.events.includes(`${session.id} replaced by ${newer.id} at a`));
  assert.ok(bench.nodeWrites.length <= 3, `${bench.nodeWrites.length}`);
});

test('a Lease that somebody deletes, or whose session is edited out, is written again and ends no session', () => {
  const { bench, a, b } = two();
  const session = a.open(bench.session('edge-1'));
  a.run(1, [b]);
  bench.api.remove('node-edge-1');
  a.run(2, [b]);
  assert.equal(bench.lease('edge-1').sessionId, session.id);
  const { uid, resourceVersion, ...fields } = bench.lease('edge-1');
  const edited: Lease = { ...fields, uid, resourceVersion, sessionId: '', holder: '' };
  bench.api.do({ type: 'update', name: 'node-edge-1', fields: edited, uid, resourceVersion });
  a.run(10, [b]);
  assert.equal(bench.lease('edge-1').sessionId, session.id);
  assert.ok(!a.events.some((event) => event.includes('replaced')));
});

test('of each link one replica says how it is: who has or had it last, and any other once that one has gone', () => {
  const { bench, a, b } = two();
  const links = () => [a.link('edge-1'), b.link('edge-1')];
  assert.deepEqual(links(), ['none', 'none']);
  const first = a.open(bench.session('edge-1'));
  assert.deepEqual([a.coordinator.holds(first), ...links()], [false, undefined, 'none'], 'before it is claimed');
  a.run(10, [b]);
  assert.deepEqual([a.coordinator.holds(first), ...links()], [true, 'up for 10 s', undefined]);
  const second = b.open(bench.session('edge-1'));
  a.run(3, [b]);
  assert.deepEqual([a.coordinator.holds(first), b.coordinator.holds(second)], [false, true]);
  assert.deepEqual(links(), [undefined, 'up for 3 s']);
  b.end(second);
  a.run(3, [b]);
  assert.deepEqual(links(), [undefined, undefined], 'it may be back in a moment');
  a.run(7, [b]);
  assert.deepEqual(links(), [undefined, 'down for 10 s']);
  assert.ok(a.links.includes('edge-1') && b.links.includes('edge-1'));
  a.links.length = 0;
  a.run(60);
  assert.ok(a.links.includes('edge-1'), 'told when the other one has gone');
  assert.equal(a.link('edge-1')?.endsWith(', or another'), true);
});

test('links of a replica that has gone are said to be unknown once they are marked, by those that are left', () => {
  const { bench, a, b } = two();
  b.open(bench.session('edge-1'));
  a.run(5, [b]);
  a.run(35);
  assert.equal(a.link('edge-1'), undefined);
  a.run(30);
  assert.match(a.link('edge-1') ?? '', /^unknown for \d+ s, or another$/);
  assert.ok(a.events.includes('marked edge-1'));
});

test('a replica that says farewell leaves it to the others what it knew of links that were down', () => {
  const { bench, a, b } = two();
  const session = b.open(bench.session('edge-1'));
  a.run(5, [b]);
  b.end(session);
  a.run(10, [b]);
  a.links.length = 0;
  const own = b.coordinator.ownLease;
  assert.ok(own);
  bench.api.do({ type: 'delete', name: own.name, uid: own.uid, resourceVersion: undefined });
  a.run(2);
  assert.ok(a.links.includes('edge-1'));
  assert.match(a.link('edge-1') ?? '', /^down for \d+ s, or another$/);
});

test('a replica that was started anew under its name waits for its agents before it says that their links are down', () => {
  const { bench, a, b } = two();
  a.open(bench.session('edge-1'));
  a.run(5, [b]);
  const again = bench.replica('a', 'process-2');
  again.run(40, [b]);
  assert.equal(again.link('edge-1'), undefined);
  again.run(30, [b]);
  assert.match(again.link('edge-1') ?? '', /^down for 7\d s$/);
});
