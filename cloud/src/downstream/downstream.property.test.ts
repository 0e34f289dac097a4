import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  bodyHash,
  compareResourceVersions,
  decodeBody,
  type ObjectKey,
  type OperationChange,
  objectKey,
  type RelayMessage,
  type Version,
} from '@hawser/protocol';
import fc from 'fast-check';
import { EDGE_LABEL, podFacts } from '../locating/index.ts';
import type { DownstreamLimits } from './limits.ts';
import { ManualClock } from './testing/manual-clock.ts';
import { ModelAgent } from './testing/model-agent.ts';
import { ModelCluster } from './testing/model-cluster.ts';
import { ModelLink } from './testing/model-link.ts';
import { ModelRelay } from './testing/model-relay.ts';

const RUNS = 400;
const NODES = ['edge-1', 'edge-2', 'plain'];
const CONFIGS = ['a', 'b', 'c', 'd'];
const PODS = ['p', 'q', 'r', 's', 't'];
/** Small, so that every bound is met. */
const LIMITS: Partial<DownstreamLimits> = {
  windowBatches: 2,
  windowBytes: 1_000,
  batchBytes: 700,
  batchOperations: 3,
  sessionNumbers: 12,
};

const resource = fc.constantFrom('nodes', 'pods', 'configmaps', 'secrets');
const configKey = fc
  .tuple(fc.constantFrom('configmaps', 'secrets'), fc.constantFrom(...CONFIGS))
  .map(([kind, name]) => objectKey(kind, 'shop', name));
const pod = fc.constantFrom(...PODS).map((name) => objectKey('pods', 'shop', name));
const node = fc.constantFrom(...NODES);
const edge = fc.constantFrom('edge-1', 'edge-1', 'edge-1', 'edge-2', 'plain');

/** What happens to the cluster, to one of two relays, to a link, or to a device. */
const step = fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: fc.constant('putPod'), pod, node, needs: fc.subarray(CONFIGS) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('touch'), key: fc.oneof(pod, configKey) }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('putConfig'), key: configKey, size: fc.integer({ min: 0, max: 900 }) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('remove'), key: fc.oneof(pod, configKey) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('putNode'), node, isLabelled: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('removeNode'), node }) },
  { weight: 16, arbitrary: fc.record({ do: fc.constant('reflect'), relay: fc.nat(1), resource, steps: fc.nat(6) }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('tell'), relay: fc.nat(1) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('catchUp'), relay: fc.nat(1) }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('answer'), relay: fc.nat(1) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('restartRelay'), relay: fc.nat(1) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('connect'), node: edge, relay: fc.nat(1) }) },
  { weight: 20, arbitrary: fc.record({ do: fc.constant('carry'), node: edge, frames: fc.nat(12) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('lose'), node }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('damage'), node, nth: fc.nat(8) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('spoil'), node, share: fc.constantFrom(0, 0, 2, 3) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('refuse'), node, share: fc.constantFrom(0, 0, 2, 3) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('wait'), milliseconds: fc.constantFrom(1, 10_000, 100_000, 400_000) }) },
);
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

class World {
  readonly clock = new ManualClock();
  readonly cluster = new ModelCluster();
  readonly relays: ModelRelay[];
  readonly agents = new Map(NODES.map((name) => [name, new ModelAgent(2)]));
  readonly links = new Map<string, { link: ModelLink; relay: ModelRelay }>();
  operations = 0;
  inventories = 0;
  deltas = 0;
  deltaRetries = 0;
  readonly #refuseEvery = new Map<string, number>();
  readonly #lost = new Set<ObjectKey>();
  readonly #spoilEvery = new Map<string, number>();
  /** Whose text was altered on some device, under its version. */
  readonly #damaged = new Set<ObjectKey>();
  /** Nodes that have been gone or without their label at some time. */
  readonly #disturbed = new Set<string>(['plain']);
  #upserts = 0;

