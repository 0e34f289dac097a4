import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ApiError, createRegistry, type Identity, type Target, type WatchEvent, type WatchOptions } from '@hawser/edge';
import { type ApiResource, resourceById } from '@hawser/protocol';
import fc from 'fast-check';
import { MemoryStorage } from '../apiserver/memory-storage.ts';
import { ManualClock } from './manual-clock.ts';
import { OPEN_POLICY } from './server.ts';

const ALICE: Identity = { name: 'alice', groups: [] };

function resource(id: string): ApiResource {
  const found = resourceById(id);
  assert.ok(found);
  return found;
}
const CONFIG_MAPS = resource('configmaps');
const target = (name = '', namespace = 'ns'): Target => ({ resource: CONFIG_MAPS, namespace, name, subresource: '' });

function setUp(policy = {}) {
  const clock = new ManualClock();
  const storage = new MemoryStorage({ startRevision: 10 });
  const registry = createRegistry({ storage, clock, policy: { ...OPEN_POLICY, ...policy }, random: () => 0.5 });
  const put = async (name: string, data: Record<string, string>, labels: Record<string, string> = {}) => {
    const object = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, labels }, data };
    return storage.get({ resource: 'configmaps', namespace: 'ns', name }) === undefined
      ? registry.create(ALICE, target(), object)
      : registry.update(ALICE, target(name), object);
  };
  /** What a watch has delivered so far. */
  const open = async (options: WatchOptions) => {
    const events: WatchEvent[] = [];
    let ended = false;
    const stop = await registry.watch(ALICE, target(), options, {
      event: (event) => events.push(event),
      end: () => {
        ended = true;
      },
    });
    return { events, stop, hasEnded: () => ended, types: () => events.map((event) => event.type) };
  };
  return { clock, storage, registry, put, open };
}

describe('a registry', () => {
  it('asks the policy before anything else, in the words of the API server', async () => {
    const { registry } = setUp({ authorize: () => ({ allowed: false, reason: 'no relationship found' }) });
    await assert.rejects(registry.get(ALICE, target('x')), {
      code: 403,
      message:
        'configmaps "x" is forbidden: User "alice" cannot get resource "configmaps" in API group "" in the namespace "ns": no relationship found',
    });
    await assert.rejects(registry.list(ALICE, target()), ApiError);
    await assert.rejects(registry.watchEvents(ALICE, target()).next(), ApiError);
  });

  it('iterates a watch until the loop is left', async () => {
    const { registry, put, clock } = setUp();
    await put('a', { v: '1' });
    const seen: string[] = [];
    for await (const { type, object } of registry.watchEvents(ALICE, target())) {
      seen.push(`${type} ${object.metadata.name}`);
      if (seen.length === 1) await put('b', { v: '1' });
      if (seen.length === 2) break;
    }
    assert.deepEqual(seen, ['ADDED a', 'ADDED b']);
    assert.equal(clock.pending, 0);
  });

  it('iterates a watch until the signal', async () => {
    const { registry } = setUp();
    const leave = new AbortController();
    const next = registry.watchEvents(ALICE, target(), {}, leave.signal).next();
    setImmediate(() => leave.abort());
    assert.deepEqual(await next, { done: true, value: undefined });
  });

  it('gives up waiting for a revision of the future after three seconds', async () => {
    const { registry, clock, storage } = setUp();
    const waiting = registry.list(ALICE, target(), { resourceVersion: '99' });
    clock.advance(2999);
    clock.advance(1);
    await assert.rejects(waiting, {
      code: 504,
      message: `Timeout: Too large resource version: 99, current: ${storage.revision()}`,
    });
  });
});

