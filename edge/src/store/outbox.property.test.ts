import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { it, type TestContext } from 'node:test';
import { isJsonObject, type JsonObject, type KubeObject } from '@hawser/protocol';
import fc from 'fast-check';
import type { StorageKey } from '../api/storage.ts';
import { type MemoryStore, openMemoryStore } from './memory.ts';
import { ModelCluster, metadataOf, textOf } from './outbox-model/cluster.ts';
import { CSI_NODE, type Disk, MIRROR, ModelDevice, NODE, PODS } from './outbox-model/device.ts';
import { CLUSTER, clock, openTestStore, silent, storageKey } from './testing.ts';
import type { EdgeStore, StoreLimits } from './types.ts';

/**
 * Any interleaving of writes, sends, answers, lost answers, cuts, crashes and batches ends with the API server equal to what the device
 * has said last, and with every entry done once. `HAWSER_OUTBOX_RUNS=20000` runs more of them, `HAWSER_OUTBOX_SEED=N` those of a seed
 * that was printed.
 */
const RUNS = Number(process.env.HAWSER_OUTBOX_RUNS ?? 200);
const SEED = Number(process.env.HAWSER_OUTBOX_SEED ?? Math.trunc(Math.random() * 2 ** 31));
/** With a file each: what is synchronised to the disk takes its time. */
const FILE_RUNS = Math.ceil(RUNS / 40);

const EVENTS = 5;

const pick = fc.nat({ max: 9 });
const status = fc.constantFrom('True', 'False', 'Unknown');
const fields: fc.Arbitrary<JsonObject> = fc
  .record(
    {
      phase: fc.constantFrom('Pending', 'Running', 'Failed'),
      message: fc.constantFrom('x', 'y', null),
      conditions: fc.uniqueArray(
        fc.record({ type: fc.constantFrom('Ready', 'Initialized'), status }, { noNullPrototype: true }),
        {
          selector: ({ type }) => type,
          minLength: 1,
          maxLength: 2,
        },
      ),
    },
    { requiredKeys: [], noNullPrototype: true },
  )
  .filter((record) => Object.keys(record).length > 0);

const step = fc.oneof(
  { weight: 6, arbitrary: fc.record({ do: fc.constant('status'), pod: fc.nat({ max: 2 }), fields }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('mirror') }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('remove'), pod: fc.nat({ max: 2 }) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('label'), value: fc.constantFrom('1', '2', null) }) },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant('driver'), name: fc.constantFrom('d1', 'd2'), nodeID: fc.constantFrom('n', 'm') }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('event') }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('count'), pick }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('up') }) },
  { weight: 5, arbitrary: fc.record({ do: fc.constant('send'), limit: fc.integer({ min: 1, max: 5 }) }) },
  { weight: 6, arbitrary: fc.record({ do: fc.constant('perform'), pick }) },
  { weight: 6, arbitrary: fc.record({ do: fc.constant('answer'), pick }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('unavailable'), pick }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('cut'), done: pick }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('crash'), done: pick }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('deliver'), pick }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('gate'), pod: fc.nat({ max: 1 }), status }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('gone'), pod: fc.nat({ max: 1 }) }) },
);
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

const limits = fc.constantFrom<Partial<StoreLimits>>(
  {},
  {},
  { events: 3 },
  { outboxEntries: 5 },
  { events: 2, outboxEntries: 4 },
);

/** One device, one cluster, and what must hold between them in the end. */
class World {
  readonly cluster = new ModelCluster();
  readonly device: ModelDevice;
  /** Pods that somebody took away in the cloud: what the device says of them is refused. */
  readonly #gone = new Set<StorageKey>();
  readonly #gates = new Map<StorageKey, string>();
  readonly #events = new Map<StorageKey, number>();

  constructor(disk: Disk) {
    for (const pod of PODS) this.cluster.put(pod, (object) => ({ ...object, status: { phase: 'Pending' } }));
    this.device = new ModelDevice(disk, this.cluster);
    for (const pod of PODS) this.device.deliver(pod);
  }

