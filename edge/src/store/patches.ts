import {
  applyStrategicMergePatch,
  diffStrategicMergePatch,
  isJsonObject,
  type JsonObject,
  type JsonValue,
  jsonEquals,
  type KubeObject,
  PatchError,
  restateStrategicMergePatch,
} from '@hawser/protocol';
import type { UpdateWrite } from '../api/storage.ts';
import { withWholeConditions } from './conditions.ts';
import { typeOf } from './row.ts';

/** The object as the store keeps it: a copy, without the resourceVersion that the local API added. */
export function toStored(object: KubeObject): JsonObject {
  const { resourceVersion: _local, ...metadata } = object.metadata;
  return JSON.parse(JSON.stringify({ ...object, metadata }));
}

/**
 * The strategic merge patch that stands for a write from here on; undefined when nothing changes.
 * Of a strategic patch the client's own words are kept where they say all that has changed. Every other write becomes the
 * difference: an update or a merge patch would overwrite lists whose other items belong to other writers, and a JSON patch
 * names positions that are others in the cloud. So a report never carries a local resourceVersion either.
 */
export function patchOf(
  before: JsonObject,
  after: JsonObject,
  intent: UpdateWrite['intent'] | undefined,
): JsonObject | undefined {
  const own = intent?.verb === 'patch' && intent.patchType === 'strategic' ? ownWords(intent.patch) : undefined;
  if (own === undefined || !jsonEquals(tryApply(before, own), after)) return differenceOf(before, after);
  return jsonEquals(before, after) ? undefined : withWholeConditions(own, after);
}

/** The least that leads from the one to the other, but for conditions, which are whole; undefined when they are equal. */
export function differenceOf(before: JsonObject, after: JsonObject): JsonObject | undefined {
  const patch = diffStrategicMergePatch(typeOf(before), before, after);
  return patch && withWholeConditions(patch, after);
}

/** The same, and all anew that `said` named: a patch that the cloud may have and whose answer was lost. */
export function restatementOf(before: JsonObject, after: JsonObject, said: JsonObject): JsonObject | undefined {
  const patch = restateStrategicMergePatch(typeOf(before), before, after, said);
  return patch && withWholeConditions(patch, after);
}

/** The client's patch without its preconditions, which hold for the local object only. */
function ownWords(patch: unknown): JsonObject | undefined {
  const copy: JsonValue = JSON.parse(JSON.stringify(patch ?? null));
  if (!isJsonObject(copy)) return undefined;
  const { metadata, ...rest } = copy;
  if (!isJsonObject(metadata)) return copy;
  const { uid: _uid, resourceVersion: _resourceVersion, ...kept } = metadata;
  return Object.keys(kept).length === 0 ? rest : { ...rest, metadata: kept };
}

function tryApply(before: JsonObject, patch: JsonObject): JsonObject | undefined {
  try {
    return applyStrategicMergePatch(typeOf(before), before, patch);
  } catch (error) {
    if (error instanceof PatchError) return undefined;
    throw error;
  }
}

/** Whether the write gives the object the deletionTimestamp that it did not have: the first half of a graceful delete. */
export function marksDeletion(before: JsonObject, after: JsonObject): boolean {
  return deletionTimestamp(before) === undefined && deletionTimestamp(after) !== undefined;
}

function deletionTimestamp({ metadata }: JsonObject): JsonValue | undefined {
  return isJsonObject(metadata) ? (metadata.deletionTimestamp ?? undefined) : undefined;
}
