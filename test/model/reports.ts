import { isJsonObject, type JsonObject, type JsonValue, type ObjectKey, objectKey, type Report } from '@hawser/protocol';
import type { Cluster, Stored } from './cluster.ts';
import type { Figures } from './figures.ts';
import { hold } from './violation.ts';

/** Fields of a status that devices write, each with numbers that rise over the whole schedule: so a number says who wrote it, and when. */
export const DEVICE_FIELDS = ['phase', 'note'] as const;
/** The field that somebody else writes in the same status. */
export const FOREIGN_FIELD = 'seen';

/** Something that a device has said and that the cluster must come to show. */
interface Said {
  readonly device: string;
  readonly key: ObjectKey;
  /** Undefined for an Event, whose name is used once. */
  readonly uid: string | undefined;
  readonly what: 'removed' | 'event' | (typeof DEVICE_FIELDS)[number];
  /** The last that was said. */
  value: number;
  /** The last that has come about. */
  effect: number;
  /** The object was another one, or gone. */
  isRefused: boolean;
}

/**
 * The witness of what devices say: every write that a local API has taken, and every effect that a report had at the API server.
 * - Each effect comes once and in the order in which it was said: nothing is done twice, and nothing older after something newer.
 * - In the end the cluster shows the last of all that was said, and of what other writers said of the same status.
 * Only what was lost with a store or taken back by a restoration is not asked for.
 */
export class ReportWitness {
  readonly #cluster: Cluster;
  readonly #figures: Figures;
  readonly #said = new Map<string, Said>();
  /** Number → the device that wrote it. */
  readonly #writers = new Map<number, string>();
  /** Key, uid and what → the devices that have ever said something of it. */
  readonly #sayers = new Map<string, Set<string>>();
  /** Key, uid → what somebody else wrote last. */
  readonly #foreign = new Map<string, JsonValue | undefined>();
  #numbers = 0;

