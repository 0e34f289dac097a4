import {
  applyStrategicMergePatch,
  HawserError,
  type JsonObject,
  type KubeObject,
  type Report,
  type ReportOutcome,
} from '@hawser/protocol';
import type { StorageKey } from '../../api/storage.ts';
import { CLUSTER, keyText, removal, storageKey, update, upsert } from '../testing.ts';
import type { EdgeStore } from '../types.ts';
import { INCARNATION, type ModelCluster, metadataOf, nameOf, textOf, typeOf } from './cluster.ts';

/** Pods that the cloud has sent; the device reports their status and, at the end, their removal. */
export const PODS = ['a', 'b'].map((name) => storageKey('pods', name));
/** A pod that the device makes and takes away by itself. */
export const MIRROR = storageKey('pods', 'mirror-edge-1');
export const NODE = storageKey('nodes', 'edge-1', '');
export const CSI_NODE = storageKey('storage.k8s.io/csinodes', 'edge-1', '');

/** A report on its way to the cloud, or its answer on the way back. */
interface Transit {
  readonly report: Report;
  outcome: ReportOutcome | undefined;
}

/** How a store is opened, left and found again. */
export interface Disk {
  open(): EdgeStore;
  /** The process dies; the next `open` finds what was on disk. */
  crash(store: EdgeStore): void;
}

/**
 * A device with its store, what its writers have said last of each object, and the link. Writes go through the store's own API in the form
 * in which the local API would make them.
 */
export class ModelDevice {
  readonly #disk: Disk;
  readonly #cluster: ModelCluster;
  store: EdgeStore;
  /** Status, labels or drivers as they were written last, by object; undefined: it was removed. */
  readonly said = new Map<string, JsonObject | undefined>();
  /** Incarnations that were made here. */
  readonly made: string[] = [];
  /** uids of the cloud's pods that were removed here. */
  readonly removed = new Set<string>();
  #transit: Transit[] = [];
  #isUp = false;
  #uids = 0;

  constructor(disk: Disk, cluster: ModelCluster) {
    this.#disk = disk;
    this.#cluster = cluster;
    this.store = disk.open();
  }

  // ---- what is written ----

  patchStatus(key: StorageKey, fields: JsonObject): void {
    this.#patch(key, 'status', { status: fields }, (object) => object.status);
  }

  patchMain(key: StorageKey, patch: JsonObject, read: (object: JsonObject) => unknown): void {
    this.#patch(key, '', patch, read);
  }

