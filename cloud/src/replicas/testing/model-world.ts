import assert from 'node:assert/strict';
import type { Action } from '../action.ts';
import type { NodeLease } from '../lease.ts';
import { nodeLeaseName } from '../names.ts';
import type { Session } from '../node-entry.ts';
import { ModelApi } from './model-api.ts';
import { ModelReplica } from './model-replica.ts';

/** As the hub asks of a device whose node another device has taken. */
const OTHER_DEVICE_WAIT_MS = 60_000;

export interface ModelDevice {
  readonly node: string;
  readonly storeId: string;
  /** The link as the device sees it; a replica may still have older ones that the device has left. */
  link: { readonly session: Session; readonly at: ModelReplica } | undefined;
  notBeforeMs: number;
  /** Another device has its name: it waits, and comes back only when a test lets it. */
  isTurnedAway: boolean;
}

/** Replicas, an API server, and devices that move between them. */
export class ModelWorld {
  readonly api = new ModelApi();
  readonly replicas: ModelReplica[] = [];
  readonly devices: readonly ModelDevice[];
  nowMs = Date.UTC(2030, 0, 1);
  connects = 0;
  /** Sessions that a replica ended because of another's. */
  ended = 0;
  calls = 0;
  readonly #random: () => number;
  readonly #mostReplicas: number;
  #ids = 0;

  constructor(options: { replicas: number; devices: readonly { node: string; storeId: string }[]; random: () => number }) {
    this.#random = options.random;
    this.#mostReplicas = options.replicas;
    this.devices = options.devices.map((device) => ({ ...device, link: undefined, notBeforeMs: 0, isTurnedAway: false }));
    for (let index = 0; index < options.replicas; index += 1) this.start(index, `relay-${index}`);
  }

  get mostReplicas(): number {
    return this.#mostReplicas;
  }

  /** etcd from a backup: the API server's connections break, with the answers on them. */
  restore(backup: ReturnType<ModelApi['snapshot']>): void {
    for (const replica of this.replicas) replica.loseAll(this.nowMs);
    this.api.restore(backup);
  }

  /** A process in that place, whatever ran there before having been killed. */
  start(index: number, replica: string): void {
    const before = this.replicas[index];
    if (before !== undefined) {
      for (const device of this.devices) if (device.link?.at === before) device.link = undefined;
    }
    this.#ids += 1;
    this.replicas[index] = new ModelReplica({
      api: this.api,
      replica,
      process: `process-${this.#ids}`,
      nowMs: this.nowMs,
      random: this.#random,
      onReplaced: (session, by) => this.#replaced(session, by),
    });
  }

  /** The device links to that replica; `isHalfOpen`: the replica of its older link does not notice that it has gone. */
  connect(device: ModelDevice, replica: ModelReplica, isHalfOpen: boolean): void {
    if (device.notBeforeMs > this.nowMs) return;
    const older = device.link;
    if (older !== undefined && !isHalfOpen) older.at.end(older.session, this.nowMs);
    this.#ids += 1;
    this.connects += 1;
    const session = { id: `session-${this.#ids}`, node: device.node, storeId: device.storeId, agentVersion: '1' };
    for (const other of this.devices) {
      const isSame = other !== device && other.link?.at === replica && other.node === device.node;
      if (isSame) this.#turnAway(other);
    }
    device.link = { session, at: replica };
    device.isTurnedAway = false;
    replica.open(session, this.nowMs);
  }

  /** The link is lost, and both sides notice. */
  disconnect(device: ModelDevice): void {
    device.link?.at.end(device.link.session, this.nowMs);
    device.link = undefined;
  }

  /** A replica notices links that their devices have left. */
  noticeHalfOpen(replica: ModelReplica): void {
    for (const session of [...replica.sessions.values()]) {
      if (!this.devices.some(({ link }) => link?.session === session)) replica.end(session, this.nowMs);
    }
  }

  /** Every session that some replica believes to be alive. */
  live(node: string): readonly Session[] {
    return this.replicas.flatMap(({ sessions }) => [...sessions.values()].filter((session) => session.node === node));
  }

  lease(node: string): NodeLease | undefined {
    const lease = this.api.leases.get(nodeLeaseName(node));
    return lease?.type === 'node' ? lease : undefined;
  }

  /** Nothing goes wrong any more, and time passes. Devices whose own newer session ended theirs dial again; others stay away. */
  settle(seconds: number): void {
    for (let second = 0; second < seconds; second += 1) {
      for (const device of this.devices) {
        const [first] = this.replicas;
        if (device.link === undefined && !device.isTurnedAway && first !== undefined && this.#hasLinked(device)) {
          this.connect(device, this.replicas[Math.floor(this.#random() * this.replicas.length)] ?? first, false);
        }
      }
      for (let round = 0; round < 8; round += 1) {
        for (const replica of this.replicas) {
          this.calls += replica.begin(this.nowMs);
          while (replica.calls.length > 0) {
            replica.arrive(0);
            replica.answer(0, false, this.nowMs);
          }
          replica.watch(Number.POSITIVE_INFINITY, this.nowMs);
        }
      }
      this.nowMs += 1_000;
    }
  }

  #hasLinked(device: ModelDevice): boolean {
    return device.notBeforeMs <= this.nowMs && this.#linked.has(device);
  }

  readonly #linked = new WeakSet<ModelDevice>();

  /** From now on `settle` lets the device dial when its link is gone. */
  keepLinked(device: ModelDevice): void {
    this.#linked.add(device);
  }

  #replaced(session: Session, by: NodeLease): void {
    this.ended += 1;
    this.#checkOrder(session, by);
    const device = this.devices.find(({ link }) => link?.session === session);
    if (device === undefined) return;
    if (by.storeId === device.storeId) device.link = undefined;
    else this.#turnAway(device);
  }

  /** Only a session whose write came later may end another one. */
  #checkOrder(older: Session, newer: NodeLease): void {
    const orderOf = (id: string) => this.api.writes.findLastIndex((write) => isClaim(write.action, id));
    assert.ok(orderOf(older.id) >= 0, `${older.id} was ended although it never had the Lease`);
    assert.ok(orderOf(older.id) < orderOf(newer.sessionId), `${older.id} was ended by ${newer.sessionId}, which is older`);
  }

  #turnAway(device: ModelDevice): void {
    device.link = undefined;
    device.isTurnedAway = true;
    device.notBeforeMs = this.nowMs + OTHER_DEVICE_WAIT_MS;
  }
}

/** Whether the write made the session that of its node. */
export function isClaim(action: Action, id?: string): boolean {
  if (action.type !== 'create' && action.type !== 'update') return false;
  const { fields } = action;
  // Later writes about the same session change its link state, and not when it was acquired.
  return fields.type === 'node' && fields.linkState === 'up' && (id === undefined || fields.sessionId === id);
}
