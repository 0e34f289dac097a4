import { isJsonObject, type JsonObject, type JsonValue } from '@hawser/protocol';

/** A change of these alone says that somebody is alive, and nothing about the condition. */
const SIGNS_OF_LIFE: ReadonlySet<string> = new Set(['type', 'lastHeartbeatTime', 'lastProbeTime']);

/**
 * The same patch, with each condition of the status whole that it changes in more than a sign of life. A condition is one statement:
 * status, reason and the time of its transition belong together. Where the cloud overwrites one while the link is down (a node
 * controller sets Ready to Unknown), a difference to what the device knew, such as a new time alone, would make a condition of the two
 * that nobody has stated. A sign of life stays as small as it is: it comes every few minutes.
 * @param after what the patch leads to
 */
export function withWholeConditions(patch: JsonObject, after: JsonObject): JsonObject {
  const { status } = patch;
  const stated = isJsonObject(after.status) ? after.status.conditions : undefined;
  if (!isJsonObject(status) || !Array.isArray(status.conditions) || !Array.isArray(stated)) return patch;
  const conditions = status.conditions.map((change) => whole(change, stated));
  return { ...patch, status: { ...status, conditions } };
}

/** A null of the change stays: it takes a field away. */
function whole(change: JsonValue, stated: readonly JsonValue[]): JsonValue {
  if (!isJsonObject(change) || change.$patch !== undefined) return change;
  if (Object.keys(change).every((field) => SIGNS_OF_LIFE.has(field))) return change;
  const condition = stated.find((other) => isJsonObject(other) && other.type === change.type);
  return isJsonObject(condition) ? { ...change, ...condition } : change;
}
