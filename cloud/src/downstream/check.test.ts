import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { ModelAgent } from './testing/model-agent.ts';
import type { ModelLink } from './testing/model-link.ts';
import { CONFIG, EDGE, NODE, POD, podFields, setUp } from './testing/world.ts';

/** A device in sync that then loses an object of its store, which it has not told. */
function damaged(limits: Parameters<typeof setUp>[0] = {}) {
  const world = setUp(limits);
  const { cluster, relay, connect, agent } = world;
  cluster.put(POD, podFields('edge-1', 'cart'));
  cluster.put(CONFIG, { data: { n: '1' } });
  relay.catchUp();
  const link = connect();
  link.drain();
  assert.equal(link.session.status().state, 'inSync');
  agent.held.delete(CONFIG);
  return { ...world, link };
}

function check(link: ModelLink, agent: ModelAgent, number: number): void {
  link.session.receive({ type: 'check', number, digest: agent.digest() });
}

const lastBatch = (link: ModelLink) => link.sent.reduce((last, message) => (message.type === 'batch' ? message.number : last), 0);

describe('a check on an idle link', () => {
  test('whose digest is another leads to an inventory and the difference', () => {
    const { clock, link, agent } = damaged();
    clock.advance(60_000);
    check(link, agent, lastBatch(link));
    link.drain();
    assert.ok(agent.held.has(CONFIG));
    const { digestMismatches, checkMismatches, inventories } = link.session.stats();
    assert.deepEqual(
      { digestMismatches, checkMismatches, inventories },
      { digestMismatches: 1, checkMismatches: 1, inventories: 2 },
    );
    assert.equal(link.session.status().state, 'inSync');
  });

  test('whose digest is the expected one leads to nothing', () => {
    const { link, agent, clock, connect } = damaged();
    check(link, agent, lastBatch(link));
    clock.advance(60_000);
    link.drain();
    const again = connect();
    again.drain();
    check(again, agent, 0);
    again.drain();
    assert.deepEqual(again.sent, []);
    assert.equal(again.session.stats().digestMismatches, 0);
  });

  test('before the first batch of a session is held against what the hello said', () => {
    const { clock, relay, agent, connect, link } = damaged();
    check(link, agent, lastBatch(link));
    clock.advance(60_000);
    link.drain();
    const again = connect();
    again.drain();
    assert.deepEqual(again.sent, [], 'both hold the same');
    agent.held.delete(CONFIG);
    check(again, agent, 0);
    again.drain();
    assert.ok(agent.held.has(CONFIG));
    assert.equal(relay.downstream.stats().sessions, 1);
  });

  test('while the relay may not send counts as what the hello said', () => {
    const { cluster, relay, agent, connect } = damaged();
    cluster.remove(NODE);
    relay.catchUp();
    const link = connect();
    link.drain();
    assert.equal(link.session.status().state, 'nodeMissing');
    agent.held.delete(POD);
    check(link, agent, 0);
    link.drain();
    assert.ok(!agent.held.has(POD), 'nothing follows from it yet');
    cluster.put(NODE, EDGE);
    relay.catchUp();
    link.drain();
    assert.ok(agent.held.has(POD) && agent.held.has(CONFIG));
  });

  test('while an inventory is under way leads to no other, since that one tells more', () => {
    const { clock, agent, link } = damaged();
    clock.advance(60_000);
    check(link, agent, lastBatch(link));
    link.pump();
    check(link, agent, lastBatch(link));
    link.drain();
    assert.ok(agent.held.has(CONFIG));
    assert.deepEqual([link.session.stats().inventories, link.session.stats().checkMismatches], [2, 1]);
  });

  test('after an inventory whose difference is not sent yet leads to another, but not in a tight circle', () => {
    const { clock, agent, link } = damaged();
    clock.advance(60_000);
    check(link, agent, lastBatch(link));
    link.drain();
    agent.held.delete(POD);
    check(link, agent, lastBatch(link));
    link.drain();
    assert.ok(!agent.held.has(POD));
    clock.advance(10_000);
    link.drain();
    assert.ok(agent.held.has(POD));
    assert.equal(link.session.stats().inventories, 3);
  });

  test('about another batch than the last is an error of the protocol', () => {
    const { agent, link } = damaged();
    assert.throws(() => check(link, agent, lastBatch(link) + 1), { code: 'protocol' });
    assert.throws(() => check(link, agent, lastBatch(link) - 1), { code: 'protocol' });
  });

  test('before the hello is an error of the protocol', () => {
    const { relay } = setUp();
    const session = relay.downstream.open('edge-1', () => undefined);
    assert.throws(() => session.receive({ type: 'check', number: 0, digest: '0'.repeat(32) }), { code: 'protocol' });
  });
});