  constructor() {
    for (const name of NODES) this.putNode(name, name !== 'plain');
    this.relays = [0, 1].map(() => this.#newRelay());
    for (const one of ['p', 'q', 'r']) this.#putPod(objectKey('pods', 'shop', one), one === 'r' ? 'edge-2' : 'edge-1', CONFIGS);
    for (const name of CONFIGS) this.cluster.put(objectKey('configmaps', 'shop', name), { data: {} });
    this.#relay(0).catchUp();
    for (const [name, agent] of this.agents) {
      this.connect(name, this.#relay(0));
      agent.refuses = () => {
        const every = this.#refuseEvery.get(name) ?? 0;
        this.#upserts += 1;
        return every > 0 && this.#upserts % every === 0;
      };
      agent.spoils = () => {
        const every = this.#spoilEvery.get(name) ?? 0;
        this.deltas += 1;
        return every > 0 && this.deltas % every === 0;
      };
    }
  }

  #newRelay(): ModelRelay {
    const relay = new ModelRelay(this.cluster, this.clock, LIMITS);
    relay.earlyEvery = 4;
    return relay;
  }

  run(step: Step): void {
    switch (step.do) {
      case 'putPod':
        this.#putPod(step.pod, step.node, step.needs);
        break;
      case 'touch': {
        const stored = this.cluster.objects.get(step.key);
        if (stored !== undefined) this.cluster.put(step.key, stored.fields);
        break;
      }
      case 'putConfig':
        this.cluster.put(step.key, { data: { text: 'x7'.repeat(step.size / 2), of: this.cluster.resourceVersion } });
        break;
      case 'remove':
        this.cluster.remove(step.key);
        break;
      case 'putNode':
        this.putNode(step.node, step.isLabelled);
        break;
      case 'removeNode':
        this.#disturbed.add(step.node);
        this.cluster.remove(objectKey('nodes', '', step.node));
        break;
      case 'reflect': {
        for (let n = 0; n < step.steps; n += 1) this.#relay(step.relay).step(step.resource);
        break;
      }
      case 'tell':
        this.#relay(step.relay).tell();
        break;
      case 'catchUp':
        this.#relay(step.relay).catchUp();
        break;
      case 'answer':
        this.#relay(step.relay).answerOne();
        break;
      case 'restartRelay':
        this.#restart(step.relay);
        break;
      case 'connect':
        this.connect(step.node, this.#relay(step.relay));
        break;
      case 'carry':
        this.#carry(step.node, step.frames);
        break;
      case 'lose': {
        const agent = this.agents.get(step.node);
        const [first] = agent?.held.keys() ?? [];
        if (first === undefined) break;
        agent?.held.delete(first);
        this.#lost.add(first);
        break;
      }
      case 'damage':
        this.#damage(step.node, step.nth);
        break;
      case 'spoil':
        this.#spoilEvery.set(step.node, step.share);
        break;
      case 'refuse':
        this.#refuseEvery.set(step.node, step.share);
        break;
      case 'wait':
        this.clock.advance(step.milliseconds);
        break;
    }
  }

  putNode(name: string, isLabelled: boolean): void {
    if (!isLabelled) this.#disturbed.add(name);
    this.cluster.put(objectKey('nodes', '', name), isLabelled ? { labels: { [EDGE_LABEL]: '' } } : {});
  }

  connect(name: string, relay: ModelRelay): ModelLink {
    const agent = this.agents.get(name);
    assert.ok(agent);
    this.deltaRetries += this.links.get(name)?.link.session.stats().deltaRetries ?? 0;
    this.links.get(name)?.link.session.close();
    const link = new ModelLink(agent, relay.downstream, name);
    this.links.set(name, { link, relay });
    const mustBeThere = new Map<string, ObjectKey[]>();
    link.onPump = (messages) => {
      this.inventories += messages.filter(({ type }) => type === 'inventoryRequest').length;
      checkSent(messages, { link, relay, cluster: this.cluster }, mustBeThere);
    };
    agent.onOperation = (key, { change }, before) => {
      this.operations += 1;
      if (change.type === 'upsert' || change.type === 'upsertDelta') {
        for (const need of mustBeThere.get(versionOf(change)) ?? []) {
          assert.ok(agent.held.has(need) || this.#lost.has(need), `${key} comes before ${need}`);
        }
      }
      if (before === undefined) return;
      if (change.type === 'delete') this.#checkDelete(name, key, before.version);
      else {
        const after = change.type === 'upsert' ? change.version : change;
        assert.ok(
          compareResourceVersions(after.resourceVersion, before.version.resourceVersion) >= 0,
          `${key} goes back in time`,
        );
      }
    };
    return link;
  }

  /**
   * Nothing more happens, and what is under way arrives. A device that has lost a row is found out when it comes back; one whose
   * text was altered with the next change of the object.
   */
  settle(): void {
    this.#refuseEvery.clear();
    this.#spoilEvery.clear();
    for (const key of this.#damaged) {
      const fields = this.cluster.objects.get(key)?.fields;
      if (fields !== undefined) this.cluster.put(key, { ...fields, mended: this.cluster.resourceVersion });
    }
    for (let round = 0; round < 6; round += 1) {
      for (const relay of this.relays) relay.catchUp();
      if (round === 1) {
        for (const name of NODES) if (this.#lost.size > 0 || !this.links.has(name)) this.connect(name, this.#relay(0));
      }
      for (const { link } of this.links.values()) link.drain();
      this.clock.advance(round === 3 ? 6 * 60_000 : 10_000);
    }
    for (const { link } of this.links.values()) link.drain();
  }

  /** A pod of a node that has always been an edge node is deleted only when it is gone. */
  #checkDelete(name: string, key: ObjectKey, { uid }: Version): void {
    if (!key.startsWith('pods/') || this.#disturbed.has(name)) return;
    assert.notEqual(this.cluster.objects.get(key)?.uid, uid, `${key} is deleted and still there`);
  }

  #putPod(key: ObjectKey, nodeName: string, needs: string[]): void {
    const stored = this.cluster.objects.get(key);
    const bound = stored === undefined ? nodeName : field(stored.fields.spec, 'nodeName');
    const volumes = needs.map((name) => (name < 'c' ? { configMap: { name } } : { secret: { secretName: name } }));
    this.cluster.put(key, { spec: { nodeName: bound, volumes } });
  }

  #damage(name: string, nth: number): void {
    const agent = this.agents.get(name);
    const [key, held] = [...(agent?.held ?? [])][nth] ?? [];
    if (key === undefined || held?.body === undefined) return;
    agent?.held.set(key, { ...held, body: held.body.replace('{', '{ ') });
    this.#damaged.add(key);
  }

  #relay(index: number): ModelRelay {
    const relay = this.relays[index];
    assert.ok(relay);
    return relay;
  }

  #restart(index: number): void {
    const before = this.#relay(index);
    for (const [name, { relay }] of this.links) if (relay === before) this.links.delete(name);
    before.downstream.close();
    this.relays[index] = this.#newRelay();
  }

