import assert from 'node:assert/strict';
import { test } from 'node:test';
import { clusterKeysDigest } from '@hawser/protocol';
import { pino } from 'pino';
import { keepClusterKeys } from './kept-keys.ts';
import { createLinkedTime } from './linked-time.ts';
import { clusterOf, newSigner } from './testing.ts';

const silent = pino({ level: 'silent' });

function memory(text?: string) {
  let kept = text;
  return {
    clusterKeys: () => kept,
    setClusterKeys: (next: string) => {
      kept = next;
    },
  };
}

test('keys that have come are there after a restart, and their digest says which', () => {
  const store = memory();
  const kept = keepClusterKeys(store, silent);
  assert.deepEqual([kept.current(), kept.digest()], [undefined, undefined]);
  const keys = clusterOf(newSigner('ES256', 'a'));
  kept.take(keys);
  for (const one of [kept, keepClusterKeys(store, silent)]) {
    assert.deepEqual(one.current()?.cluster, keys);
    assert.deepEqual([...(one.current()?.set.keys() ?? [])], ['a']);
    assert.equal(one.digest(), clusterKeysDigest(keys));
  }
  const newer = clusterOf(newSigner('RS256', 'b'));
  kept.take(newer);
  assert.deepEqual(keepClusterKeys(store, silent).current()?.cluster, newer);
});

test('keys that cannot be read change nothing, and damage is as if there were none', () => {
  const keys = clusterOf(newSigner('ES256', 'a'));
  const store = memory();
  const kept = keepClusterKeys(store, silent);
  kept.take(keys);
  kept.take({ ...keys, keySet: '{"keys":' });
  assert.deepEqual(kept.current()?.cluster, keys);
  for (const text of [
    '',
    '{',
    '[]',
    '{}',
    '{"issuer":"a","audiences":["a"],"keySet":7}',
    '{"issuer":"a","audiences":[7],"keySet":"{}"}',
  ]) {
    const damaged = keepClusterKeys(memory(text), silent);
    assert.deepEqual([damaged.current(), damaged.digest()], [undefined, undefined], text);
  }
});

test('the time of a link is counted from its welcome to its end, whatever clock is set', () => {
  let at = 1_000;
  const time = createLinkedTime(() => at);
  const url = 'wss://relay.example';
  const since = new Date(0);
  assert.equal(time.linkedForMs(), 0);
  time.changed({ name: 'greeting', url, since });
  at = 2_000;
  assert.equal(time.linkedForMs(), 0);
  time.changed({ name: 'open', url, since });
  at = 5_000;
  time.changed({ name: 'open', url, since });
  assert.equal(time.linkedForMs(), 3_000);
  time.changed({ name: 'dialling', url, since });
  assert.equal(time.linkedForMs(), 0);
});