describe('the bookmarks of a watch', () => {
  it('come every minute and shortly before its end, with the newest revision', async () => {
    const { clock, open, put, storage } = setUp();
    const { events, types, hasEnded } = await open({ resourceVersion: '10', allowWatchBookmarks: true, timeoutSeconds: 75 });
    clock.advance(59_999);
    assert.equal(events.length, 0);
    await put('a', {});
    clock.advance(1);
    clock.advance(13_500);
    assert.deepEqual(types(), ['ADDED', 'BOOKMARK', 'BOOKMARK']);
    assert.equal(events[1]?.object.metadata.resourceVersion, String(storage.revision()));
    clock.advance(1500);
    assert.ok(hasEnded());
    assert.equal(clock.pending, 0);
  });

  it('come only when asked for, and in a watch of two seconds only after the initial events', async () => {
    const { clock, open } = setUp();
    const silent = await open({ timeoutSeconds: 75 });
    const short = await open({ timeoutSeconds: 2, allowWatchBookmarks: true });
    clock.advance(75_000);
    assert.deepEqual(silent.events, []);
    assert.deepEqual(short.types(), ['BOOKMARK']);
  });

  it('come a second after the initial events when something has changed', async () => {
    const { clock, open, put } = setUp();
    const watch = await open({ timeoutSeconds: 60, allowWatchBookmarks: true });
    await put('a', {});
    clock.advance(1000);
    assert.deepEqual(watch.types(), ['BOOKMARK', 'ADDED', 'BOOKMARK']);
  });

  it('do not come from a watch of the future before it is reached', async () => {
    const { clock, open } = setUp();
    const watch = await open({ resourceVersion: '99', allowWatchBookmarks: true, timeoutSeconds: 120 });
    clock.advance(120_000);
    assert.deepEqual(watch.events, []);
  });
});

describe('a watch', () => {
  it('with sendInitialEvents from the future is an ERROR after three seconds', async () => {
    const { clock, open } = setUp();
    const opening = open({ resourceVersion: '99', sendInitialEvents: true, resourceVersionMatch: 'NotOlderThan' });
    clock.advance(3000);
    const { events, hasEnded } = await opening;
    assert.deepEqual([events[0]?.type, events[0]?.object.code, hasEnded()], ['ERROR', 504, true]);
  });

  it('says nothing any more once it is stopped', async () => {
    const { open, put, clock } = setUp();
    const watch = await open({ resourceVersion: '10', allowWatchBookmarks: true });
    watch.stop();
    await put('a', {});
    clock.advance(3_600_000);
    assert.deepEqual(watch.events, []);
    assert.equal(watch.hasEnded(), false);
  });

  it('without a timeout ends after 30 to 60 minutes', async () => {
    const { open, clock } = setUp();
    const watch = await open({});
    clock.advance(45 * 60_000 - 1);
    assert.ok(!watch.hasEnded());
    clock.advance(1);
    assert.ok(watch.hasEnded());
  });

  it('with a selector leads to what a list with that selector shows, whatever was written', async () => {
    const step = fc.record({
      name: fc.constantFrom('a', 'b', 'c'),
      label: fc.constantFrom('red', 'blue', 'gone'),
      value: fc.constantFrom('1', '2'),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 25 }), fc.nat(25), async (steps, beginAt) => {
        const { registry, storage, put, open } = setUp();
        const selector = { labelSelector: 'team=red' };
        let watch = await open(selector);
        const known = new Map<string | undefined, unknown>();
        for (const [index, { name, label, value }] of steps.entries()) {
          if (index === beginAt) watch = await open(selector);
          if (label !== 'gone') await put(name, { value }, { team: label });
          else if (storage.get({ resource: 'configmaps', namespace: 'ns', name })) await registry.delete(ALICE, target(name));
        }
        for (const { type, object } of watch.events) {
          if (type === 'ADDED') assert.ok(!known.has(object.metadata.name));
          else assert.ok(known.has(object.metadata.name));
          if (type === 'DELETED') known.delete(object.metadata.name);
          else known.set(object.metadata.name, object);
        }
        const { items } = await registry.list(ALICE, target(), selector);
        assert.deepEqual([...known.values()].map(String).length, items.length);
        for (const item of items) assert.deepEqual(known.get(item.metadata.name), item);
      }),
    );
  });
});