  #carry(name: string, frames: number): void {
    const link = this.links.get(name)?.link;
    for (let n = 0; n < frames && link !== undefined; n += 1) {
      link.pump();
      link.down();
      if (n % 2 === 1) link.up();
    }
  }
}

function field(value: unknown, name: string): string {
  const found = typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined;
  return typeof found === 'string' ? found : '';
}

/** What a node needs, from the objects alone. */
function neededBy(name: string, texts: Iterable<readonly [ObjectKey, string]>): Set<ObjectKey> {
  const needed = new Set<ObjectKey>([objectKey('nodes', '', name)]);
  for (const [key, text] of texts) {
    if (!key.startsWith('pods/')) continue;
    const { node: bound, needs } = podFacts(text);
    if (bound === name) for (const need of [key, ...needs]) needed.add(need);
  }
  return needed;
}

/** The key of an object from its body alone. */
function keyOf(body: string): ObjectKey {
  const object: unknown = JSON.parse(body);
  const metadata = typeof object === 'object' && object !== null ? Reflect.get(object, 'metadata') : undefined;
  const resources: Readonly<Record<string, string>> = { Pod: 'pods', ConfigMap: 'configmaps', Secret: 'secrets', Node: 'nodes' };
  return objectKey(resources[field(object, 'kind')] ?? '', field(metadata, 'namespace'), field(metadata, 'name'));
}

/** What the relay has been told of the pods, by its watch and by what it fetched. */
function neededAsFarAs(relay: ModelRelay, name: string): Set<ObjectKey> {
  const [watched, fetched] = [relay.watched, relay.fetched].map((objects) =>
    neededBy(
      name,
      Array.from(objects, ([key, { text }]) => [key, text ?? ''] as const),
    ),
  );
  return new Set([...(watched ?? []), ...(fetched ?? [])]);
}

