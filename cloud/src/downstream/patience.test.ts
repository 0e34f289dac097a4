import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Patience } from './patience.ts';
import { ManualClock } from './testing/manual-clock.ts';
import { batches, CONFIG, noise, POD, podFields, setUp } from './testing/world.ts';

function patient() {
  const clock = new ManualClock();
  let calls = 0;
  const patience = new Patience({
    clock,
    answerMs: 300_000,
    onOver: () => {
      calls += 1;
    },
  });
  const now = () => clock.now().getTime();
  return { clock, patience, now, calls: () => calls };
}

describe('patience', () => {
  test('ends once, after the time for an answer and that of its bytes on the slowest link', () => {
    const { clock, patience, now, calls } = patient();
    patience.await({ what: 'the ack of batch 1', since: now(), bytes: 25_600 });
    clock.advance(399_999);
    assert.equal(patience.over, undefined);
    clock.advance(1);
    assert.equal(patience.over, 'the ack of batch 1 did not come within 400 s');
    clock.advance(1_000_000);
    assert.equal(calls(), 1);
  });

  test('begins anew with each answer, and takes one timer for all of them', () => {
    const { clock, patience, now } = patient();
    for (let n = 1; n <= 100; n += 1) {
      patience.await({ what: `the ack of batch ${n}`, since: now(), bytes: 0 });
      assert.ok(clock.timers <= 1);
      clock.advance(200_000);
    }
    assert.equal(patience.over, undefined);
    clock.advance(100_000);
    assert.equal(patience.over, 'the ack of batch 100 did not come within 300 s');
  });

  test('has no end while nothing is awaited, nor after it was closed', () => {
    const { clock, patience, now } = patient();
    patience.await({ what: 'an ack', since: now(), bytes: 0 });
    patience.await(undefined);
    clock.advance(1_000_000);
    patience.await({ what: 'an ack', since: now(), bytes: 0 });
    patience.close();
    clock.advance(1_000_000);
    assert.equal(patience.over, undefined);
    assert.equal(clock.timers, 0);
  });
});

describe('a session', () => {
  test('whose agent reads and never acks holds no more than its window, and is given up', () => {
    const { clock, cluster, relay, connect } = setUp();
    const names = Array.from({ length: 100 }, (_, index) => `config-${index}`);
    for (const [seed, name] of names.entries()) {
      cluster.put(`configmaps/shop/${name}` as typeof CONFIG, { data: { noise: noise(3_000, seed + 1) } });
    }
    cluster.put(POD, podFields('edge-1', ...names));
    relay.catchUp();
    const link = connect();
    // The inventory comes, and after it nothing.
    while ([link.pump(), batches(link).length === 0 && link.down(), link.up()].some(Boolean));
    assert.ok(batches(link).length > 1);
    for (let round = 0; round < 200; round += 1) {
      cluster.put(CONFIG, { data: { round: String(round) } });
      cluster.put(`configmaps/shop/config-${round % 100}` as typeof CONFIG, { data: { round: String(round) } });
      relay.catchUp();
      link.pump();
      const { inflightBytes, inflightBatches, dirty } = link.session.stats();
      assert.ok(inflightBytes <= 32 * 1024 && inflightBatches <= 8);
      assert.ok(dirty <= 103, 'keys wait, not changes');
      clock.advance(1_000);
    }
    assert.equal(link.session.stalled(), undefined);
    clock.advance(500_000);
    assert.equal(link.isAwake, true, 'its link is told to look');
    assert.match(link.session.stalled() ?? '', /^the ack of batch 1 did not come within \d+ s$/);
    link.session.close();
    assert.equal(clock.timers, 0);
  });

  test('whose agent never sends the inventory is given up', () => {
    const { clock, cluster, relay, connect } = setUp();
    cluster.put(POD, podFields('edge-1'));
    relay.catchUp();
    const link = connect();
    link.pump();
    assert.equal(link.sent.at(-1)?.type, 'inventoryRequest');
    clock.advance(299_000);
    assert.equal(link.session.stalled(), undefined);
    clock.advance(1_000_000);
    assert.match(link.session.stalled() ?? '', /^the inventory did not come/);
  });

  test('that takes minutes for each batch and makes progress is kept', () => {
    const { clock, cluster, relay, connect, agent } = setUp();
    cluster.put(POD, podFields('edge-1', 'a', 'b', 'c'));
    for (const [seed, name] of ['a', 'b', 'c'].entries()) {
      cluster.put(`configmaps/shop/${name}` as typeof CONFIG, { data: { noise: noise(100_000, seed + 1) } });
    }
    relay.catchUp();
    const link = connect();
    while ([link.pump(), link.down()].some(Boolean)) {
      clock.advance(290_000);
      assert.equal(link.session.stalled(), undefined);
      while (link.up());
    }
    assert.equal(agent.held.size, 5);
    assert.equal(link.session.status().state, 'inSync');
    clock.advance(10_000_000);
    assert.equal(link.session.stalled(), undefined);
  });
});
