import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { DeliveryTimes } from './delivery-times.ts';
import { ManualClock } from './testing/manual-clock.ts';
import { CONFIG, EDGE, NODE, POD, podFields, SECRET, setUp } from './testing/world.ts';

describe('the time from a change to its ack', () => {
  function scene() {
    const clock = new ManualClock();
    return { clock, times: new DeliveryTimes(clock) };
  }

  test('counts from the oldest change that is not acknowledged', () => {
    const { clock, times } = scene();
    assert.equal(times.lag(), 0);
    times.marked(POD, false);
    clock.advance(100);
    times.marked(CONFIG, false);
    times.marked(POD, false);
    clock.advance(50);
    assert.equal(times.lag(), 150);
    assert.equal(times.acknowledged([POD]), 150);
    assert.equal(times.lag(), 50);
    assert.equal(times.acknowledged([CONFIG]), 50);
    assert.equal(times.lag(), 0);
    assert.equal(times.acknowledged([CONFIG]), undefined, 'nothing had been marked');
  });

  test('of a change under way begins anew with the first change after it was sent', () => {
    const { clock, times } = scene();
    times.marked(POD, false);
    clock.advance(100);
    times.marked(POD, true);
    clock.advance(100);
    times.marked(POD, true);
    clock.advance(100);
    assert.equal(times.acknowledged([POD]), 300);
    assert.equal(times.lag(), 200);
    assert.equal(times.acknowledged([POD]), 200);
    assert.equal(times.lag(), 0);
  });

  test('ends where there is nothing to be sent after all', () => {
    const { clock, times } = scene();
    times.marked(POD, false);
    clock.advance(100);
    times.settled(POD);
    assert.equal(times.lag(), 0);
  });

  test('counts from when it was lost from sight what the agent holds', () => {
    const { clock, times } = scene();
    times.marked(POD, false);
    clock.advance(100);
    times.lost();
    clock.advance(100);
    times.lost();
    assert.equal(times.lag(), 100);
    times.found([CONFIG]);
    clock.advance(100);
    assert.equal(times.acknowledged([CONFIG]), 200);
    times.lost();
    times.found([]);
    clock.advance(100);
    assert.equal(times.lag(), 0);
  });

  test('is none where the clock was set back', () => {
    const times = new DeliveryTimes({ now: () => new Date(now) });
    let now = 5_000;
    times.marked(POD, false);
    now = 1_000;
    assert.equal(times.lag(), 0);
    assert.equal(times.acknowledged([POD]), 0);
  });
});

describe('the lag of a session', () => {
  /** A device in sync with a pod and its ConfigMap. */
  function inSync() {
    const delivered: number[] = [];
    const world = setUp({}, (milliseconds) => delivered.push(milliseconds));
    const { cluster, relay, connect } = world;
    cluster.put(POD, podFields('edge-1', 'cart'));
    cluster.put(CONFIG, { data: { n: '1' } });
    relay.catchUp();
    const link = connect();
    const lag = () => link.session.stats().lagMs;
    return { ...world, link, lag, delivered };
  }

  test('runs from the hello until the agent has what it lacked', () => {
    const { clock, link, lag, delivered } = inSync();
    clock.advance(1_000);
    assert.equal(lag(), 1_000);
    link.drain();
    assert.equal(lag(), 0);
    assert.deepEqual(delivered, [1_000]);
  });

  test('runs while a change waits, is under way, or waits for another object', () => {
    const { clock, cluster, relay, link, lag, delivered } = inSync();
    link.drain();
    delivered.length = 0;
    clock.advance(60_000);
    cluster.put(CONFIG, { data: { n: '2' } });
    relay.catchUp();
    clock.advance(300);
    assert.equal(lag(), 300);
    link.pump();
    clock.advance(700);
    assert.equal(lag(), 1_000);
    cluster.put(CONFIG, { data: { n: '3' } });
    relay.catchUp();
    clock.advance(500);
    link.down();
    link.up();
    assert.equal(lag(), 500, 'the change that came while the one before was under way');
    link.drain();
    assert.equal(lag(), 0);
    assert.deepEqual(delivered, [1_500, 500]);
  });

  test('has no memory of a change that came to nothing', () => {
    const { clock, cluster, relay, link, lag } = inSync();
    link.drain();
    cluster.put(SECRET, { data: {} });
    cluster.put(POD, podFields('edge-1', 'cart', 'other'));
    relay.catchUp();
    link.drain();
    clock.advance(5_000);
    assert.equal(lag(), 0);
  });

  test('says nothing while nothing may be sent', () => {
    const { clock, cluster, relay, link, lag } = inSync();
    link.drain();
    cluster.remove(NODE);
    cluster.put(CONFIG, { data: { n: '2' } });
    relay.catchUp();
    link.drain();
    clock.advance(5_000);
    assert.equal(link.session.status().state, 'nodeMissing');
    assert.equal(lag(), 0);
    cluster.put(NODE, EDGE);
    relay.catchUp();
    link.drain();
    assert.equal(lag(), 0);
  });
});
