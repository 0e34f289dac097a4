import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type ObjectKey, objectKey, parseObjectKey } from '@hawser/protocol';
import fc from 'fast-check';
import type { ServiceScope } from './facts.ts';
import { Locator } from './locator.ts';
import type { NeedChange } from './need-graph.ts';

const NODES = ['edge-1', 'edge-2', 'edge-3'];
const NAMESPACES = ['default', 'shop', 'bank'];
const keys = (resource: string, namespaces: readonly string[], names: readonly string[]) =>
  namespaces.flatMap((namespace) => names.map((name) => objectKey(resource, namespace, name)));

const PODS = keys('pods', NAMESPACES, ['p', 'q']);
const CLAIMS = keys('persistentvolumeclaims', ['default', 'shop'], ['c', 'd']);
const VOLUMES = keys('persistentvolumes', [''], ['v', 'w', 'x']);
const SECRETS = keys('secrets', ['shop', 'storage'], ['s', 't']);
const CONFIGS = keys('configmaps', ['shop'], ['a', 'b']);
const ATTACHMENTS = keys('storage.k8s.io/volumeattachments', [''], ['one', 'two']);
const SERVICES = [
  ...keys('services', NAMESPACES, ['kubernetes', 'web']),
  ...keys('endpoints', NAMESPACES, ['kubernetes', 'web']),
  ...keys('discovery.k8s.io/endpointslices', NAMESPACES, ['kubernetes', 'web-1', 'web-2']),
];
const CLUSTER = [...keys('node.k8s.io/runtimeclasses', [''], ['gvisor']), ...keys('storage.k8s.io/csidrivers', [''], ['csi'])];

/** What there is: the whole state of a small cluster, as far as it says which node needs what. */
interface State {
  readonly nodes: Map<string, ServiceScope>;
  readonly pods: Map<ObjectKey, { node: string | undefined; needs: readonly ObjectKey[] }>;
  readonly claims: Map<ObjectKey, { volume: ObjectKey | undefined }>;
  readonly volumes: Map<ObjectKey, { claim: ObjectKey | undefined; secrets: readonly ObjectKey[] }>;
  readonly attachments: Map<ObjectKey, string>;
  readonly scoped: Map<ObjectKey, string | undefined>;
}

/** One object is there now, as told, or is not. */
type Event =
  | { readonly on: 'nodes'; readonly key: string; readonly value: ServiceScope | undefined }
  | { readonly on: 'pods'; readonly key: ObjectKey; readonly value: { node: string | undefined; needs: ObjectKey[] } | undefined }
  | { readonly on: 'claims'; readonly key: ObjectKey; readonly value: { volume: ObjectKey | undefined } | undefined }
  | {
      readonly on: 'volumes';
      readonly key: ObjectKey;
      readonly value: { claim: ObjectKey | undefined; secrets: ObjectKey[] } | undefined;
    }
  | { readonly on: 'attachments'; readonly key: ObjectKey; readonly value: string | undefined }
  | { readonly on: 'scoped'; readonly key: ObjectKey; readonly value: { service: string | undefined } | undefined };

const maybe = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: undefined });
const node = fc.constantFrom(...NODES);
const pods = fc.constantFrom(...PODS).chain((key) => {
  const namespace = objectKey('namespaces', '', parseObjectKey(key).namespace);
  const needs = fc.subarray([...CONFIGS, ...SECRETS, ...CLAIMS]).map((some) => [namespace, ...some]);
  return maybe(fc.record({ node: maybe(node), needs })).map((value): Event => ({ on: 'pods', key, value }));
});
const event: fc.Arbitrary<Event> = fc.oneof(
  { weight: 5, arbitrary: pods },
  fc.record({
    on: fc.constant('nodes' as const),
    key: node,
    value: maybe(fc.constantFrom<ServiceScope>('namespaces', 'cluster', 'none', 'unknown')),
  }),
  fc.record({
    on: fc.constant('claims' as const),
    key: fc.constantFrom(...CLAIMS),
    value: maybe(fc.record({ volume: maybe(fc.constantFrom(...VOLUMES)) })),
  }),
  fc.record({
    on: fc.constant('volumes' as const),
    key: fc.constantFrom(...VOLUMES),
    value: maybe(fc.record({ claim: maybe(fc.constantFrom(...CLAIMS)), secrets: fc.subarray(SECRETS) })),
  }),
  fc.record({ on: fc.constant('attachments' as const), key: fc.constantFrom(...ATTACHMENTS), value: maybe(node) }),
  {
    weight: 3,
    arbitrary: fc.record({
      on: fc.constant('scoped' as const),
      key: fc.constantFrom(...SERVICES, ...CLUSTER),
      value: maybe(fc.record({ service: maybe(fc.constantFrom('kubernetes', 'web')) })),
    }),
  },
);
const schedule = fc.array(event, { maxLength: 60, size: 'max' });

function play(locator: Locator, event: Event): NeedChange[] {
  if (event.on === 'nodes') return locator.setNode(event.key, event.value);
  if (event.value === undefined) return locator.remove(event.key);
  switch (event.on) {
    case 'pods':
      return locator.setPod(event.key, event.value);
    case 'claims':
      return locator.setClaim(event.key, event.value);
    case 'volumes':
      return locator.setVolume(event.key, event.value);
    case 'attachments':
      return locator.setAttachment(event.key, event.value);
    case 'scoped':
      return locator.setScoped(event.key, event.value.service);
  }
}

