import assert from 'node:assert/strict';
import { test } from 'node:test';
import { pino } from 'pino';
import { ClusterIdentity } from './cluster-identity.ts';

function setUp() {
  const reads: { resolve: (uid: string) => void; reject: (error: Error) => void }[] = [];
  const changes: boolean[] = [];
  const identity = new ClusterIdentity({
    read: () => new Promise((resolve, reject) => reads.push({ resolve, reject })),
    onChange: (isForeign) => changes.push(isForeign),
    logger: pino({ level: 'silent' }),
  });
  const answer = async (uid: string) => {
    const check = identity.check();
    reads.shift()?.resolve(uid);
    await check;
  };
  return { identity, reads, changes, answer };
}

test('the first cluster is ours; another is refused until ours answers again', async () => {
  const { identity, changes, answer } = setUp();
  assert.equal(identity.uid, undefined);
  await answer('a');
  assert.equal(identity.uid, 'a');
  await assert.rejects(answer('b'), { code: 'wrong_cluster', message: /another cluster now/ });
  assert.deepEqual([identity.uid, identity.isForeign], ['a', true]);
  await assert.rejects(answer('b'), { code: 'wrong_cluster' });
  await answer('a');
  assert.equal(identity.isForeign, false);
  assert.deepEqual(changes, [true, false]);
});

test('many who ask share reads, and nobody is answered by one that began before he came', async () => {
  const { identity, reads } = setUp();
  const first = identity.check();
  const later = [identity.check(), identity.check(), identity.check()];
  assert.equal(reads.length, 1);
  reads.shift()?.resolve('a');
  await first;
  await new Promise(setImmediate);
  assert.equal(reads.length, 1);
  reads.shift()?.resolve('b');
  for (const check of later) await assert.rejects(check, { code: 'wrong_cluster' });
});

test('a read that fails says nothing about the cluster, and the doubt stays', async () => {
  const { identity, reads, changes, answer } = setUp();
  assert.equal(identity.isInDoubt, true);
  await answer('a');
  assert.equal(identity.isInDoubt, false);
  identity.doubt();
  const check = identity.check();
  reads.shift()?.reject(new Error('no route'));
  await assert.rejects(check, /no route/);
  assert.deepEqual([identity.isInDoubt, identity.isForeign, changes], [true, false, []]);
  const asked = identity.check();
  identity.doubt();
  reads.shift()?.resolve('a');
  await asked;
  assert.equal(identity.isInDoubt, true, 'the connection was lost after it had been asked');
});