  run(each: Step): void {
    const { device } = this;
    switch (each.do) {
      case 'status':
        device.patchStatus([...PODS, MIRROR][each.pod] ?? MIRROR, each.fields);
        return;
      case 'mirror':
        device.create(MIRROR, { spec: { nodeName: NODE.name } }, {});
        return;
      case 'remove':
        device.remove([...PODS, MIRROR][each.pod] ?? MIRROR);
        return;
      case 'label':
        device.create(NODE, {}, {});
        device.patchMain(NODE, { metadata: { labels: { zone: each.value } } }, (node) => metadataOf(node).labels);
        return;
      case 'driver': {
        device.create(CSI_NODE, { spec: { drivers: [] } }, { drivers: [] });
        const drivers = [{ name: each.name, nodeID: each.nodeID }];
        device.patchMain(CSI_NODE, { spec: { drivers } }, ({ spec }) => spec);
        return;
      }
      case 'event': {
        const key = storageKey('events', `e${this.#events.size}`);
        if (this.#events.size >= EVENTS) return;
        device.create(key, { reason: 'Test', count: 1 }, {});
        if (device.store.storage.get(key) !== undefined) this.#events.set(key, 1);
        return;
      }
      case 'count': {
        const [key, count] = [...this.#events][each.pick % Math.max(1, this.#events.size)] ?? [];
        if (key === undefined || count === undefined || device.store.storage.get(key) === undefined) return;
        device.patchMain(key, { count: count + 1 }, () => ({}));
        this.#events.set(key, Number(device.store.storage.get(key)?.count ?? count));
        return;
      }
      case 'up':
        device.up();
        return;
      case 'send':
        device.send(each.limit);
        return;
      case 'perform':
        device.perform(each.pick);
        return;
      case 'answer':
        device.answer(each.pick, false);
        return;
      case 'unavailable':
        device.answer(each.pick, true);
        return;
      case 'cut':
        device.cut((index) => index < each.done);
        return;
      case 'crash':
        device.crash((index) => index < each.done);
        return;
      case 'deliver':
        device.deliver(DOWN[each.pick % DOWN.length] ?? NODE);
        return;
      case 'gate':
        this.#gate(PODS[each.pod] ?? MIRROR, each.status);
        return;
      case 'gone':
        this.#gone.add(PODS[each.pod] ?? MIRROR);
        this.cluster.remove(PODS[each.pod] ?? MIRROR);
        return;
    }
  }

  /** A controller of the cloud writes its own condition. */
  #gate(pod: StorageKey, value: string): void {
    const current = this.cluster.get(pod);
    if (current === undefined) return;
    this.cluster.put(pod, (object) => {
      const before = isJsonObject(object.status) ? object.status : {};
      const others = Array.isArray(before.conditions) ? before.conditions : [];
      const kept = others.filter((condition) => !(isJsonObject(condition) && condition.type === 'Gate'));
      return { ...object, status: { ...before, conditions: [...kept, { type: 'Gate', status: value }] } };
    });
    this.#gates.set(pod, value);
  }

  check(): void {
    this.device.settle(DOWN);
    for (const key of DOWN) this.#checkObject(key);
    this.#checkEvents();
    this.#checkEffects();
  }

  #checkObject(key: StorageKey): void {
    const { device, cluster } = this;
    const [here, there] = [comparable(device.store.storage.get(key)), comparable(cluster.get(key))];
    assert.deepEqual(here, there, `${textOf(key)} on the device and in the cluster`);
    const said = device.said.get(textOf(key));
    if (this.#gone.has(key)) return;
    if (device.said.has(textOf(key)) && said === undefined) {
      assert.equal(there, undefined, `${textOf(key)} was removed`);
      return;
    }
    if (said === undefined) return;
    const shown = key === NODE ? metadataOf(there ?? {}).labels : key === CSI_NODE ? there?.spec : there?.status;
    assert.deepEqual(own(shown), own(said), `what the device said last of ${textOf(key)}`);
    const gate = conditionsOf(there?.status).find(({ type }) => type === 'Gate')?.status;
    assert.equal(gate, this.#gates.get(key), `the gate of ${textOf(key)}`);
  }

  #checkEvents(): void {
    const { device, cluster } = this;
    const { total, untold } = device.store.outbox.dropped();
    const dropped = total.count + total.bytes + total.age;
    let missing = 0;
    for (const [key, count] of this.#events) {
      const there = cluster.get(key);
      const isHere = device.store.storage.get(key) !== undefined;
      if (there === undefined) missing += 1;
      assert.ok(there !== undefined || !isHere, `${textOf(key)} arrived`);
      if (isHere) assert.equal(there?.count, count, `${textOf(key)} was counted`);
    }
    assert.ok(missing <= dropped, `${missing} events are missing and ${dropped} were counted`);
    assert.equal(untold, 0);
    const told = this.#losses().map((loss) => Number(/^\d+/.exec(String(loss.message))?.[0]));
    assert.equal(
      told.reduce((sum, count) => sum + count, 0),
      dropped,
      'each loss is told once',
    );
  }

  /** The Events that tell of lost ones. */
  #losses(): JsonObject[] {
    const { storeId } = this.device.store.identity();
    const losses: JsonObject[] = [];
    for (let n = 1; ; n++) {
      const loss = this.cluster.get(storageKey('events', `events-dropped.${storeId.slice(0, 12)}.${n}`));
      if (loss === undefined) return losses;
      losses.push(JSON.parse(JSON.stringify(loss)));
    }
  }

