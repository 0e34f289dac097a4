import { applyStrategicMergePatch, compareResourceVersions, type JsonObject, PatchError, type Version } from '@hawser/protocol';
import type { StorageKey } from '../api/storage.ts';
import { parseStored } from './stored-json.ts';
import type { WriteVerb } from './types.ts';

/**
 * One object on the device: the cloud's last state of it, untouched, and apart from it what the device has written since.
 * The functions here are the rules of what follows from the two; nothing in this file reads or writes the database.
 */
export interface Row {
  readonly id: number;
  readonly key: StorageKey;
  /** Undefined for what the cloud has not sent, or has deleted. */
  readonly cloud: CloudObject | undefined;
  /** The uid that the device gave to the oldest object of its own whose uid in the cloud is not known. */
  readonly provisionalUid: string | undefined;
  /** In the order in which they were made. Answered ones come before unanswered ones. */
  readonly writes: readonly OpenWrite[];
  /** The change that the local API serves now; undefined when there is nothing to serve. */
  readonly revision: number | undefined;
}

export interface CloudObject {
  readonly version: Version;
  /** Canonical body. Of a refused version the last good one of the same uid, so that an error never takes an object away. */
  readonly body: string | undefined;
  /** Why the version could not be taken; undefined for one that was. */
  readonly refused: string | undefined;
}

/**
 * - state: patches; those that wait become one
 * - entry: each is delivered
 * - local: never told to the cloud: the removal of a Node that the cloud has lost
 */
export type WriteClass = 'state' | 'entry' | 'local';

export interface OpenWrite {
  /** Also the number of its report. */
  readonly number: number;
  readonly class: WriteClass;
  readonly verb: WriteVerb;
  readonly subresource: string;
  /** The uid of the object that was written; a provisional one until the cloud's is known. */
  readonly uid: string;
  /** JSON: of create the object, of patch and mark the strategic merge patch, of delete its options. */
  readonly body: string;
  /** RFC 3339. */
  readonly time: string;
  readonly answer: WriteAnswer;
}

/** `resourceVersion` is the object's after the write; undefined when the write removed it. */
export type WriteAnswer =
  | { readonly state: 'waiting' }
  | { readonly state: 'applied'; readonly resourceVersion: string | undefined };

/** What the local API serves: the cloud's object with the open writes on top. Without resourceVersion. */
export function fold(cloud: CloudObject | undefined, writes: readonly OpenWrite[]): JsonObject | undefined {
  let object: JsonObject | undefined = cloud?.body === undefined ? undefined : parseStored(cloud.body);
  for (const write of writes) object = applyWrite(object, write);
  return object;
}

function applyWrite(object: JsonObject | undefined, write: OpenWrite): JsonObject | undefined {
  // The cloud's object takes over from one that was born here under the same name.
  if (write.verb === 'create') return object ?? parseStored(write.body);
  // What was written to a predecessor does not touch its successor.
  if (object === undefined || uidOf(object) !== write.uid) return object;
  return write.verb === 'delete' ? undefined : applyPatch(object, parseStored(write.body));
}

/** A patch that no longer fits the cloud's object is left out of what is served: the cloud will refuse it for the same reason. */
export function applyPatch(object: JsonObject, patch: JsonObject): JsonObject {
  try {
    return applyStrategicMergePatch(typeOf(object), object, patch);
  } catch (error) {
    if (error instanceof PatchError) return object;
    throw error;
  }
}

/**
 * The numbers of the writes that have ended: the cloud's object is at or past the version that the answer named, or nothing is
 * left that the write could be seen in.
 */
export function endedWrites({ cloud, writes }: Pick<Row, 'cloud' | 'writes'>): number[] {
  return writes.filter((write, index) => hasEnded(write, cloud, writes, index)).map(({ number }) => number);
}

function hasEnded(write: OpenWrite, cloud: CloudObject | undefined, writes: readonly OpenWrite[], index: number): boolean {
  // Waits for no answer: it lasts as long as its object.
  if (write.class === 'local') return cloud?.version.uid !== write.uid;
  if (write.answer.state === 'waiting') return false;
  if (cloud?.version.uid === write.uid) {
    // A refused version has not arrived; a write that removed the object ends with the cloud's delete.
    const { resourceVersion } = write.answer;
    return (
      cloud.refused === undefined &&
      resourceVersion !== undefined &&
      compareResourceVersions(cloud.version.resourceVersion, resourceVersion) >= 0
    );
  }
  // The object came and went before the cloud's state of it was ever here.
  if (writes.some(({ verb, uid, answer }) => verb === 'delete' && uid === write.uid && answer.state === 'applied')) return true;
  const earlier = writes.slice(0, index);
  const removed = (uid: string) => earlier.some((other) => other.verb === 'delete' && other.uid === uid);
  // Another object is there now. It is the older one only if it was deleted here before this write was made.
  if (cloud !== undefined && !removed(cloud.version.uid)) return true;
  if (write.verb === 'create') return false;
  return !earlier.some((other) => other.verb === 'create' && other.uid === write.uid);
}

/** Whether an object of the cloud that arrives under this key is the one that was made here and is not answered yet. */
export function takesOver(row: Pick<Row, 'provisionalUid' | 'writes'>, uid: string): boolean {
  return row.provisionalUid !== undefined && !row.writes.some((write) => write.verb === 'delete' && write.uid === uid);
}

/** The next one to be named after the object with that uid has been: the device may have deleted it and made another. */
export function nextProvisional(writes: readonly OpenWrite[], named: string): string | undefined {
  return writes.find(({ verb, uid, answer }) => verb === 'create' && answer.state === 'waiting' && uid !== named)?.uid;
}

export function uidOf(object: JsonObject): string | undefined {
  const { metadata } = object;
  const uid = typeof metadata === 'object' && metadata !== null && !Array.isArray(metadata) ? metadata.uid : undefined;
  return typeof uid === 'string' ? uid : undefined;
}

export function typeOf(object: JsonObject): { readonly apiVersion: string; readonly kind: string } {
  return { apiVersion: String(object.apiVersion), kind: String(object.kind) };
}
