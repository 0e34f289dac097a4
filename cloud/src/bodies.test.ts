import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { HawserError, type ObjectKey, objectKey } from '@hawser/protocol';
import { createBodies } from './bodies.ts';
import type { Observed } from './merge/change.ts';

function observed(key: ObjectKey): Observed {
  return { key, uid: 'u', resourceVersion: '1', text: '{}', type: { apiVersion: 'v1', kind: 'ConfigMap' } };
}

function harness(fetch: (key: ObjectKey) => Promise<Observed | 'notFound'>) {
  const provided: string[] = [];
  const waits: number[] = [];
  const stop = new AbortController();
  const bodies = createBodies({
    fetch,
    provide: (answer) => provided.push('notFound' in answer ? `none ${answer.notFound}` : answer.key),
    clock: {
      now: () => new Date(0),
      after: (_, callback) => {
        const timer = setImmediate(callback);
        return () => clearImmediate(timer);
      },
    },
    random: () => 0.5,
    signal: stop.signal,
    onFailure: (_, waitMs) => waits.push(waitMs),
  });
  return { bodies, provided, waits, stop };
}

const key = (name: string) => objectKey('configmaps', 'web', name);
const settle = async () => {
  for (let n = 0; n < 20; n += 1) await turn();
};

test('a body is read and provided, and "not found" said by the API server is an answer', async () => {
  const { bodies, provided } = harness(async (wanted) => (wanted === key('gone') ? 'notFound' : observed(wanted)));
  bodies.request(key('there'));
  bodies.request(key('gone'));
  assert.deepEqual(provided, []);
  await settle();
  assert.deepEqual(provided, [key('there'), `none ${key('gone')}`]);
});

test('a read that fails is tried again with growing waits, and is never an answer', async () => {
  let failures = 3;
  const { bodies, provided, waits } = harness(async (wanted) => {
    failures -= 1;
    if (failures >= 0) throw new HawserError('unreachable', 'connection refused');
    return observed(wanted);
  });
  bodies.request(key('a'));
  await settle();
  assert.deepEqual(provided, [key('a')]);
  assert.deepEqual(waits, [250, 500, 1000]);
});

test('no more than sixteen are read at a time, and all are', async () => {
  let running = 0;
  let most = 0;
  const { bodies, provided } = harness(async (wanted) => {
    running += 1;
    most = Math.max(most, running);
    await turn();
    running -= 1;
    return observed(wanted);
  });
  for (let n = 0; n < 50; n += 1) bodies.request(key(`cm-${n}`));
  await settle();
  assert.equal(provided.length, 50);
  assert.equal(most, 16);
  assert.deepEqual(bodies.counts(), { waiting: 0, running: 0 });
});

test('a wish during a read of the same key is met by another read', async () => {
  let reads = 0;
  const { bodies, provided } = harness(async (wanted) => {
    reads += 1;
    await turn();
    return observed(wanted);
  });
  bodies.request(key('a'));
  await Promise.resolve();
  bodies.request(key('a'));
  await settle();
  assert.equal(reads, 2);
  assert.equal(provided.length, 2);
});

test('after the stop nothing more is read', async () => {
  const { bodies, provided, stop } = harness(() => Promise.reject(new HawserError('unreachable', 'down')));
  bodies.request(key('a'));
  await turn();
  stop.abort();
  bodies.request(key('b'));
  await settle();
  assert.deepEqual(provided, []);
});