  constructor(cluster: Cluster, figures: Figures) {
    this.#cluster = cluster;
    this.#figures = figures;
    cluster.onReported = (report, before, after) => this.#effect(report, before, after);
    cluster.onRefused = ({ resource, namespace, name, uid }) => {
      const key = objectKey(resource, namespace, name);
      for (const said of this.#said.values()) if (said.key === key && said.uid === uid) said.isRefused = true;
    };
    cluster.onForeign = ({ key, uid, fields }) => this.#foreign.set(`${key} ${uid}`, statusOf(fields)[FOREIGN_FIELD]);
  }

  nextNumber(): number {
    this.#numbers += 1;
    return this.#numbers;
  }

  /** @param uid of the pod or Node, as the device knows it */
  statusWritten(device: string, key: ObjectKey, uid: string, field: (typeof DEVICE_FIELDS)[number], value: number): void {
    this.#writers.set(value, device);
    this.#say({ device, key, uid, what: field, value, effect: 0, isRefused: false });
  }

  eventWritten(device: string, key: ObjectKey, count: number): void {
    this.#say({ device, key, uid: undefined, what: 'event', value: count, effect: 0, isRefused: false });
  }

  podEnded(device: string, key: ObjectKey, uid: string): void {
    this.#say({ device, key, uid, what: 'removed', value: 1, effect: 0, isRefused: false });
  }

  /** What was not told yet is lost with the store. */
  storeLost(device: string): void {
    for (const [name, said] of this.#said) if (said.device === device && said.effect !== said.value) this.#said.delete(name);
  }

  /** What has come about is as it is in the backup; and what had its answer is not said again, though its object may be back. */
  restored(): void {
    for (const [name, said] of this.#said) if (said.effect !== 0 || said.isRefused) this.#said.delete(name);
    this.#foreign.clear();
  }

  /** When all is at rest. @param dropped how many Events a device says that it has dropped over its bound */
  check(dropped: ReadonlyMap<string, number>): void {
    const lostEvents = new Map<string, number>();
    for (const said of this.#said.values()) {
      const object = this.#cluster.objects.get(said.key);
      const describe = (is: unknown) =>
        `${said.device} said ${said.what} ${said.value} of ${said.key}, and the cluster has ${is}`;
      this.#figures.add('checks', `said: ${said.what}`);
      if (said.what === 'event') {
        if (object !== undefined && object.fields.count === said.value) continue;
        lostEvents.set(said.device, (lostEvents.get(said.device) ?? 0) + 1);
      } else if (said.what === 'removed') {
        hold(object?.uid !== said.uid, 'said', () => describe('it still'));
      } else if (object !== undefined && object.uid === said.uid && this.#isOnlyWriter(said)) {
        const actual = statusOf(object.fields)[said.what];
        hold(actual === String(said.value), 'said', () => describe(actual));
      }
    }
    for (const [device, lost] of lostEvents) {
      const most = dropped.get(device) ?? 0;
      this.#figures.add('events', 'Events dropped on the device', lost);
      hold(lost <= most, 'said', () => `${lost} Events of ${device} are not in the cluster, and it says that it dropped ${most}`);
    }
    for (const [name, value] of this.#foreign) {
      const [key = '', uid] = name.split(' ');
      const object = this.#cluster.objects.get(key as ObjectKey);
      if (object === undefined || object.uid !== uid) continue;
      this.#figures.add('checks', 'said by another writer');
      const actual = statusOf(object.fields)[FOREIGN_FIELD];
      hold(
        actual === value,
        'said',
        () => `another writer said ${String(value)} of ${key}, and the cluster has ${String(actual)}`,
      );
    }
  }

  #say(said: Said): void {
    const name = nameOf(said);
    const sayers = this.#sayers.get(matterOf(said)) ?? new Set();
    this.#sayers.set(matterOf(said), sayers.add(said.device));
    const before = this.#said.get(name);
    this.#said.set(name, { ...said, effect: before?.effect ?? 0, isRefused: before?.isRefused ?? false });
  }

  #effect({ resource, namespace, name, operation }: Report, before: Stored | undefined, after: Stored | undefined): void {
    const key = objectKey(resource, namespace, name);
    this.#figures.add('events', `effect of a ${operation.type}`);
    if (after === undefined) {
      const said = this.#find(key, before?.uid, 'removed');
      if (said !== undefined) said.effect = 1;
      return;
    }
    if (resource === 'events') {
      for (const said of this.#said.values()) if (said.key === key) this.#countUp(said, Number(after.fields.count));
      return;
    }
    const [old, now] = [statusOf(before?.fields), statusOf(after.fields)];
    for (const field of DEVICE_FIELDS) {
      if (old[field] !== now[field]) this.#statusTurned(key, after.uid, field, Number(now[field]));
    }
    hold(
      old[FOREIGN_FIELD] === now[FOREIGN_FIELD],
      'foreign',
      () =>
        `a report of ${key} turned what another writer said from ${String(old[FOREIGN_FIELD])} to ${String(now[FOREIGN_FIELD])}`,
    );
  }

  #countUp(said: Said, count: number): void {
    hold(count > said.effect, 'once', () => `${said.key} came about with count ${count} after ${said.effect}`);
    said.effect = count;
  }

  /** Two devices with one name may write over each other, and what is said again after that is set again: the API cannot tell. */
  #statusTurned(key: ObjectKey, uid: string, field: (typeof DEVICE_FIELDS)[number], value: number): void {
    const said = this.#find(key, uid, field, this.#writers.get(value));
    if (said === undefined) return;
    const isNewer = value > said.effect || (value === said.effect && !this.#isOnlyWriter(said));
    hold(isNewer, 'once', () => `${field} ${value} of ${key} came about after ${said.effect}, by ${said.device}`);
    said.effect = value;
  }

  #find(key: ObjectKey, uid: string | undefined, what: Said['what'], device?: string): Said | undefined {
    for (const said of this.#said.values()) {
      const isThis = said.key === key && said.uid === uid && said.what === what;
      if (isThis && (device === undefined || said.device === device)) return said;
    }
    return undefined;
  }

  #isOnlyWriter(said: Said): boolean {
    return this.#sayers.get(matterOf(said))?.size === 1;
  }
}

function matterOf({ key, uid, what }: Said): string {
  return [key, uid, what].join(' ');
}

function nameOf(said: Said): string {
  return `${said.device} ${matterOf(said)}`;
}

function statusOf(fields: JsonObject | undefined): JsonObject {
  const status = fields?.status;
  return isJsonObject(status) ? status : {};
}
