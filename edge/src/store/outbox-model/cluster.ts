import {
  apiVersionOf,
  applyStrategicMergePatch,
  isJsonObject,
  type JsonObject,
  jsonEquals,
  type KubeObject,
  type Report,
  type ReportOutcome,
  resourceById,
} from '@hawser/protocol';
import type { StorageKey } from '../../api/storage.ts';

/** Which create of a name an object comes from; the device never makes the same twice. */
export const INCARNATION = 'incarnation';

/**
 * An API server and the relay before it, as far as reports see them: uids, versions, preconditions, what a create ignores, and that a create
 * which comes a second time finds its own object. What happened is written down, so that a test can count it.
 */
export class ModelCluster {
  readonly #objects = new Map<string, JsonObject>();
  /** Incarnations of objects that reports have made, in order. */
  readonly created: string[] = [];
  /** uids that reports have removed, in order. */
  readonly removed: string[] = [];
  #version = 100;
  #uids = 0;

  get(key: StorageKey): KubeObject | undefined {
    const object = this.#objects.get(textOf(key));
    return object === undefined ? undefined : JSON.parse(JSON.stringify(object));
  }

  version(): string {
    return String(this.#version);
  }

  /** Somebody else makes or changes an object. */
  put(key: StorageKey, change: (object: JsonObject) => JsonObject): void {
    const uid = { uid: `cloud-${this.#uids + 1}` };
    const current = this.#objects.get(textOf(key));
    if (current === undefined) this.#uids += 1;
    this.#store(key, change(current ?? { ...typeOf(key), metadata: { ...nameOf(key), ...uid } }));
  }

  /** Somebody else removes it. */
  remove(key: StorageKey): void {
    if (this.#objects.delete(textOf(key))) this.#version += 1;
  }

  perform(report: Report): ReportOutcome {
    const { operation } = report;
    const current = this.#objects.get(textOf(report));
    if (operation.type === 'create') return this.#create(report, current, JSON.parse(operation.body));
    if (current === undefined) return refusal(404, 'NotFound');
    if (report.uid !== undefined && metadataOf(current).uid !== report.uid) return refusal(409, 'Conflict');
    switch (operation.type) {
      case 'patch': {
        const patched = applyStrategicMergePatch(typeOf(report), current, JSON.parse(operation.body));
        return applied(this.#store(report, patched));
      }
      case 'remove':
        this.removed.push(String(metadataOf(current).uid));
        this.remove(report);
        return { type: 'applied', uid: String(metadataOf(current).uid), resourceVersion: undefined, name: report.name };
      case 'update':
        throw new Error('the store reports no updates');
    }
  }

  #create(report: Report, current: JsonObject | undefined, body: JsonObject): ReportOutcome {
    const incarnation = incarnationOf(body);
    if (current !== undefined) {
      if (incarnationOf(current) !== incarnation) return refusal(409, 'AlreadyExists');
      // Its own, of a try whose answer was lost. Of an Event the relay says anew what the report says.
      const isEvent = report.resource === 'events';
      return applied(isEvent ? this.#store(report, applyStrategicMergePatch(typeOf(report), current, body)) : current);
    }
    this.created.push(incarnation);
    // A pod gets its status through the subresource alone.
    const { status, ...rest } = body;
    const taken = report.resource === 'pods' || status === undefined ? rest : { ...rest, status };
    const metadata = { ...metadataOf(body), ...nameOf(report), uid: `cloud-${++this.#uids}` };
    return applied(this.#store(report, { ...taken, ...typeOf(report), metadata }));
  }

  #store(key: StorageKey, object: JsonObject): JsonObject {
    const before = this.#objects.get(textOf(key));
    if (before !== undefined && jsonEquals(before, object)) return before;
    this.#version += 1;
    const stored = { ...object, metadata: { ...metadataOf(object), resourceVersion: String(this.#version) } };
    this.#objects.set(textOf(key), stored);
    return stored;
  }
}

export function typeOf({ resource }: { readonly resource: string }): { apiVersion: string; kind: string } {
  const known = resourceById(resource);
  if (known === undefined) throw new Error(`${resource} is not in the table`);
  return { apiVersion: apiVersionOf(known), kind: known.kind };
}

export function nameOf({ namespace, name }: Pick<StorageKey, 'namespace' | 'name'>): JsonObject {
  return namespace === '' ? { name } : { name, namespace };
}

export function textOf({ resource, namespace, name }: StorageKey): string {
  return `${resource}/${namespace}/${name}`;
}

export function metadataOf(object: JsonObject): JsonObject {
  return isJsonObject(object.metadata) ? object.metadata : {};
}

function incarnationOf(object: JsonObject): string {
  const { annotations, name } = metadataOf(object);
  return isJsonObject(annotations) && INCARNATION in annotations ? String(annotations[INCARNATION]) : String(name);
}

function applied(object: JsonObject): ReportOutcome {
  const { uid, resourceVersion, name } = metadataOf(object);
  return { type: 'applied', uid: String(uid), resourceVersion: String(resourceVersion), name: String(name) };
}

function refusal(code: number, reason: string): ReportOutcome {
  return { type: 'refused', code, reason, message: reason };
}