  create(key: StorageKey, fields: JsonObject, said: JsonObject): void {
    if (this.store.storage.get(key) !== undefined) return;
    const incarnation = `${textOf(key)}#${++this.#uids}`;
    const metadata = { ...nameOf(key), uid: `device-${this.#uids}`, annotations: { [INCARNATION]: incarnation } };
    this.#unlessFull(() => {
      this.store.storage.commit({ type: 'create', key, object: { ...typeOf(key), ...fields, metadata } });
      this.made.push(incarnation);
      this.said.set(textOf(key), said);
    });
  }

  remove(key: StorageKey): void {
    const object = this.store.storage.get(key);
    if (object === undefined) return;
    const { uid = '', resourceVersion } = object.metadata;
    const expectedRevision = Number(resourceVersion);
    this.#unlessFull(() => {
      this.store.storage.commit({ type: 'delete', key, expectedRevision, expectedUid: uid, gracePeriodSeconds: 0 });
      if (uid.startsWith('cloud-')) this.removed.add(uid);
      this.said.set(textOf(key), undefined);
    });
  }

  // ---- the link ----

  up(): void {
    if (this.#isUp) return;
    this.#isUp = true;
    this.#unlessFull(() => this.store.outbox.welcomed(NODE.name));
  }

  send(limit: number): void {
    if (!this.#isUp) return;
    for (const report of this.store.outbox.pending(limit)) this.#transit.push({ report, outcome: undefined });
  }

  /** The relay does what a report says; the answer is on its way. */
  perform(pick: number): void {
    const waiting = this.#transit.filter(({ outcome }) => outcome === undefined);
    const transit = waiting[pick % Math.max(1, waiting.length)];
    if (transit !== undefined) transit.outcome = this.#cluster.perform(transit.report);
  }

  /** `unavailable`: the relay has not heard from the API server, whether that has done it or not. */
  answer(pick: number, isUnavailable: boolean): void {
    const candidates = this.#transit.filter(({ outcome }) => isUnavailable || outcome !== undefined);
    const transit = candidates[pick % Math.max(1, candidates.length)];
    if (transit === undefined) return;
    this.#transit = this.#transit.filter((other) => other !== transit);
    const unavailable: ReportOutcome = { type: 'unavailable', retryAfterMs: 1, message: 'later' };
    this.store.outbox.answer(transit.report.number, isUnavailable ? unavailable : (transit.outcome ?? unavailable));
  }

  /** All answers are lost. What the relay had already it does, or not. */
  cut(isDone: (index: number) => boolean): void {
    this.#lose(isDone);
    this.store.outbox.release();
  }

  crash(isDone: (index: number) => boolean): void {
    this.#lose(isDone);
    this.#disk.crash(this.store);
    this.store = this.#disk.open();
  }

  /** The cloud's state of that object comes down. */
  deliver(key: StorageKey): void {
    const object = this.#cluster.get(key);
    const held = this.#held(key);
    if (object === undefined) {
      if (held !== undefined) this.store.applyBatch(CLUSTER, [removal(key, held)]);
      return;
    }
    this.store.applyBatch(CLUSTER, [upsert(key, String(object.metadata.resourceVersion), object)]);
  }

  /** One quiet session: everything goes up and comes down. */
  settle(keys: readonly StorageKey[]): void {
    this.cut(() => false);
    for (let round = 0; round < 100; round++) {
      this.up();
      for (const key of keys) this.deliver(key);
      this.send(10);
      if (this.#transit.length === 0 && this.store.outbox.count() === 0) return;
      if (this.#transit.length === 0) break;
      while (this.#transit.length > 0) {
        this.perform(0);
        this.answer(0, false);
      }
    }
    throw new Error(
      `the outbox does not empty: ${JSON.stringify(this.store.outbox.pending(10))} of ${this.store.outbox.count()}`,
    );
  }

  #lose(isDone: (index: number) => boolean): void {
    for (const [index, { report, outcome }] of this.#transit.entries()) {
      if (outcome === undefined && isDone(index)) this.#cluster.perform(report);
    }
    this.#transit = [];
    this.#isUp = false;
  }

  #patch(key: StorageKey, subresource: string, patch: JsonObject, read: (object: JsonObject) => unknown): void {
    const before = this.store.storage.get(key);
    if (before === undefined) return;
    const current: JsonObject = JSON.parse(JSON.stringify(before));
    const after = applyStrategicMergePatch(typeOf(key), current, patch);
    this.#unlessFull(() => {
      update(this.store, objectOf(after), key, subresource, { verb: 'patch', patchType: 'strategic', patch });
      this.said.set(textOf(key), JSON.parse(JSON.stringify(read(after) ?? {})));
    });
  }

  /** A write that finds no room was not made. */
  #unlessFull(write: () => void): void {
    try {
      write();
    } catch (error) {
      if (!(error instanceof HawserError && error.code === 'too_large')) throw error;
    }
  }

  #held(key: StorageKey): string | undefined {
    for (const { key: other, version } of this.store.inventory()) if (other === keyText(key)) return version.uid;
    return undefined;
  }
}

function objectOf(json: JsonObject): KubeObject {
  return { ...json, apiVersion: String(json.apiVersion), kind: String(json.kind), metadata: metadataOf(json) };
}