/** At the moment of sending. @param mustBeThere by resourceVersion of a pod: what the agent has to hold when it arrives */
function checkSent(
  messages: readonly RelayMessage[],
  { link: { session }, relay, cluster }: { readonly link: ModelLink; readonly relay: ModelRelay; readonly cluster: ModelCluster },
  mustBeThere: Map<string, ObjectKey[]>,
): void {
  const { inflightBatches, inflightBytes } = session.stats();
  assert.ok(inflightBatches <= 2 && (inflightBytes <= 1_000 || inflightBatches === 1), 'the window holds');
  for (const message of messages) {
    if (message.type !== 'batch') continue;
    assert.ok(relay.isSynced, 'nothing is sent before the relay has synced');
    assert.ok(relay.watched.has(objectKey('nodes', '', session.node)), 'nothing is sent while the Node is missing');
    for (const { change } of message.operations) {
      if (change.type !== 'upsert' && change.type !== 'upsertDelta') continue;
      const body = change.type === 'upsert' ? decodeBody(change.body) : cluster.bodyAt(change.resourceVersion);
      const key = keyOf(body);
      assert.ok(neededAsFarAs(relay, session.node).has(key), `${key} is sent and not needed`);
      if (!key.startsWith('pods/')) continue;
      const there = podFacts(body).needs.filter((need) => relay.watched.has(need) && !relay.gone.has(need));
      mustBeThere.set(versionOf(change), there);
    }
  }
}

/** The model cluster gives each resourceVersion once. */
function versionOf(change: Extract<OperationChange, { type: 'upsert' | 'upsertDelta' }>): string {
  return change.type === 'upsert' ? change.version.resourceVersion : change.resourceVersion;
}

/** Every node's device holds what its node needs, as far as there is a labelled Node. */
function checkSettled(world: World): void {
  for (const [name, agent] of world.agents) {
    const linked = world.links.get(name);
    assert.ok(linked);
    const standing = world.cluster.objects.get(objectKey('nodes', '', name));
    const { state } = linked.link.session.status();
    if (standing === undefined) {
      assert.equal(state, 'nodeMissing');
      continue;
    }
    const isEdge = standing.fields.labels !== undefined;
    const texts = Array.from(world.cluster.objects.keys(), (key) => [key, world.cluster.observed(key)?.text ?? ''] as const);
    const desired = isEdge ? [...neededBy(name, texts)].filter((key) => world.cluster.objects.has(key)) : [];
    assert.deepEqual([...agent.held.keys()].sort(), desired.sort());
    for (const [key, { version, body, refused }] of agent.held) {
      if (!refused) assert.equal(bodyHash(body ?? ''), version.hash, `${key} has the body of its version`);
      const { uid, resourceVersion } = world.cluster.objects.get(key) ?? {};
      assert.deepEqual([version.uid, version.resourceVersion], [uid, resourceVersion]);
    }
    assert.equal(state, isEdge ? 'inSync' : 'nodeNotLabelled');
    const { dirty, waiting, ahead, inflightBatches } = linked.link.session.stats();
    assert.deepEqual({ dirty, waiting, ahead, inflightBatches }, { dirty: 0, waiting: 0, ahead: 0, inflightBatches: 0 });
    const again = world.connect(name, linked.relay);
    again.drain();
    assert.deepEqual(again.sent, [], 'equal digests: nothing is sent');
    assert.equal(again.welcome.state, state);
  }
}

test('whatever happens to cluster, relays, links and devices, all converge, and nothing goes back in time', (t) => {
  let operations = 0;
  let unsettled = 0;
  let inventories = 0;
  let deltas = 0;
  let deltaRetries = 0;
  fc.assert(
    fc.property(fc.array(step, { minLength: 1, maxLength: 200, size: 'max' }), (steps) => {
      const world = new World();
      for (const one of steps) world.run(one);
      unsettled += world.operations;
      world.settle();
      checkSettled(world);
      operations += world.operations;
      inventories += world.inventories;
      deltas += world.deltas;
      deltaRetries += world.deltaRetries;
      for (const { downstream } of world.relays) downstream.close();
      assert.equal(world.clock.timers, 0, 'no timer is left');
    }),
    { numRuns: RUNS },
  );
  t.diagnostic(
    `${RUNS} runs, ${unsettled} operations applied on the way, ${operations} in all, ${inventories} inventories asked for, ` +
      `${deltas} deltas, ${deltaRetries} others not applied`,
  );
});
