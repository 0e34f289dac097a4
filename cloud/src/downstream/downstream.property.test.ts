import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  bodyHash,
  compareResourceVersions,
  decodeBody,
  isJsonObject,
  type JsonObject,
  type JsonValue,
  type ObjectKey,
  type OperationChange,
  objectKey,
  parseObjectKey,
  type RelayMessage,
  resourceByKind,
  type Version,
} from '@hawser/protocol';
import fc from 'fast-check';
import { EDGE_LABEL, SERVICE_SCOPE_ANNOTATION } from '../locating/index.ts';
import { text } from '../locating/read.ts';
import type { DownstreamLimits } from './limits.ts';
import { WATCHED_RESOURCES } from './sync-status.ts';
import { desiredSet, neededToStart, type Objects, secretsOf } from './testing/desired-set.ts';
import { ManualClock } from './testing/manual-clock.ts';
import { ModelAgent } from './testing/model-agent.ts';
import { ModelCluster } from './testing/model-cluster.ts';
import { ModelLink } from './testing/model-link.ts';
import { ModelRelay } from './testing/model-relay.ts';

const RUNS = 400;
const NODES = ['edge-1', 'edge-2', 'plain'];
const NAMESPACES = ['shop', 'default'];
const NAMES = ['a', 'b'];
/** Small, so that every bound is met. */
const LIMITS: Partial<DownstreamLimits> = {
  windowBatches: 2,
  windowBytes: 1_000,
  batchBytes: 700,
  batchOperations: 3,
  sessionNumbers: 12,
};

const resource = fc.constantFrom(...WATCHED_RESOURCES, 'nodes', 'pods');
const name = fc.constantFrom(...NAMES);
const namespace = fc.constantFrom(...NAMESPACES);
const namespaced = (kind: string, of: fc.Arbitrary<string> = name) =>
  fc.tuple(namespace, of).map(([where, called]) => objectKey(kind, where, called));
const clusterScoped = (kind: string, of: fc.Arbitrary<string> = name) => of.map((called) => objectKey(kind, '', called));
const pod = fc
  .constantFrom('shop/p', 'shop/q', 'shop/r', 'shop/s', 'default/t')
  .map((of) => objectKey('pods', of.split('/')[0] ?? '', of.split('/')[1] ?? ''));
const configKey = fc.oneof(namespaced('configmaps'), namespaced('secrets'));
const serviceName = fc.constantFrom('web', 'kubernetes');
/** Kinds of which the key alone counts, or what this test does not vary. */
const plainKey = fc.oneof(
  configKey,
  clusterScoped('namespaces', namespace),
  namespaced('serviceaccounts'),
  namespaced('services', serviceName),
  namespaced('endpoints', serviceName),
  clusterScoped('node.k8s.io/runtimeclasses'),
  clusterScoped('storage.k8s.io/csidrivers'),
);
const claimKey = namespaced('persistentvolumeclaims');
const volumeKey = clusterScoped('persistentvolumes');
const node = fc.constantFrom(...NODES);
const edge = fc.constantFrom('edge-1', 'edge-1', 'edge-1', 'edge-2', 'plain');

/** Objects whose content says what else is needed. */
const claimRef = fc.option(fc.tuple(namespace, name), { nil: undefined }).map((to) => {
  const [where, called] = to ?? [];
  return where === undefined || called === undefined ? {} : { claimRef: { namespace: where, name: called } };
});
const secretRef = fc
  .tuple(namespace, name)
  .map(([where, called]) => ({ csi: { nodeStageSecretRef: { namespace: where, name: called } } }));
const leading = fc.oneof(
  fc.record({
    key: claimKey,
    fields: fc.oneof(
      fc.constant({}),
      name.map((volumeName) => ({ spec: { volumeName } })),
    ),
  }),
  fc.record({
    key: volumeKey,
    fields: fc.tuple(claimRef, secretRef).map(([claim, secret]) => ({ spec: { ...claim, ...secret } })),
  }),
  fc.record({
    key: clusterScoped('storage.k8s.io/volumeattachments'),
    fields: fc.constantFrom(...NODES).map((nodeName) => ({ spec: { nodeName } })),
  }),
  fc.record({
    key: namespaced('discovery.k8s.io/endpointslices', fc.constantFrom('kubernetes', 'x', 'y')),
    fields: serviceName.map((service) => ({ labels: { 'kubernetes.io/service-name': service } })),
  }),
);

/** What a pod needs, and where the pod API names it. */
const needs = fc.record({
  configMaps: fc.subarray(NAMES),
  secrets: fc.subarray(NAMES),
  claims: fc.subarray(NAMES),
  account: fc.option(name, { nil: undefined }),
});
type Needs = typeof needs extends fc.Arbitrary<infer T> ? T : never;
const anyKey = fc.oneof(
  pod,
  plainKey,
  leading.map(({ key }) => key),
);

