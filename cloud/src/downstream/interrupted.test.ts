import assert from 'node:assert/strict';
import { test } from 'node:test';
import { objectKey } from '@hawser/protocol';
import { batches, noise, POD, podFields, setUp } from './testing/world.ts';

const OBJECTS = 60;

test('a first sync over connections that each carry but a batch goes on from what was applied, and repeats nothing of it', () => {
  const { clock, cluster, relay, connect, agent } = setUp();
  const names = Array.from({ length: OBJECTS }, (_, index) => `config-${index}`);
  for (const [seed, name] of names.entries()) {
    cluster.put(objectKey('configmaps', 'shop', name), { data: { noise: noise(3_000, seed + 1) } });
  }
  cluster.put(POD, podFields('edge-1', ...names));
  relay.catchUp();
  const applied = new Map<string, number>();
  agent.onOperation = (key) => applied.set(key, (applied.get(key) ?? 0) + 1);
  let connections = 0;
  let sent = 0;
  while (agent.held.size < OBJECTS + 2) {
    connections += 1;
    assert.ok(connections < 100, `${agent.held.size} objects after ${connections} connections`);
    const link = connect();
    const before = agent.held.size;
    // The inventory, and of the batches under way only the first; whether its ack arrives makes no difference.
    while (agent.held.size === before && [link.pump(), link.down(), link.up()].some(Boolean));
    sent += batches(link).reduce((sum, { operations }) => sum + operations.length, 0);
    link.session.close();
    assert.ok(agent.held.size > before, 'each connection brings something');
  }
  assert.deepEqual(
    [...applied].filter(([, times]) => times > 1),
    [],
  );
  assert.ok(connections > 10, 'its batches are small');
  assert.ok(sent < OBJECTS * 12, `${sent} operations sent for ${OBJECTS} objects, a window of eight batches lost each time`);
  assert.equal(clock.timers, 0, 'no session leaves a timer behind');
  assert.equal(relay.downstream.stats().sessions, 0);
});
