import {
  applyDelta,
  bodyHash,
  decodeBody,
  type ErrorCode,
  HawserError,
  type NackReason,
  type OperationChange,
  objectKey,
  parseCanonical,
  parseObjectKey,
  resourceById,
  type Version,
} from '@hawser/protocol';
import type { StorageKey } from '../api/storage.ts';
import type { HeldSet } from './held-set.ts';
import type { Objects } from './objects.ts';
import { type CloudObject, nextProvisional, type Row, takesOver } from './row.ts';
import type { OperationNack, ResolvedOperation } from './types.ts';

/** Characters of a nack's detail: it is for a person, and crosses the link. */
const MAX_DETAIL = 200;

const REASONS: { readonly [Code in ErrorCode]?: NackReason } = { too_large: 'tooLarge', unsupported: 'unsupported' };

type Refusal = Omit<OperationNack, 'operation'>;

/** The cloud's operations on the set, within a transaction. What cannot be taken is counted in the digest all the same. */
export class BatchApplier {
  readonly #objects: Objects;
  readonly #held: HeldSet;

  constructor(objects: Objects, held: HeldSet) {
    this.#objects = objects;
    this.#held = held;
  }

  apply(operations: readonly ResolvedOperation[]): OperationNack[] {
    return operations.flatMap(({ key, change }, operation) => {
      const { resource, namespace, name } = parseObjectKey(key);
      const refusal = this.#applyOne({ resource, namespace, name }, change);
      return refusal === undefined ? [] : [{ operation, ...refusal }];
    });
  }

  #applyOne(key: StorageKey, change: OperationChange): Refusal | undefined {
    switch (change.type) {
      case 'upsert':
        return this.#upsert(key, change);
      case 'upsertDelta':
        return this.#upsertDelta(key, change);
      case 'touch':
        return this.#touch(key, change.resourceVersion);
      case 'delete':
        return this.#delete(key, change.uid);
    }
  }

  #upsert(key: StorageKey, change: Extract<OperationChange, { type: 'upsert' }>): Refusal | undefined {
    const row = this.#objects.rows.ensure(key);
    return this.#take(
      row,
      change.version,
      readBody(key, change.version, () => decodeBody(change.body)),
    );
  }

  #take(row: Row, version: Version, read: string | Refusal): Refusal | undefined {
    if (typeof read !== 'string') {
      this.#refuse(row, version, read);
      return read;
    }
    this.#put(row, { version, body: read, refused: undefined });
    return undefined;
  }

  /**
   * A delta that cannot be applied leaves everything as it was, the digest too: the relay then sends the same object whole. Only
   * one that leads to the right body is judged as a whole object is.
   */
  #upsertDelta(key: StorageKey, change: Extract<OperationChange, { type: 'upsertDelta' }>): Refusal | undefined {
    const row = this.#objects.rows.find(key);
    if (row?.cloud === undefined) return refuse('baseUnknown', 'object is not held');
    const base = baseOf(row.cloud, change.baseHash);
    if (typeof base !== 'string') return base;
    const { resourceVersion, hash } = change;
    const body = follow(base, change);
    if (typeof body !== 'string') return body;
    const version = { uid: row.cloud.version.uid, resourceVersion, hash };
    return this.#take(
      row,
      version,
      readBody(key, version, () => body),
    );
  }

  #touch(key: StorageKey, resourceVersion: string): Refusal | undefined {
    const row = this.#objects.rows.find(key);
    if (row?.cloud === undefined) return refuse('baseUnknown', 'touch of an object that is not held');
    const { cloud } = row;
    this.#count(row, { ...cloud.version, resourceVersion });
    this.#objects.rows.setResourceVersion(row.id, resourceVersion);
    if (cloud.refused !== undefined) return refuse('baseUnknown', 'touch of a version that was refused');
    if (row.writes.length > 0) this.#objects.refresh(row.id);
    return undefined;
  }

  /** By uid: what was deleted is not there, and its successor is none of this operation's business. */
  #delete(key: StorageKey, uid: string): undefined {
    const row = this.#objects.rows.find(key);
    if (row?.cloud?.version.uid !== uid) return;
    this.#held.remove(row.id);
    this.#objects.rows.setCloud(row, undefined);
    this.#objects.refresh(row.id);
  }

  /** The version counts, so that both sides agree on what was sent; what is served stays, if it is the same object. */
  #refuse(row: Row, version: Version, { reason, detail }: Refusal): void {
    const body = row.cloud?.version.uid === version.uid ? row.cloud.body : undefined;
    this.#put(row, { version, body, refused: `${reason}: ${detail}` });
  }

  #put(row: Row, cloud: CloudObject): void {
    const { uid } = cloud.version;
    this.#count(row, cloud.version);
    this.#objects.rows.setCloud(row, cloud);
    const own = cloud.body === undefined || !takesOver(row, uid) ? undefined : row.provisionalUid;
    if (own === undefined) {
      this.#objects.refresh(row.id);
      return;
    }
    this.#objects.rows.setProvisionalUid(row.id, nextProvisional(row.writes, own));
    this.#objects.replaceUid(own, uid);
    this.#objects.refresh(row.id, 'renamed');
  }

  #count(row: Row, version: Version): void {
    const { resource, namespace, name } = row.key;
    this.#held.put(row.id, objectKey(resource, namespace, name), version);
  }
}

/**
 * The body to which a delta is applied. Its text is hashed anew: a row that was damaged on disk would lead to something else.
 */
function baseOf({ version, body, refused }: CloudObject, baseHash: string): string | Refusal {
  if (body === undefined || refused !== undefined) return refuse('baseUnknown', 'no body of the version is held');
  if (version.hash !== baseHash) return refuse('baseUnknown', `the body that is held is ${version.hash}`);
  const actual = bodyHash(body);
  return actual === baseHash ? body : refuse('baseUnknown', `the body that is held has hash ${actual}`);
}

/** What the delta leads to, if that is what the relay meant: a Zstandard frame may unpack to anything without an error. */
function follow(base: string, change: Extract<OperationChange, { type: 'upsertDelta' }>): string | Refusal {
  try {
    const body = applyDelta(base, change);
    return bodyHash(body) === change.hash ? body : refuse('hashMismatch', `delta leads to hash ${bodyHash(body)}`);
  } catch (error) {
    if (!(error instanceof HawserError)) throw error;
    return refuse('hashMismatch', `delta leads nowhere: ${error.message}`);
  }
}

/** The canonical body, or why it cannot be taken. */
function readBody(key: StorageKey, version: Version, read: () => string): string | Refusal {
  try {
    const text = read();
    if (bodyHash(text) !== version.hash) return refuse('hashMismatch', `body has hash ${bodyHash(text)}`);
    const { kind, metadata } = parseCanonical(text, version.resourceVersion);
    const expected = resourceById(key.resource)?.kind ?? kind;
    if (kind !== expected) return refuse('malformed', `body is a ${kind}`);
    const { name, namespace = '', uid } = metadata;
    if (name !== key.name || namespace !== key.namespace) return refuse('malformed', `body is of ${namespace}/${name}`);
    return uid === version.uid ? text : refuse('malformed', `body has uid ${uid}`);
  } catch (error) {
    if (!(error instanceof HawserError)) throw error;
    return refuse(REASONS[error.code] ?? 'malformed', error.message);
  }
}

function refuse(reason: NackReason, detail: string): Refusal {
  return { reason, detail: detail.slice(0, MAX_DETAIL) };
}