  #checkEffects(): void {
    const { device, cluster } = this;
    const created = cluster.created.filter((name) => name.includes('#'));
    assert.equal(new Set(created).size, created.length, 'nothing is made twice');
    assert.deepEqual(
      created.filter((incarnation) => !device.made.includes(incarnation)),
      [],
    );
    assert.equal(new Set(cluster.removed).size, cluster.removed.length, 'nothing is removed twice');
    for (const uid of device.removed) {
      if (this.#gone.size === 0) assert.ok(cluster.removed.includes(uid), `${uid} was removed`);
    }
    if (this.#gone.size === 0) assert.deepEqual(device.store.outbox.refusals(), []);
  }
}

/** What the cloud sends down; it sends no Events. */
const DOWN: readonly StorageKey[] = [...PODS, MIRROR, NODE, CSI_NODE];

function comparable(object: KubeObject | undefined): JsonObject | undefined {
  if (object === undefined) return undefined;
  const { resourceVersion: _version, creationTimestamp: _time, ...metadata } = object.metadata;
  return JSON.parse(JSON.stringify({ ...object, metadata }));
}

/** What the device writes, without what a controller of the cloud does, and in an order of its own. */
function own(value: unknown): unknown {
  const object = JSON.parse(JSON.stringify(value ?? {}));
  const byType = (a: JsonObject, b: JsonObject) => (String(a.type) < String(b.type) ? -1 : 1);
  const conditions = conditionsOf(object)
    .filter(({ type }) => type !== 'Gate')
    .sort(byType);
  if (conditions.length > 0) return { ...object, conditions };
  const { conditions: _none, ...rest } = object;
  return rest;
}

function conditionsOf(status: unknown): JsonObject[] {
  const json: JsonObject = JSON.parse(JSON.stringify(status ?? {}));
  return Array.isArray(json.conditions) ? json.conditions.filter(isJsonObject) : [];
}

/** A disk that is bytes in memory. */
function memoryDisk(of: Partial<StoreLimits>): Disk & { close(): void } {
  let open: MemoryStore | undefined;
  let image: Buffer | undefined;
  return {
    open() {
      open = openMemoryStore({ logger: silent, clock, limits: of, ...(image === undefined ? {} : { image }) });
      if (image === undefined) open.bindCluster(CLUSTER);
      return open;
    },
    crash() {
      image = open?.image();
      open?.close();
    },
    close: () => open?.close(),
  };
}

function fileDisk(path: string, of: Partial<StoreLimits>): Disk & { close(): void } {
  let open: EdgeStore | undefined;
  return {
    open() {
      open = openTestStore(path, of);
      return open;
    },
    crash: (store) => store.close(),
    close: () => open?.close(),
  };
}

function holds(t: TestContext, numRuns: number, diskOf: (of: Partial<StoreLimits>) => Disk & { close(): void }): void {
  t.diagnostic(`seed ${SEED}`);
  fc.assert(
    fc.property(limits, fc.array(step, { maxLength: 80, size: 'max' }), (of, steps) => {
      const disk = diskOf(of);
      try {
        const world = new World(disk);
        for (const each of steps) world.run(each);
        world.check();
      } finally {
        disk.close();
      }
    }),
    { numRuns, seed: SEED },
  );
}

it('ends with the cluster as the device has said it last, whatever happens on the way', (t) => {
  holds(t, RUNS, memoryDisk);
});

it('does so with a file that is opened again', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'hawser-outbox-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  let run = 0;
  holds(t, FILE_RUNS, (of) => fileDisk(join(folder, `${run++}.db`), of));
});
