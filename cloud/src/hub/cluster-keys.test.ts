import assert from 'node:assert/strict';
import { test } from 'node:test';
import { clusterKeysDigest } from '@hawser/protocol';
import type { AnnouncedKeys, KeysSource } from '../cluster-keys/index.ts';
import { edge1, edge2, HELLO, start } from './testing/harness.ts';

function announced(kid: string): AnnouncedKeys {
  const keys = { issuer: 'https://issuer.example', audiences: ['api'], keySet: JSON.stringify({ keys: [{ kid }] }) };
  return { digest: clusterKeysDigest(keys), keys };
}

/** A source whose keys the test sets. */
function keysOf(first: AnnouncedKeys | undefined) {
  let current = first;
  let wanted = 0;
  const listeners = new Set<() => void>();
  const source: KeysSource = {
    wanted: () => void wanted++,
    current: () => current,
    onChange(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
  };
  const set = (next: AnnouncedKeys) => {
    current = next;
    for (const listener of listeners) listener();
  };
  return { source, set, wanted: () => wanted };
}

/** Every answer to a renewal that nobody can have: what came before it came first. */
const RENEWAL = { type: 'renew', publicKey: new Uint8Array([1]), proof: new Uint8Array([1]) } as const;

test("an agent that asks for the cluster's keys is told them after its welcome, and again when they change; others nothing", async (t) => {
  const [first, second] = [announced('a'), announced('b')];
  const { source, set, wanted } = keysOf(first);
  const { dial } = await start(t, { clusterKeys: source });
  const other = await dial(edge2);
  assert.equal((await other.greet()).type, 'welcome');
  assert.equal(wanted(), 0);
  const agent = await dial(edge1);
  const welcome = await agent.greet({ ...HELLO, features: ['clusterKeys'] });
  assert.ok(welcome.type === 'welcome' && welcome.features.includes('clusterKeys'));
  assert.deepEqual(await agent.next(), { type: 'clusterKeys', keys: first.keys });
  set(second);
  assert.deepEqual(await agent.next(), { type: 'clusterKeys', keys: second.keys });
  other.send(RENEWAL);
  assert.equal((await other.next()).type, 'renewed', 'not a byte for who has not asked');
  assert.equal(wanted(), 1);
});

test('an agent that has them already is told nothing, and one whose relay learns them later then', async (t) => {
  const keys = announced('a');
  const { source, set } = keysOf(undefined);
  const { dial } = await start(t, { clusterKeys: source });
  const [knows, waits] = [await dial(edge1), await dial(edge2)];
  await knows.greet({ ...HELLO, features: ['clusterKeys'], clusterKeys: keys.digest });
  await waits.greet({ ...HELLO, features: ['clusterKeys'] });
  set(keys);
  assert.deepEqual(await waits.next(), { type: 'clusterKeys', keys: keys.keys });
  knows.send(RENEWAL);
  assert.equal((await knows.next()).type, 'renewed');
});
