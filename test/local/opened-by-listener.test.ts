import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type KubeObject, resourceByKind } from '@hawser/protocol';
import type { WatchOptions } from '../../edge/src/api/registry/list-options.ts';
import { watch } from '../../edge/src/api/registry/watch.ts';
import { startLocalDevice } from './device.ts';

const config = (name: string, number: number): KubeObject => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name, namespace: 'shop', uid: `00000000-0000-4000-8000-00000000000${number}`, resourceVersion: '7' },
});

test('a watch that is opened while others are told of a batch hears of each change once', async (t) => {
  const device = await startLocalDevice();
  t.after(device.close);
  const { context } = device.api.registry;
  const resource = resourceByKind('v1', 'ConfigMap');
  assert.ok(resource);
  const start = String(context.storage.revision());
  const heard: Record<string, string[]> = {};
  const open = (how: string, options: WatchOptions) => {
    const events: string[] = [];
    heard[how] = events;
    const event = (told: { type: string; object: KubeObject }) => events.push(`${told.type} ${told.object.metadata.name}`);
    return watch(context, { resource, namespace: '', name: '', subresource: '' }, options, { event, end: () => undefined });
  };
  const opened: ReturnType<typeof open>[] = [];
  const end = device.store.storage.subscribe('configmaps', () => {
    if (opened.length > 0) return;
    opened.push(open('changes', { resourceVersion: start }), open('initial events', {}));
  });
  device.put(config('a', 1), config('b', 2));
  for (const stop of await Promise.all(opened)) t.after(stop);
  end();
  device.put(config('c', 3));
  const all = ['ADDED a', 'ADDED b', 'ADDED c'];
  assert.deepEqual(heard, { changes: all, 'initial events': all });
});
