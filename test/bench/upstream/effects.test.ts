import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { KubeObject } from '@hawser/protocol';
import type { WatchEvent } from '../../support/kube.ts';
import { statusAfter } from './cluster.ts';
import { Effects } from './effects.ts';

function pod(resourceVersion: number, restarts: number, labels: Record<string, string> = {}): KubeObject {
  const metadata = { name: 'web', uid: 'u1', resourceVersion: String(resourceVersion), labels };
  return { apiVersion: 'v1', kind: 'Pod', metadata, status: statusAfter(restarts, '2026-01-01T00:00:00Z') };
}

function event(name: string, resourceVersion: number, count: number, message = 'event 1'): KubeObject {
  return {
    apiVersion: 'v1',
    kind: 'Event',
    metadata: { name, uid: name, resourceVersion: String(resourceVersion) },
    message,
    count,
  };
}

const added = (object: KubeObject): WatchEvent => ({ type: 'ADDED', object });
const modified = (object: KubeObject): WatchEvent => ({ type: 'MODIFIED', object });

test('changes of a status and of what others own are no duplicates; nor is a watch that begins anew', () => {
  const effects = new Effects();
  effects.pod(added(pod(1, 0)));
  effects.pod(modified(pod(2, 1)));
  effects.pod(modified(pod(3, 1, { app: 'web' })));
  effects.pod(added(pod(3, 1, { app: 'web' })));
  effects.pod(modified(pod(4, 5)));
  effects.event(added(event('a', 5, 1)));
  effects.event(modified(event('a', 6, 2)));
  effects.event(added(event('b', 7, 1, 'event 2')));
  assert.equal(effects.duplicates, 0);
  assert.deepEqual([...effects.restarts()], [['web', 5]]);
  assert.deepEqual(
    [...effects.eventCounts()],
    [
      ['event 1', 2],
      ['event 2', 1],
    ],
  );
});

test('a version that says nothing new, an older status, and a second Event of one happening are duplicates', () => {
  const effects = new Effects();
  effects.pod(added(pod(1, 1)));
  effects.pod(modified(pod(2, 1)));
  assert.equal(effects.duplicates, 1, 'nothing new');
  effects.pod(modified(pod(3, 0)));
  assert.equal(effects.duplicates, 2, 'older');
  effects.event(added(event('a', 4, 1)));
  effects.event(added(event('b', 5, 1)));
  assert.equal(effects.duplicates, 3, 'twice');
  effects.event(modified(event('b', 6, 2)));
  effects.event(modified(event('b', 7, 1)));
  assert.equal(effects.duplicates, 4, 'counts back');
  assert.equal(effects.events, 1);
});

test('it can be waited for what has come, and for no longer than the time that is given', async (t) => {
  const effects = new Effects();
  const two = effects.until(() => effects.events === 2, 10_000, t.signal);
  effects.event(added(event('a', 1, 1)));
  effects.event(added(event('b', 2, 1, 'event 2')));
  assert.equal(await two, true);
  assert.equal(await effects.until(() => effects.events === 3, 1, t.signal), false);
  const stopping = new AbortController();
  const never = effects.until(() => false, 10_000, stopping.signal);
  stopping.abort(new Error('stopped'));
  await assert.rejects(never, /stopped/);
});
