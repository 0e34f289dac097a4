import assert from 'node:assert/strict';
import { it } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import type { KubeObject } from '@hawser/protocol';
import { pino } from 'pino';
import { serviceUnavailable } from '../../api/status.ts';
import { simulatedClock } from '../../link/simulated-clock.ts';
import { type PodSpec, podSpecOf, type TokenSource } from './pod-spec.ts';
import { createPodTokens, NO_TOKENS } from './pod-tokens.ts';

const HOUR = 3_600_000;

function podWith(uid: string, ...volumes: { audience?: string; expirationSeconds?: number }[]): PodSpec {
  return podSpecOf({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: `pod-${uid}`, namespace: 'shop', uid },
    spec: {
      serviceAccountName: 'clerk',
      volumes: volumes.map((serviceAccountToken, n) => ({ name: `v${n}`, projected: { sources: [{ serviceAccountToken }] } })),
    },
  });
}

/** The tokens of a node, and an API that answers when it is told to. */
function node() {
  const clock = simulatedClock();
  const asked: { pod: string; source: TokenSource; answer: (lifeSeconds?: number) => void; refuse: (error: Error) => void }[] =
    [];
  const failures: string[] = [];
  const changes: string[] = [];
  const tokens = createPodTokens({
    client: {
      requestToken: (pod, source) => {
        const { promise, resolve, reject } = Promise.withResolvers<KubeObject>();
        const answer = (lifeSeconds = 3600) =>
          resolve({
            apiVersion: 'authentication.k8s.io/v1',
            kind: 'TokenRequest',
            metadata: {},
            spec: { expirationSeconds: lifeSeconds },
            status: { token: 't', expirationTimestamp: new Date(clock.now().getTime() + lifeSeconds * 1000).toISOString() },
          });
        asked.push({ pod: pod.uid, source, answer, refuse: reject });
        return promise;
      },
    },
    clock,
    random: () => 0,
    logger: pino({ level: 'silent' }),
    failed: (pod, volume, why) => failures.push(`${pod.uid} ${volume} ${why}`),
  });
  const want = (pod: PodSpec) => tokens.want(pod, () => changes.push(pod.uid));
  const answerAll = async () => {
    for (const { answer } of asked) answer();
    await turn();
  };
  return { clock, asked, failures, changes, tokens, want, answerAll };
}

it('a pod has its tokens when all volumes have theirs, each asked for once', async () => {
  const { want, asked, changes } = node();
  const pod = podWith('a', {}, { audience: 'vault', expirationSeconds: 600 });
  assert.equal(want(pod), false);
  assert.equal(want(pod), false);
  assert.deepEqual(
    asked.map(({ source }) => source),
    [
      { audience: '', expirationSeconds: 3600 },
      { audience: 'vault', expirationSeconds: 600 },
    ],
  );
  asked[1]?.answer(600);
  await turn();
  assert.equal(want(pod), false);
  asked[0]?.answer();
  await turn();
  assert.equal(want(pod), true);
  assert.deepEqual(changes, ['a', 'a'], 'who waits is told');
  assert.equal(asked.length, 2);
});

it('a pod without such volumes has all that it needs', () => {
  const { want, asked } = node();
  assert.equal(want(podWith('a')), true);
  assert.equal(asked.length, 0);
});

it('a token is asked for again at four fifths of its life, and where that fails the pod keeps it', async () => {
  const { want, asked, clock, failures, changes, answerAll } = node();
  const pod = podWith('a', {});
  want(pod);
  await answerAll();
  clock.advance(0.8 * HOUR - 1);
  assert.equal(asked.length, 1);
  clock.advance(1);
  await turn();
  assert.equal(asked.length, 2);
  asked[1]?.refuse(serviceUnavailable('no', 10));
  await turn();
  assert.equal(want(pod), true);
  assert.deepEqual(failures, []);
  clock.advance(10_000);
  await turn();
  assert.equal(asked.length, 3, 'and is asked for again when the API has said');
  await answerAll();
  clock.advance(0.8 * HOUR);
  assert.equal(asked.length, 4);
  assert.deepEqual(changes, ['a'], 'a new token wakes nobody');
});

it('without a token the volume is tried again with growing waits, and each attempt is told', async () => {
  const { want, asked, clock, failures } = node();
  const pod = podWith('a', {});
  want(pod);
  for (const wait of [375, 750, 1_500]) {
    await turn();
    asked.at(-1)?.refuse(new Error('forbidden'));
    await turn();
    const before = asked.length;
    clock.advance(wait - 1);
    assert.equal(asked.length, before);
    clock.advance(1);
    assert.equal(asked.length, before + 1);
  }
  assert.deepEqual(
    failures,
    Array.from({ length: 3 }, () => 'a v0 failed to fetch token: forbidden'),
  );
  asked.at(-1)?.answer();
  await turn();
  assert.equal(want(pod), true);
});

it('of many pods a few ask at a time, and one that has gone does not ask any more', async () => {
  const { want, asked, tokens, answerAll } = node();
  const pods = Array.from({ length: 30 }, (_, n) => podWith(`${n}`, {}));
  for (const pod of pods) want(pod);
  assert.equal(asked.length, 8);
  tokens.release('20');
  for (let round = 0; round < 5; round++) await answerAll();
  assert.equal(asked.length, 29);
  assert.ok(!asked.some(({ pod }) => pod === '20'));
  assert.ok(pods.filter(({ uid }) => uid !== '20').every(want));
});

it('a pod that is released while it asks hears nothing more, and after a stop nobody asks', async () => {
  const { want, asked, changes, failures, clock, tokens, answerAll } = node();
  want(podWith('a', {}));
  tokens.release('a');
  await answerAll();
  want(podWith('b', {}));
  asked.at(-1)?.refuse(new Error('no'));
  tokens.stop();
  await turn();
  clock.advance(24 * HOUR);
  assert.deepEqual([changes, failures, asked.length], [[], [], 2]);
});

it('where tokens are left out no pod waits for one', () =>
  assert.equal(
    NO_TOKENS.want(podWith('a', {}), () => {}),
    true,
  ));
