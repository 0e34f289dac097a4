import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { HawserError, objectKey } from '@hawser/protocol';
import { ModelAgent } from './testing/model-agent.ts';
import { ModelLink } from './testing/model-link.ts';
import { ModelRelay } from './testing/model-relay.ts';
import { CONFIG, NODE, POD, podFields, sentKinds, setUp } from './testing/world.ts';

describe('what goes wrong on a link', () => {
  test('a refused object stays out until it changes, in later sessions too', () => {
    const { cluster, relay, connect, agent } = setUp();
    agent.refuses = (key) => key === CONFIG;
    cluster.put(POD, podFields('edge-1', 'cart'));
    cluster.put(CONFIG, { data: { n: '1' } });
    relay.catchUp();
    const link = connect();
    link.drain();
    assert.equal(agent.held.get(CONFIG)?.refused, true);
    assert.equal(link.session.status().state, 'inSync');
    assert.equal(link.session.stats().refused, 1);
    assert.deepEqual(
      relay.refusals.map(({ node, key, reason }) => [node, key, reason]),
      [['edge-1', CONFIG, 'store']],
    );
    const again = connect();
    again.drain();
    assert.deepEqual(again.sent, []);
    agent.refuses = () => false;
    cluster.put(CONFIG, { data: { n: '1' }, immutable: false });
    relay.catchUp();
    again.drain();
    assert.equal(agent.held.get(CONFIG)?.refused, false);
  });

  test('a touch of a refused version is a whole upsert where the refusal is known', () => {
    const { cluster, relay, connect, agent } = setUp();
    agent.refuses = (key) => key === CONFIG;
    cluster.put(POD, podFields('edge-1', 'cart'));
    cluster.put(CONFIG, { data: {} });
    relay.catchUp();
    const link = connect();
    link.drain();
    agent.refuses = () => false;
    cluster.put(CONFIG, { data: {} });
    relay.catchUp();
    link.drain();
    assert.equal(sentKinds(link).at(-1), 'upsert');
    assert.equal(agent.held.get(CONFIG)?.refused, false);
  });

  test('a touch of what an earlier session was refused, which a digest does not tell, is followed by the whole object', () => {
    const { cluster, relay, connect, agent } = setUp();
    agent.refuses = (key) => key === CONFIG;
    cluster.put(POD, podFields('edge-1', 'cart'));
    cluster.put(CONFIG, { data: {} });
    relay.catchUp();
    connect().drain();
    agent.refuses = () => false;
    const link = connect();
    link.drain();
    cluster.put(CONFIG, { data: {} });
    relay.catchUp();
    link.drain();
    assert.deepEqual(sentKinds(link), ['touch', 'upsert']);
    assert.equal(agent.held.get(CONFIG)?.refused, false);
    assert.equal(link.session.status().state, 'inSync');
    assert.equal(link.session.stats().digestMismatches, 0);
  });

  test('a digest that does not match leads to an inventory and the difference, and not in a tight circle', () => {
    const { clock, cluster, relay, connect, agent } = setUp();
    cluster.put(POD, podFields('edge-1', 'cart'));
    cluster.put(CONFIG, { data: { n: '1' } });
    relay.catchUp();
    const link = connect();
    link.drain();
    agent.held.delete(POD);
    cluster.put(CONFIG, { data: { n: '2' } });
    relay.catchUp();
    link.drain();
    assert.equal(link.session.stats().digestMismatches, 1);
    assert.equal(link.session.stats().inventories, 1, 'not at once after the first');
    clock.advance(10_000);
    link.drain();
    assert.equal(link.session.stats().inventories, 2);
    assert.ok(agent.held.has(POD));
    assert.equal(link.session.status().state, 'inSync');
  });

  test('a handshake waits for bodies, but not for ever', () => {
    const { clock, cluster, relay, agent, heldKeys } = setUp();
    cluster.put(POD, podFields('edge-1', 'cart'));
    cluster.put(CONFIG, { data: {} });
    const slow = new ModelRelay(cluster, clock);
    while (slow.step('configmaps'));
    slow.read();
    slow.tell();
    relay.downstream.close();
    const link = new ModelLink(agent, slow.downstream, 'edge-1');
    link.drain();
    assert.deepEqual(link.sent, []);
    clock.advance(10_000);
    link.drain();
    assert.deepEqual(heldKeys(), [NODE]);
    assert.equal(link.session.status().state, 'syncing');
    while (slow.answerOne());
    link.drain();
    assert.deepEqual(heldKeys(), [CONFIG, NODE, POD].sort());
    assert.equal(link.session.status().state, 'inSync');
  });

  test('a newer session of the same node makes the older inert', () => {
    const { cluster, relay, connect } = setUp();
    const older = connect();
    const newer = connect();
    newer.drain();
    cluster.put(POD, podFields('edge-1'));
    relay.catchUp();
    older.drain();
    newer.drain();
    assert.deepEqual(older.sent, []);
    assert.equal(newer.session.stats().known, 2);
    older.session.close();
    assert.equal(relay.downstream.stats().sessions, 1);
    newer.session.close();
    assert.equal(relay.downstream.stats().sessions, 0);
  });

  const outOfTurn: [string, (link: ModelLink) => void][] = [
    ['a second hello', ({ session }) => session.hello(new ModelAgent().hello())],
    ['an ack of nothing', ({ session }) => session.receive({ type: 'ack', number: 1, digest: '0'.repeat(32), nacks: [] })],
    ['an inventory unasked', ({ session }) => session.receive({ type: 'inventory', entries: [], last: true })],
    [
      'a nack of an object that is not in the batch',
      (link) => {
        while (!link.sent.some(({ type }) => type === 'batch')) [link.pump(), link.down(), link.up()];
        const nacks = [{ object: 77, reason: 'store' as const, detail: '' }];
        link.session.receive({ type: 'ack', number: 1, digest: '0'.repeat(32), nacks });
      },
    ],
    [
      'an inventory whose numbers have a gap',
      (link) => {
        link.pump();
        const version = { uid: 'u', resourceVersion: '1', hash: '0'.repeat(16) };
        link.session.receive({
          type: 'inventory',
          entries: [{ number: 2, key: POD, version, refused: false }],
          last: true,
        });
      },
    ],
    [
      'an inventory that names a key twice',
      (link) => {
        link.pump();
        const entry = { key: POD, version: { uid: 'u', resourceVersion: '1', hash: '0'.repeat(16) }, refused: false };
        link.session.receive({ type: 'inventory', entries: [1, 2].map((number) => ({ number, ...entry })), last: true });
      },
    ],
  ];
  for (const [what, act] of outOfTurn) {
    test(`${what} is an error of the protocol`, () => {
      const { connect } = setUp();
      assert.throws(
        () => act(connect()),
        (error) => error instanceof HawserError && error.code === 'protocol',
      );
    });
  }

  test('an inventory over its bound is an error of the protocol', () => {
    const { connect, agent } = setUp({ inventoryEntries: 3 });
    for (let n = 0; n < 4; n += 1) {
      const version = { uid: `u${n}`, resourceVersion: '1', hash: '0'.repeat(16) };
      agent.held.set(objectKey('pods', 'shop', `pod-${n}`), { version, refused: false, body: undefined });
    }
    assert.throws(() => connect().drain(), { code: 'protocol' });
  });
});
