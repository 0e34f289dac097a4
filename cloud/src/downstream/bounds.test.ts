import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { MAX_BATCH_BODY_BYTES, objectKey, unpackedBytes } from '@hawser/protocol';
import { DEFAULT_DOWNSTREAM_LIMITS } from './limits.ts';
import { batches, CONFIG, NODE, noise, POD, podFields, setUp } from './testing/world.ts';

describe('bounds', () => {
  test('a batch holds 128 KiB of bodies, and at most 1 MiB and eight batches are under way', () => {
    const { cluster, relay, connect, agent } = setUp();
    const names = Array.from({ length: 60 }, (_, index) => `config-${index}`);
    for (const [seed, name] of names.entries()) {
      cluster.put(objectKey('configmaps', 'shop', name), { data: { noise: noise(60_000, seed + 1) } });
    }
    cluster.put(POD, podFields('edge-1', ...names));
    relay.catchUp();
    const link = connect();
    let most = 0;
    link.onPump = () => {
      const { inflightBatches, inflightBytes } = link.session.stats();
      assert.ok(inflightBatches <= 8 && inflightBytes <= 1024 * 1024);
      most = Math.max(most, inflightBatches);
    };
    link.drain();
    assert.equal(most, 8);
    for (const { operations } of batches(link)) {
      const bytes = operations.reduce((sum, { change }) => sum + (change.type === 'upsert' ? change.body.bytes.length : 0), 0);
      assert.ok(bytes <= 128 * 1024);
    }
    assert.equal(agent.held.size, 62);
    assert.equal(link.session.status().state, 'inSync');
  });

  test('a batch unpacks to 8 MiB at most, however small its bodies travel', () => {
    const { cluster, relay, connect, agent } = setUp();
    const names = Array.from({ length: 20 }, (_, index) => `config-${index}`);
    for (const name of names) cluster.put(objectKey('configmaps', 'shop', name), { data: { text: `${name} `.repeat(100_000) } });
    cluster.put(POD, podFields('edge-1', ...names));
    relay.catchUp();
    const link = connect();
    link.drain();
    const unpacked = batches(link).map(({ operations }) =>
      operations.reduce((sum, { change }) => sum + unpackedBytes(change), 0),
    );
    assert.ok(Math.max(...unpacked) <= MAX_BATCH_BODY_BYTES && Math.max(...unpacked) > MAX_BATCH_BODY_BYTES / 2, unpacked.join());
    assert.equal(agent.held.size, 22);
  });

  test('the window is full in bytes before it is in batches where batches are large', () => {
    const { cluster, relay, connect } = setUp({ windowBytes: 600_000 });
    const names = Array.from({ length: 30 }, (_, index) => `config-${index}`);
    for (const [seed, name] of names.entries()) {
      cluster.put(objectKey('configmaps', 'shop', name), { data: { noise: noise(60_000, seed + 1) } });
    }
    cluster.put(POD, podFields('edge-1', ...names));
    relay.catchUp();
    const link = connect();
    link.onPump = () => assert.ok(link.session.stats().inflightBytes <= 600_000);
    link.drain();
    assert.equal(link.session.status().state, 'inSync');
  });

  test('an object larger than a batch, and than the window, goes alone', () => {
    const { cluster, relay, connect, agent } = setUp();
    cluster.put(POD, podFields('edge-1', 'cart', 'small'));
    cluster.put(objectKey('configmaps', 'shop', 'small'), { data: {} });
    cluster.put(CONFIG, { data: { noise: noise(2_500_000) } });
    relay.catchUp();
    const link = connect();
    link.drain();
    assert.equal(agent.held.size, 4);
    const large = batches(link).find(({ operations }) =>
      operations.some(({ change }) => change.type === 'upsert' && change.body.size > 2_000_000),
    );
    assert.equal(large?.operations.length, 1);
  });

  test('an object over the bound of a body is neither sent nor lost on the device, and holds up nothing', () => {
    const { cluster, relay, connect, agent } = setUp();
    cluster.put(POD, podFields('edge-1', 'cart'));
    cluster.put(CONFIG, { data: { n: '1' } });
    relay.catchUp();
    const link = connect();
    link.drain();
    const before = agent.held.get(CONFIG);
    cluster.put(CONFIG, { data: { n: 'x'.repeat(4_000_000) } });
    relay.catchUp();
    link.drain();
    assert.deepEqual(agent.held.get(CONFIG), before);
    assert.equal(relay.downstream.stats().malformed, 1);
    assert.equal(link.session.status().state, 'inSync');
    cluster.put(CONFIG, { data: { n: '2' } });
    relay.catchUp();
    link.drain();
    assert.equal(agent.held.get(CONFIG)?.version.resourceVersion, cluster.resourceVersion);
  });

  test('a session begins with 32 KiB in batches of 4 KiB, and its acks bring it to the full window', () => {
    const { cluster, relay, connect } = setUp();
    const names = Array.from({ length: 300 }, (_, index) => `config-${index}`);
    for (const [seed, name] of names.entries()) {
      cluster.put(objectKey('configmaps', 'shop', name), { data: { noise: noise(3_000, seed + 1) } });
    }
    cluster.put(POD, podFields('edge-1', ...names));
    relay.catchUp();
    const link = connect();
    const underWay: number[] = [];
    link.onPump = (messages) => {
      if (messages.some(({ type }) => type === 'batch')) underWay.push(link.session.stats().inflightBytes);
    };
    link.drain();
    const [first = 0] = underWay;
    assert.ok(first > 16 * 1024 && first <= 32 * 1024, `${first} bytes at first`);
    assert.ok(Math.max(...underWay) > 256 * 1024, `${Math.max(...underWay)} bytes later`);
    assert.equal(link.session.status().state, 'inSync');
  });

  test('five hundred operations make a batch', () => {
    const { cluster, relay, connect } = setUp();
    const pods = Array.from({ length: 1_200 }, (_, n) => objectKey('pods', 'shop', `pod-${n}`));
    for (const pod of pods) cluster.put(pod, podFields('edge-1'));
    relay.catchUp();
    const link = connect();
    link.drain();
    const before = batches(link).length;
    for (const pod of pods) cluster.remove(pod);
    relay.catchUp();
    link.drain();
    assert.deepEqual(
      batches(link)
        .slice(before)
        .map(({ operations }) => operations.length),
      [500, 500, 200],
    );
  });

  test('numbers that are used up are begun afresh by an inventory', () => {
    const { clock, cluster, relay, connect, agent } = setUp({ sessionNumbers: 10 });
    const link = connect();
    for (let n = 0; n < 30; n += 1) {
      cluster.put(objectKey('pods', 'shop', `pod-${n}`), podFields('edge-1'));
      cluster.remove(objectKey('pods', 'shop', `pod-${n - 1}`));
      relay.catchUp();
      link.drain();
      clock.advance(10_000);
      link.drain();
    }
    assert.ok(link.session.stats().inventories > 2);
    assert.deepEqual([...agent.held.keys()].sort(), [NODE, objectKey('pods', 'shop', 'pod-29')]);
  });
});

test('by default numbers begin afresh before a device with 20,000 objects refuses more', () => {
  const { sessionNumbers, windowBatches, batchOperations } = DEFAULT_DOWNSTREAM_LIMITS;
  const mostOfDevice = 50_000;
  assert.ok(20_000 + sessionNumbers + windowBatches * batchOperations < mostOfDevice);
});