/** What happens to the cluster, to one of two relays, to a link, or to a device. */
const step = fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: fc.constant('putPod'), pod, node, needs }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('touch'), key: anyKey }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('putPlain'), key: plainKey, size: fc.integer({ min: 0, max: 900 }) }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('putLeading'), object: leading }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('remove'), key: anyKey }) },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('putNode'),
      node,
      isLabelled: fc.boolean(),
      scope: fc.constantFrom('', 'cluster', 'none', 'odd'),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('removeNode'), node }) },
  { weight: 16, arbitrary: fc.record({ do: fc.constant('reflect'), relay: fc.nat(1), resource, steps: fc.nat(6) }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('read'), relay: fc.nat(1), except: resource }) },
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
  /** Of what devices held in the end. */
  readonly kinds = new Set<string>();
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
    const all = { configMaps: NAMES, secrets: NAMES, claims: NAMES, account: 'a' };
    for (const one of ['p', 'q', 'r']) this.#putPod(objectKey('pods', 'shop', one), one === 'r' ? 'edge-2' : 'edge-1', all);
    for (const of of NAMES) this.cluster.put(objectKey('configmaps', 'shop', of), { data: {} });
    this.cluster.put(objectKey('namespaces', '', 'shop'), {});
    this.cluster.put(objectKey('services', 'default', 'kubernetes'), {});
    this.cluster.put(objectKey('persistentvolumeclaims', 'shop', 'a'), { spec: { volumeName: 'b' } });
    this.cluster.put(objectKey('persistentvolumes', '', 'b'), { spec: { claimRef: { namespace: 'shop', name: 'a' } } });
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
      case 'putPlain':
        this.cluster.put(step.key, { data: { text: 'x7'.repeat(step.size / 2), of: this.cluster.resourceVersion } });
        break;
      case 'putLeading':
        this.cluster.put(step.object.key, step.object.fields);
        break;
      case 'remove':
        this.cluster.remove(step.key);
        break;
      case 'putNode':
        this.putNode(step.node, step.isLabelled, step.scope);
        break;
      case 'removeNode':
        this.#disturbed.add(step.node);
        this.cluster.remove(objectKey('nodes', '', step.node));
        break;
      case 'reflect': {
        for (let n = 0; n < step.steps; n += 1) this.#relay(step.relay).step(step.resource);
        break;
      }
      case 'read':
        this.#relay(step.relay).read(step.except);
        break;
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

  putNode(name: string, isLabelled: boolean, scope = ''): void {
    if (!isLabelled) this.#disturbed.add(name);
    this.cluster.put(objectKey('nodes', '', name), {
      ...(isLabelled ? { labels: { [EDGE_LABEL]: '' } } : {}),
      ...(scope === '' ? {} : { annotations: { [SERVICE_SCOPE_ANNOTATION]: scope } }),
    });
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
      if (change.type === 'delete') this.#checkDelete(name, { key, version: before.version, relay, agent });
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

  /** Of a node that has always been an edge node a pod is deleted only when it is gone, and another object not under one that needs it. */
  #checkDelete(name: string, { key, version: { uid }, relay, agent }: Deleted): void {
    if (this.#disturbed.has(name)) return;
    if (key.startsWith('pods/')) {
      assert.notEqual(this.cluster.objects.get(key)?.uid, uid, `${key} is deleted and still there`);
      return;
    }
    if (relay.watched.get(key)?.uid !== uid || relay.gone.has(key)) return;
    for (const [holder, { version, body, refused }] of agent.held) {
      const known = relay.newest(holder);
      // It is about to be replaced by a version that may need less, or should have been.
      if (known !== undefined && compareResourceVersions(known.resourceVersion, version.resourceVersion) > 0) continue;
      if (body !== undefined && !refused) assert.ok(!namedBy(holder, parsed(body)).has(key), `${key} is deleted under ${holder}`);
    }
  }

  #putPod(key: ObjectKey, nodeName: string, { configMaps, secrets, claims, account }: Needs): void {
    const bound = text(this.cluster.objects.get(key)?.fields, 'spec', 'nodeName') ?? nodeName;
    const volumes = [
      ...configMaps.map((of) => ({ configMap: { name: of } })),
      ...secrets.map((secretName) => ({ secret: { secretName } })),
      ...claims.map((claimName) => ({ persistentVolumeClaim: { claimName } })),
    ];
    const spec = { nodeName: bound, volumes, ...(account === undefined ? {} : { serviceAccountName: account }) };
    this.cluster.put(key, { spec });
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

interface Deleted {
  readonly key: ObjectKey;
  readonly version: Version;
  readonly relay: ModelRelay;
  readonly agent: ModelAgent;
}

/** What an object that a device holds names itself. */
function namedBy(key: ObjectKey, object: JsonObject): Set<ObjectKey> {
  if (key.startsWith('pods/')) return neededToStart(key, object, []);
  return new Set(key.startsWith('persistentvolumes/') ? secretsOf(object) : []);
}

function parsed(json: string): JsonObject {
  const value: JsonValue = JSON.parse(json);
  assert.ok(isJsonObject(value));
  return value;
}

/** The key of an object from its body alone. */
function keyOf(body: JsonObject): ObjectKey {
  const resource = resourceByKind(text(body, 'apiVersion') ?? '', text(body, 'kind') ?? '');
  return objectKey(resource?.id ?? '', text(body, 'metadata', 'namespace') ?? '', text(body, 'metadata', 'name') ?? '');
}

/** What the relay has been told: of each object what its watch brought, and what it fetched. */
function toldTo({ watched, fetched }: ModelRelay): Objects {
  return [...watched, ...fetched].map(([key, { text }]) => [key, parsed(text ?? '')]);
}

/** What it goes by. */
function newestOf(relay: ModelRelay): Objects {
  return Array.from(relay.watched.keys(), (key) => [key, parsed(relay.newest(key)?.text ?? '')]);
}

/** At the moment of sending. @param mustBeThere by resourceVersion of a pod: what the agent has to hold when it arrives */
function checkSent(
  messages: readonly RelayMessage[],
  { link: { session }, relay, cluster }: { readonly link: ModelLink; readonly relay: ModelRelay; readonly cluster: ModelCluster },
  mustBeThere: Map<string, ObjectKey[]>,
): void {
  let needed: Set<ObjectKey> | undefined;
  const { inflightBatches, inflightBytes } = session.stats();
  assert.ok(inflightBatches <= 2 && (inflightBytes <= 1_000 || inflightBatches === 1), 'the window holds');
  for (const message of messages) {
    if (message.type !== 'batch') continue;
    assert.ok(relay.isSynced, 'nothing is sent before the relay has synced');
    assert.ok(relay.watched.has(objectKey('nodes', '', session.node)), 'nothing is sent while the Node is missing');
    for (const { change } of message.operations) {
      if (change.type !== 'upsert' && change.type !== 'upsertDelta') continue;
      const body = parsed(change.type === 'upsert' ? decodeBody(change.body) : cluster.bodyAt(change.resourceVersion));
      const key = keyOf(body);
      needed ??= desiredSet(session.node, toldTo(relay));
      assert.ok(needed.has(key), `${key} is sent and not needed`);
      if (!key.startsWith('pods/')) continue;
      const first = neededToStart(key, body, newestOf(relay));
      const there = [...first].filter((need) => relay.watched.has(need) && !relay.gone.has(need));
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
    const all = Array.from(
      world.cluster.objects.keys(),
      (key) => [key, parsed(world.cluster.observed(key)?.text ?? '')] as const,
    );
    const desired = isEdge ? [...desiredSet(name, all)].filter((key) => world.cluster.objects.has(key)) : [];
    for (const key of desired) world.kinds.add(parseObjectKey(key).resource);
    assert.deepEqual([...agent.held.keys()].sort(), desired.sort());
    for (const [key, { version, body, refused }] of agent.held) {
      if (!refused) assert.equal(bodyHash(body ?? ''), version.hash, `${key} has the body of its version`);
      const { uid, resourceVersion } = world.cluster.objects.get(key) ?? {};
      assert.deepEqual([version.uid, version.resourceVersion], [uid, resourceVersion]);
    }
    assert.equal(state, isEdge ? 'inSync' : 'nodeNotLabelled');
    const { dirty, waiting, ahead, inflightBatches, lagMs } = linked.link.session.stats();
    const left = { dirty, waiting, ahead, inflightBatches, lagMs };
    assert.deepEqual(left, { dirty: 0, waiting: 0, ahead: 0, inflightBatches: 0, lagMs: 0 });
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
  const kinds = new Set<string>();
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
      for (const kind of world.kinds) kinds.add(kind);
      for (const { downstream } of world.relays) downstream.close();
      assert.equal(world.clock.timers, 0, 'no timer is left');
    }),
    { numRuns: RUNS },
  );
  assert.deepEqual([...kinds].sort(), [...WATCHED_RESOURCES].sort(), 'devices held objects of all kinds');
  t.diagnostic(
    `${RUNS} runs, ${unsettled} operations applied on the way, ${operations} in all, ${inventories} inventories asked for, ` +
      `${deltas} deltas, ${deltaRetries} others not applied`,
  );
});
