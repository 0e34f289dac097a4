import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type ObjectKey, objectKey } from '@hawser/protocol';
import fc from 'fast-check';
import type { PodFacts } from './facts.ts';
import { Locator, type NeedChange } from './locator.ts';

const POD = objectKey('pods', 'shop', 'cart');
const CONFIG = objectKey('configmaps', 'shop', 'a');
const NODE = objectKey('nodes', '', 'edge-1');

function facts(node: string | undefined, ...needs: ObjectKey[]): PodFacts {
  return { node, needs, truncated: false };
}

function needsOf(locator: Locator, node: string): ObjectKey[] {
  return [...locator.needsOf(node)].sort();
}

describe('a node needs', () => {
  test('nothing while it is no edge node, and its Node, pods and their objects once it is', () => {
    const locator = new Locator();
    assert.deepEqual(locator.setPod(POD, facts('edge-1', CONFIG)), []);
    assert.deepEqual(needsOf(locator, 'edge-1'), []);
    const changes = locator.setNode('edge-1', true);
    assert.deepEqual(new Set(changes.map(({ key }) => key)), new Set([NODE, POD, CONFIG]));
    assert.ok(changes.every(({ needed, node }) => needed && node === 'edge-1'));
    assert.deepEqual(needsOf(locator, 'edge-1'), [CONFIG, NODE, POD].sort());
    assert.equal(locator.setNode('edge-1', false).length, 3);
    assert.equal(locator.isNeeded(CONFIG), false);
  });

  test('an object until its last pod has gone', () => {
    const locator = new Locator();
    const other = objectKey('pods', 'shop', 'other');
    locator.setNode('edge-1', true);
    locator.setPod(POD, facts('edge-1', CONFIG));
    locator.setPod(other, facts('edge-1', CONFIG));
    assert.deepEqual(
      locator.removePod(POD).map(({ key }) => key),
      [POD],
    );
    assert.deepEqual(
      locator.removePod(other).map(({ key }) => key),
      [other, CONFIG],
    );
  });

  test('an object without a break when a pod changes its references or nothing at all', () => {
    const locator = new Locator();
    const added = objectKey('secrets', 'shop', 'b');
    locator.setNode('edge-1', true);
    locator.setPod(POD, facts('edge-1', CONFIG));
    assert.deepEqual(locator.setPod(POD, facts('edge-1', CONFIG)), []);
    assert.deepEqual(locator.setPod(POD, facts('edge-1', CONFIG, added)), [{ key: added, node: 'edge-1', needed: true }]);
  });

  test('a pod no longer when it is bound to another', () => {
    const locator = new Locator();
    for (const node of ['edge-1', 'edge-2']) locator.setNode(node, true);
    locator.setPod(POD, facts('edge-1', CONFIG));
    const changes = locator.setPod(POD, facts('edge-2', CONFIG));
    assert.equal(changes.filter(({ needed, node }) => needed && node === 'edge-2').length, 2);
    assert.equal(changes.filter(({ needed, node }) => !needed && node === 'edge-1').length, 2);
    assert.deepEqual([...locator.neededBy(CONFIG)], ['edge-2']);
  });

  test('nothing of a pod that is not scheduled, or unknown', () => {
    const locator = new Locator();
    locator.setNode('edge-1', true);
    assert.deepEqual(locator.setPod(POD, facts(undefined, CONFIG)), []);
    assert.deepEqual(locator.removePod(POD), []);
    assert.deepEqual(locator.removePod(POD), []);
    assert.equal(locator.needCount('edge-1'), 1);
  });
});

const NODES = ['edge-1', 'edge-2', 'edge-3'];
const PODS = ['p', 'q', 'r', 's'].map((name) => objectKey('pods', 'shop', name));
const OBJECTS = ['a', 'b', 'c'].flatMap((name) => [objectKey('configmaps', 'shop', name), objectKey('secrets', 'shop', name)]);