function stateAfter(events: readonly Event[]): State {
  const state: State = {
    nodes: new Map(),
    pods: new Map(),
    claims: new Map(),
    volumes: new Map(),
    attachments: new Map(),
    scoped: new Map(),
  };
  for (const { on, key, value } of events) {
    const map: Map<string, unknown> = state[on];
    if (value === undefined) map.delete(key);
    else map.set(key, on === 'scoped' ? value.service : value);
  }
  return state;
}

/** What a node needs, read off the state from the beginning: slow, and without a count. */
function desired(state: State, name: string): Set<ObjectKey> {
  const scope = state.nodes.get(name);
  if (scope === undefined) return new Set();
  const needs = new Set<ObjectKey>([objectKey('nodes', '', name)]);
  const namespaces = new Set<string>();
  for (const [pod, facts] of state.pods) {
    if (facts.node !== name) continue;
    namespaces.add(parseObjectKey(pod).namespace);
    for (const key of [pod, ...facts.needs]) needs.add(key);
  }
  for (const [volume, { claim, secrets }] of state.volumes) {
    const isNamed = [...state.claims].some(([of, named]) => needs.has(of) && named.volume === volume);
    if (claim === undefined ? !isNamed : !needs.has(claim)) continue;
    for (const key of [volume, ...secrets]) needs.add(key);
  }
  for (const [attachment, to] of state.attachments) if (to === name) needs.add(attachment);
  for (const [key, service] of state.scoped) {
    const { resource, namespace, name: ofObject } = parseObjectKey(key);
    if (CLUSTER.includes(key)) needs.add(key);
    else if (scope === 'cluster') needs.add(key);
    else if (scope !== 'none') {
      const isOfApi = ofObject === 'kubernetes' || (resource === 'discovery.k8s.io/endpointslices' && service === 'kubernetes');
      if (namespaces.has(namespace) || (namespace === 'default' && isOfApi)) needs.add(key);
    }
  }
  return needs;
}

function sorted(keys: Iterable<ObjectKey>): ObjectKey[] {
  return [...keys].sort();
}

/** All that can be asked of a locator. */
function check(locator: Locator, state: State): void {
  const expected = new Map(NODES.map((name) => [name, desired(state, name)]));
  const all = new Set([...PODS, ...CLAIMS, ...VOLUMES, ...SECRETS, ...CONFIGS, ...ATTACHMENTS, ...state.scoped.keys()]);
  for (const [name, needs] of expected) {
    assert.deepEqual(sorted(locator.needsOf(name)), sorted(needs), name);
    assert.equal(locator.needCount(name), needs.size);
  }
  for (const key of all) {
    const nodes = NODES.filter((name) => expected.get(name)?.has(key));
    assert.deepEqual([...locator.neededBy(key)].sort(), nodes, key);
    assert.equal(locator.isNeeded(key), nodes.length > 0, key);
    for (const name of NODES) assert.equal(locator.needs(name, key), nodes.includes(name), `${key} of ${name}`);
  }
  assert.equal(locator.edgeNodes, state.nodes.size);
}

describe('whatever the order of events', () => {
  test('a node needs exactly what there is says, and each change is told once', (t) => {
    let changes = 0;
    fc.assert(
      fc.property(schedule, (events) => {
        const locator = new Locator();
        const told = new Map(NODES.map((name) => [name, new Set<ObjectKey>()]));
        for (const [index, event] of events.entries()) {
          // Of members of scopes is told as long as they exist: whoever hears of the object itself asks who needs it.
          if (event.on === 'scoped' && event.value !== undefined) {
            for (const name of locator.neededBy(event.key)) told.get(name)?.add(event.key);
          }
          for (const { key, node: name, needed } of play(locator, event)) {
            assert.equal(told.get(name)?.has(key), !needed, `${key} of ${name}: a change that is none`);
            if (needed) told.get(name)?.add(key);
            else told.get(name)?.delete(key);
            changes += 1;
          }
          if (event.on === 'scoped' && event.value === undefined) for (const keys of told.values()) keys.delete(event.key);
          const state = stateAfter(events.slice(0, index + 1));
          check(locator, state);
          for (const name of NODES) assert.deepEqual(sorted(told.get(name) ?? []), sorted(desired(state, name)));
        }
      }),
      { numRuns: 300 },
    );
    t.diagnostic(`${changes} changes told`);
  });

  test('of different objects, the end is the same', () => {
    const ending = fc.uniqueArray(event, { selector: ({ on, key }) => `${on} ${key}`, maxLength: 30, size: 'max' });
    const shuffled = ending.chain((events) =>
      fc.tuple(fc.constant(events), fc.shuffledSubarray(events, { minLength: events.length, maxLength: events.length })),
    );
    fc.assert(
      fc.property(shuffled, ([events, others]) => {
        const [one, two] = [new Locator(), new Locator()];
        for (const event of events) play(one, event);
        for (const event of others) play(two, event);
        check(two, stateAfter(events));
        assert.equal(one.size, two.size);
        for (const pod of PODS) assert.deepEqual(sorted(one.needsOfPod(pod)), sorted(two.needsOfPod(pod)));
      }),
    );
  });

  test('when everything has gone, nothing is left', () => {
    fc.assert(
      fc.property(schedule, fc.infiniteStream(fc.nat()), (events, order) => {
        const locator = new Locator();
        for (const event of events) play(locator, event);
        const ends = new Map(events.map((event) => [`${event.on} ${event.key}`, { ...event, value: undefined } as Event]));
        const shuffled = [...ends.values()].map((event) => ({ event, at: order.next().value })).sort((a, b) => a.at - b.at);
        for (const { event } of shuffled) play(locator, event);
        check(locator, stateAfter([]));
        assert.equal(locator.size, 0);
      }),
    );
  });
});
