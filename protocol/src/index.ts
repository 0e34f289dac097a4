export {
  AUTONOMY_ANNOTATION,
  annotationsOf,
  longerSpan,
  MAX_SPAN_SECONDS,
  mayBeEvicted,
  parseAutonomy,
  parseSpan,
  type Span,
  STOP_AFTER_ANNOTATION,
  TOLERATES_ANNOTATION,
  type Tolerance,
  toleranceOf,
  UNREACHABLE_TAINT,
} from './autonomy.ts';
export type { EncodedBody, EncodedDelta } from './body.ts';
export { applyDelta, decodeBody, encodeBody, encodeDelta, MAX_BODY_BYTES } from './body.ts';
export type { CanonicalObject, TypeMeta } from './canonical.ts';
export { bodyHash, canonicalize, parseCanonical } from './canonical.ts';
export { decodeAgentMessage, decodeRelayMessage, encodeAgentMessage, encodeRelayMessage, MAX_FRAME_BYTES } from './codec.ts';
export { type BlockedObject, type DeviceState, MAX_BLOCKED, MAX_OUTBOX_COUNTS } from './device-state.ts';
export type { StaticDictionary } from './dictionary/index.ts';
export { DICTIONARIES, dictionaryById } from './dictionary/index.ts';
export { Digest, digestEntry } from './digest.ts';
export type { ErrorCode } from './errors.ts';
export { HawserError } from './errors.ts';
export { timeIn } from './http-date.ts';
export { parseJson } from './json.ts';
export {
  type JsonObject,
  type JsonValue,
  type KubeObject,
  MIRROR_ANNOTATION,
  type ObjectMeta,
  type OwnerReference,
} from './kubernetes/object.ts';
export type { PatchErrorCode } from './kubernetes/patch/index.ts';
export {
  applyJsonPatch,
  applyMergePatch,
  applyStrategicMergePatch,
  diffMergePatch,
  diffStrategicMergePatch,
  isJsonObject,
  jsonEquals,
  MAX_JSON_DEPTH,
  PatchError,
  requireBoundedDepth,
  restateStrategicMergePatch,
} from './kubernetes/patch/index.ts';
export type { ApiResource } from './kubernetes/resources.ts';
export { API_RESOURCES, apiVersionOf, resourceById, resourceByKind, resourcePath } from './kubernetes/resources.ts';
export type * from './messages.ts';
export { PROTOCOL_VERSIONS } from './messages.ts';
export type { ObjectKey, ObjectKeyParts } from './objectkey.ts';
export { objectKey, parseObjectKey } from './objectkey.ts';
export type { QueryRule } from './queries.ts';
export { MAX_OPEN_QUERIES, MAX_QUERY_MS, PASSED_SIGNER, QUERY_TABLE, queryRule } from './queries.ts';
export { isRelayUrl, MAX_RELAYS } from './relay-address.ts';
export * from './trust/index.ts';
export { MAX_BATCH_BODY_BYTES, unpackedBytes } from './unpacked.ts';
export type { Version } from './version.ts';
export { compareResourceVersions, isResourceVersion, sameVersion } from './version.ts';
