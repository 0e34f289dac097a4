export type { PatchErrorCode } from './error.ts';
export { PatchError } from './error.ts';
export { isJsonObject, jsonEquals, MAX_JSON_DEPTH, requireBoundedDepth } from './json.ts';
export { applyJsonPatch } from './json-patch.ts';
export { applyMergePatch, diffMergePatch } from './merge-patch.ts';
export { applyStrategicMergePatch } from './strategic.ts';
export { diffStrategicMergePatch } from './strategic-diff.ts';
export { restateStrategicMergePatch } from './strategic-restate.ts';