const podEvent = fc.record({
  pod: fc.constantFrom(...PODS),
  facts: fc.option(fc.record({ node: fc.option(fc.constantFrom(...NODES), { nil: undefined }), needs: fc.subarray(OBJECTS) }), {
    nil: undefined,
  }),
});
const nodeEvent = fc.record({ node: fc.constantFrom(...NODES), isEdge: fc.boolean() });
type Event = { pod: ObjectKey; facts: Omit<PodFacts, 'truncated'> | undefined } | { node: string; isEdge: boolean };

function play(locator: Locator, event: Event): NeedChange[] {
  if ('node' in event) return locator.setNode(event.node, event.isEdge);
  return event.facts === undefined
    ? locator.removePod(event.pod)
    : locator.setPod(event.pod, { ...event.facts, truncated: false });
}

/** What each node needs, computed from what there is and not from what happened. */
function desired(events: readonly Event[]): Map<string, Set<ObjectKey>> {
  const pods = new Map<ObjectKey, Omit<PodFacts, 'truncated'> | undefined>();
  const edges = new Map<string, boolean>();
  for (const event of events) {
    if ('node' in event) edges.set(event.node, event.isEdge);
    else pods.set(event.pod, event.facts);
  }
  const needs = new Map(NODES.map((node) => [node, new Set<ObjectKey>(edges.get(node) ? [objectKey('nodes', '', node)] : [])]));
  for (const [pod, found] of pods) {
    if (found?.node === undefined || !edges.get(found.node)) continue;
    for (const key of [pod, ...found.needs]) needs.get(found.node)?.add(key);
  }
  return needs;
}

function state(locator: Locator): unknown {
  return {
    needs: NODES.map((node) => needsOf(locator, node)),
    counts: NODES.map((node) => locator.needCount(node)),
    neededBy: [...PODS, ...OBJECTS].map((key) => [...locator.neededBy(key)].sort()),
    edgeNodes: locator.edgeNodes,
  };
}

describe('whatever the order of events', () => {
  test('a node needs exactly what its pods need, and each change is told once', () => {
    fc.assert(
      fc.property(fc.array(fc.oneof(podEvent, nodeEvent), { maxLength: 60 }), (events: Event[]) => {
        const locator = new Locator();
        const told = new Map(NODES.map((node) => [node, new Set<ObjectKey>()]));
        for (const [index, event] of events.entries()) {
          for (const { key, node, needed } of play(locator, event)) {
            assert.equal(told.get(node)?.has(key), !needed, `${key} of ${node}: a change that is none`);
            if (needed) told.get(node)?.add(key);
            else told.get(node)?.delete(key);
          }
          const expected = desired(events.slice(0, index + 1));
          for (const node of NODES) assert.deepEqual(needsOf(locator, node), [...(expected.get(node) ?? [])].sort());
          assert.deepEqual(told, expected);
        }
      }),
    );
  });

  test('of different pods and nodes, the end is the same', () => {
    const ending = fc.tuple(
      fc.uniqueArray(podEvent, { selector: ({ pod }) => pod }),
      fc.uniqueArray(nodeEvent, { selector: ({ node }) => node }),
    );
    const shuffled = ending.chain(([pods, nodes]) => {
      const events: Event[] = [...pods, ...nodes];
      const all = { minLength: events.length, maxLength: events.length };
      return fc.tuple(fc.constant(events), fc.shuffledSubarray(events, all));
    });
    fc.assert(
      fc.property(shuffled, ([events, others]) => {
        const [one, two] = [new Locator(), new Locator()];
        for (const event of events) play(one, event);
        for (const event of others) play(two, event);
        assert.deepEqual(state(one), state(two));
      }),
    );
  });

  test('when everything has gone, nothing is left', () => {
    fc.assert(
      fc.property(fc.array(fc.oneof(podEvent, nodeEvent), { maxLength: 60 }), fc.boolean(), (events: Event[], podsFirst) => {
        const locator = new Locator();
        for (const event of events) play(locator, event);
        const pods: Event[] = PODS.map((pod) => ({ pod, facts: undefined }));
        const nodes: Event[] = NODES.map((node) => ({ node, isEdge: false }));
        for (const event of podsFirst ? [...pods, ...nodes] : [...nodes, ...pods]) play(locator, event);
        assert.deepEqual(state(locator), state(new Locator()));
      }),
    );
  });
});
