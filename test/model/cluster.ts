import { type JsonObject, type ObjectKey, parseObjectKey, type Report, resourceById } from '@hawser/protocol';
import { ApiServerHistory } from './history.ts';

/**
 * What the model knows of an object because it made it, beside its JSON: so what a node should hold can be worked out without
 * reading any object, by other code than the product's.
 */
export interface Facts {
  /** Of a pod or an attachment: the node that it is bound to. */
  readonly node?: string;
  /** What is needed with the object. */
  readonly needs?: readonly ObjectKey[];
  /** Of a Node. */
  readonly isEdge?: boolean;
  readonly scope?: 'namespaces' | 'cluster' | 'none';
  /** Of a claim: the volume that it names. */
  readonly volume?: ObjectKey;
  /** Of a volume: the claim that it is for. */
  readonly claim?: ObjectKey;
  /** Of an EndpointSlice: the Service that it is of. */
  readonly service?: string;
}

/** One state of one object, as etcd has it. */
export interface Stored {
  readonly key: ObjectKey;
  readonly uid: string;
  readonly revision: number;
  /** Without name, namespace, uid and resourceVersion. */
  readonly fields: JsonObject;
  readonly facts: Facts;
}

export interface ClusterEvent {
  readonly type: 'put' | 'remove';
  readonly revision: number;
  /** The state that was put, or the last one of what was removed. */
  readonly object: Stored;
}

/** A backup of etcd. */
export interface Backup {
  readonly revision: number;
  readonly objects: ReadonlyMap<ObjectKey, Stored>;
}

/** Digits become more on the way, so that comparing resourceVersions as text would show. */
const FIRST_REVISION = 95;

/** A cluster's etcd: objects, revisions, and the changes since the last compaction, for watches. */
export class Cluster {
  /** Of the namespace kube-system. */
  readonly uid: string;
  readonly objects = new Map<ObjectKey, Stored>();
  /** Everything that ever was true here. */
  readonly past: ApiServerHistory;
  revision = FIRST_REVISION;
  /** Rises with everything that happens here, whatever the revisions do. */
  changes = 0;
  /** Watches from before this are answered with 410. */
  compacted = FIRST_REVISION;
  /** Changes of the present timeline, oldest first. */
  #events: ClusterEvent[] = [];
  /** Told of each change that a report has made: not of those that find all as it should be. */
  onReported: (report: Report, before: Stored | undefined, after: Stored | undefined) => void = () => undefined;
  /** Told of each report that is about an object which is gone, or another one. */
  onRefused: (report: Report) => void = () => undefined;
  /** Told when somebody else has written his part of a status. */
  onForeign: (object: Stored) => void = () => undefined;
  readonly #prefix: string;
  #uids = 0;

  /** @param prefix four hex digits that all uids of this cluster begin with */
  constructor(prefix: string, nodes: readonly string[]) {
    this.#prefix = prefix;
    this.uid = `${prefix}0000-0000-4000-8000-00000000c105`;
    this.past = new ApiServerHistory(nodes);
  }

  put(key: ObjectKey, fields: JsonObject, facts: Facts = {}): Stored {
    this.revision += 1;
    this.changes += 1;
    const uid = this.objects.get(key)?.uid ?? this.#newUid();
    const object: Stored = { key, uid, revision: this.revision, fields, facts };
    this.objects.set(key, object);
    this.#events.push({ type: 'put', revision: this.revision, object });
    this.past.record(object, bodyOf(object));
    this.past.changed(this.revision, this.objects);
    return object;
  }

  remove(key: ObjectKey): boolean {
    const object = this.objects.get(key);
    if (object === undefined) return false;
    this.revision += 1;
    this.changes += 1;
    this.objects.delete(key);
    this.#events.push({ type: 'remove', revision: this.revision, object });
    this.past.changed(this.revision, this.objects);
    return true;
  }

  /** The first change of that resource after the revision; undefined when there is none yet. */
  nextEvent(resource: string, after: number): ClusterEvent | undefined {
    const begin = `${resource}/`;
    let low = 0;
    let high = this.#events.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#events[middle]?.revision ?? 0) > after) high = middle;
      else low = middle + 1;
    }
    for (let at = low; at < this.#events.length; at += 1)
      if (this.#events[at]?.object.key.startsWith(begin)) return this.#events[at];
    return undefined;
  }

  compact(): void {
    this.changes += 1;
    this.compacted = this.revision;
  }

  backup(): Backup {
    return { revision: this.revision, objects: new Map(this.objects) };
  }

  /** etcd goes back to the backup: revisions above it are given out again, for other changes. */
  restore(backup: Backup): void {
    this.changes += 1;
    this.objects.clear();
    for (const [key, object] of backup.objects) this.objects.set(key, object);
    this.revision = backup.revision;
    this.compacted = Math.min(this.compacted, backup.revision);
    this.#events = this.#events.filter(({ revision }) => revision <= backup.revision);
    this.past.restored(backup.revision, this.objects);
  }

  /** Whether that uid was given out here. */
  gave(uid: string): boolean {
    return uid.startsWith(this.#prefix);
  }

  #newUid(): string {
    this.#uids += 1;
    return `${this.#prefix}0000-0000-4000-8000-${this.#uids.toString(16).padStart(12, '0')}`;
  }
}

/** As a list's item or a watch's event has it: with what only the API server cares about. */
export function textOf({ key, uid, revision, fields }: Stored): string {
  const { namespace, name } = parseObjectKey(key);
  const { metadata, ...rest } = fields;
  const given = typeof metadata === 'object' && metadata !== null && !Array.isArray(metadata) ? metadata : {};
  const scope = namespace === '' ? {} : { namespace };
  const managedFields = [{ manager: 'model', operation: 'Update', time: `revision ${revision}` }];
  return JSON.stringify({
    metadata: { name, ...scope, uid, resourceVersion: String(revision), managedFields, ...given },
    ...rest,
  });
}

/** The canonical body, written down once more, without the product's code. */
function bodyOf({ key, uid, fields }: Stored): string {
  const { resource, namespace, name } = parseObjectKey(key);
  const { apiVersion, kind } = typeOf(resource);
  const { metadata, ...rest } = fields;
  const given = typeof metadata === 'object' && metadata !== null && !Array.isArray(metadata) ? metadata : {};
  const scope = namespace === '' ? {} : { namespace };
  return sorted({ ...rest, apiVersion, kind, metadata: { ...given, ...scope, name, uid } });
}

export function typeOf(resource: string): { readonly apiVersion: string; readonly kind: string } {
  const found = resourceById(resource);
  if (found === undefined) throw new Error(`no resource ${resource}`);
  return { apiVersion: found.group === '' ? found.version : `${found.group}/${found.version}`, kind: found.kind };
}

function sorted(value: unknown): string {
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map(sorted).join(',')}]`;
  const names = Object.keys(value).sort();
  return `{${names.map((name) => `${JSON.stringify(name)}:${sorted(Reflect.get(value, name))}`).join(',')}}`;
}
