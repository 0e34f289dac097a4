import { apiVersionOf, canonicalize, type JsonObject, type ObjectKey, parseObjectKey, resourceById } from '@hawser/protocol';
import type { Change, Observed } from '../../merge/change.ts';

export interface StoredObject {
  readonly uid: string;
  readonly resourceVersion: string;
  /** Labels and annotations, and what stands beside the metadata. */
  readonly fields: JsonObject;
}

/** The API server's objects and the history of their changes. */
export class ModelCluster {
  readonly objects = new Map<ObjectKey, StoredObject>();
  readonly history: Change[] = [];
  #revision = 9;
  #uids = 0;

  /** Digits become more on the way, so that comparing resourceVersions as text would show. */
  get resourceVersion(): string {
    return String(this.#revision);
  }

  put(key: ObjectKey, fields: JsonObject): void {
    this.#revision += 1;
    const uid = this.objects.get(key)?.uid ?? this.#newUid();
    this.objects.set(key, { uid, resourceVersion: this.resourceVersion, fields });
    const object = this.observed(key);
    if (object !== undefined) this.history.push({ type: 'upsert', object });
  }

  remove(key: ObjectKey): void {
    const stored = this.objects.get(key);
    if (stored === undefined) return;
    this.#revision += 1;
    this.objects.delete(key);
    this.history.push({ type: 'delete', key, uid: stored.uid, resourceVersion: this.resourceVersion });
  }

  observed(key: ObjectKey): Observed | undefined {
    const stored = this.objects.get(key);
    if (stored === undefined) return undefined;
    const { resource, namespace, name } = parseObjectKey(key);
    const { uid, resourceVersion, fields } = stored;
    const { labels = {}, annotations = {}, ...rest } = fields;
    const metadata = { name, ...(namespace === '' ? {} : { namespace }), uid, resourceVersion, labels, annotations };
    const known = resourceById(resource);
    if (known === undefined) throw new Error(`${resource} is not in the resource table`);
    const type = { apiVersion: apiVersionOf(known), kind: known.kind };
    return { key, uid, resourceVersion, text: JSON.stringify({ metadata, ...rest }), type };
  }

  /** The canonical body of the object that has, or had, that resourceVersion. */
  bodyAt(resourceVersion: string): string {
    for (const change of this.history) {
      if (change.type !== 'upsert' || change.object.resourceVersion !== resourceVersion) continue;
      return canonicalize(change.object.text ?? '', change.object.type).body;
    }
    throw new Error(`there was no object of resourceVersion ${resourceVersion}`);
  }

  #newUid(): string {
    this.#uids += 1;
    return `00000000-0000-4000-8000-${String(this.#uids).padStart(12, '0')}`;
  }
}
