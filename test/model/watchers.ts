import type { AgentMessage, RelayMessage } from '@hawser/protocol';
import type { Cluster } from './cluster.ts';
import type { Device, Row } from './device.ts';
import type { Figures } from './figures.ts';
import {
  digestOf,
  nameOf,
  rule2NeverBackwards,
  rule3ClusterForGood,
  rule3MarkBeforeMost,
  rule3OwnCluster,
  rule4DeletedByUid,
  rule4DeletedOnlyUnwanted,
  rule6AcknowledgedIsStored,
  rule6SurvivesCrash,
  rule7ContentIsTrue,
  type Survivor,
} from './rules.ts';

/** Looks at one device after everything that its agent does, and holds what has become of its rows against the rules. */
export class DeviceWatcher {
  readonly device: Device;
  /** A row was damaged on its disk at some time: from then on its digest may differ from the relay's. */
  wasDamaged = false;
  /** The damage is not mended. */
  isDamaged = false;
  readonly #figures: Figures;
  readonly #clusterOf: (uid: string | undefined) => Cluster | undefined;
  #rows = new Map<string, Row>();
  #digest = '';
  /** What the store said last. */
  #clusterUid: string | undefined;
  /** The relay is in a later epoch than the store, and its first difference is not through. */
  #comparesAnew = false;
  #session = { held: 0, removed: 0, isMarked: false };
  #atDeath: Survivor | undefined;

  constructor(device: Device, figures: Figures, clusterOf: (uid: string | undefined) => Cluster | undefined) {
    this.device = device;
    this.#figures = figures;
    this.#clusterOf = clusterOf;
  }

  /** What the rows were when they were looked at last. */
  get rows(): ReadonlyMap<string, Row> {
    return this.#rows;
  }

  /** A frame leaves the device. */
  sent(message: AgentMessage): void {
    const { store, label } = this.device;
    if (store === undefined) return;
    if (message.type === 'hello') this.#session = { held: store.objectCount(), removed: 0, isMarked: false };
    if (message.type !== 'ack' || this.isDamaged) return;
    this.#figures.add('checks', '6 durable');
    rule6AcknowledgedIsStored(label, message.digest, this.device.rows());
  }

  /** A frame is about to be read by the agent. */
  arrives(message: RelayMessage): void {
    const own = this.device.store?.identity().epoch;
    // Known: a relay that knows of no restoration gives a device the new timeline under the old epoch's number. One that does know takes
    // all of it for old, and while its own watch lags it puts back what it has not seen: the price of deciding by hashes.
    if (message.type === 'welcome') this.#comparesAnew = own !== undefined && message.epoch > own;
    const isInSync = (message.type === 'welcome' || message.type === 'status') && message.status.state === 'inSync';
    if (isInSync) this.#comparesAnew = false;
    if (isInSync || (message.type === 'batch' && message.complete)) this.#session.isMarked = true;
  }

  /** The agent has done something. */
  look(): void {
    const { store, label, node } = this.device;
    if (store === undefined || (store.digest() === this.#digest && !this.isDamaged)) return;
    this.#digest = store.digest();
    const { clusterUid } = store.identity();
    rule3ClusterForGood(label, this.#clusterUid, clusterUid);
    this.#clusterUid = clusterUid;
    const cluster = this.#clusterOf(clusterUid);
    const rows = new Map(this.device.rows().map((row) => [row.key as string, row]));
    const { held } = this.#session;
    for (const row of rows.values()) {
      const before = this.#rows.get(row.key);
      if (
        before !== undefined &&
        before.body === row.body &&
        nameOf(before) === nameOf(row) &&
        before.isRefused === row.isRefused
      )
        continue;
      this.#figures.add('checks', '3 cluster');
      rule3OwnCluster(cluster, label, row);
      if (cluster === undefined) continue;
      // What the store has found to be damaged, or asks for again, it counts with another hash, so that it is sent.
      const isAskedFor = row.isRefused && (this.isDamaged || before?.isRefused === true);
      if (isAskedFor && cluster.past.find(row.key, row.version) === undefined) continue;
      // Nor does a touch look at the body that it leaves in place.
      if (this.isDamaged && row.body !== undefined && row.body === before?.body) continue;
      this.#figures.add('checks', '7 content');
      rule7ContentIsTrue(cluster, label, row);
      if (before === undefined) continue;
      this.#figures.add('checks', '2 backwards');
      if (this.#comparesAnew) this.#figures.add('events', 'compared anew in a later epoch');
      else rule2NeverBackwards(cluster, label, before, row);
    }
    for (const before of this.#rows.values()) {
      if (rows.has(before.key) || cluster === undefined) continue;
      this.#session.removed += 1;
      this.#figures.add('checks', '4 deleted');
      if (!this.#comparesAnew) rule4DeletedOnlyUnwanted(cluster, label, node, before, rows.values());
      this.#figures.add('checks', '3 mark');
      rule3MarkBeforeMost(label, held, this.#session.removed, this.#session.isMarked);
    }
    this.#rows = rows;
    if (!this.isDamaged) return;
    const isSound = (row: Row) => row.body !== undefined && row.body === cluster?.past.find(row.key, row.version)?.body;
    this.isDamaged = digestOf(rows.values()) !== store.digest() || ![...rows.values()].every(isSound);
  }

  /** Deletes have come that name another uid than the device's: the relay counts as gone what must have stayed. */
  lookAfterForgedDeletes(): void {
    this.wasDamaged = true;
    const before = this.#rows;
    this.look();
    rule4DeletedByUid(this.device.label, before.keys(), this.#rows);
  }

  /** A row was changed on the disk. */
  damaged(): void {
    this.isDamaged = true;
    this.wasDamaged = true;
    this.forget();
  }

  /** The rows have become others by no doing of the agent's. */
  forget(): void {
    this.#digest = this.device.store?.digest() ?? '';
    this.#rows = new Map(this.device.rows().map((row) => [row.key as string, row]));
  }

  /** To be called before the process dies. */
  dies(): void {
    const { store } = this.device;
    if (store === undefined) return;
    this.look();
    this.#atDeath = { rows: this.device.rows(), outbox: store.outbox.count() };
  }

  /** A new process has opened what the last one left. */
  starts(): void {
    const { store, label } = this.device;
    if (store === undefined) return;
    if (this.#atDeath !== undefined && !this.isDamaged) {
      this.#figures.add('checks', '6 durable');
      rule6SurvivesCrash(label, this.#atDeath, { rows: this.device.rows(), outbox: store.outbox.count() });
    }
    this.#atDeath = undefined;
    if (this.isDamaged) this.forget();
    else this.look();
  }

  /** The store is a new one. */
  storeLost(): void {
    this.#atDeath = undefined;
    this.#rows = new Map();
    this.#digest = '';
    this.#clusterUid = undefined;
    this.isDamaged = false;
  }
}
