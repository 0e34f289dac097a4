import {
  type ApiResource,
  apiVersionOf,
  applyJsonPatch,
  applyMergePatch,
  applyStrategicMergePatch,
  type JsonObject,
  type JsonValue,
  type KubeObject,
  PatchError,
} from '@hawser/protocol';
import type { Identity } from '../policy.ts';
import { ApiError, badRequest, internal, invalid, quote } from '../status.ts';
import type { PatchType } from '../storage.ts';
import type { ApiContext, Target } from './context.ts';
import { decodeObject } from './decode.ts';
import type { WriteOptions } from './options.ts';
import { existing, replace, requireName } from './update.ts';
import { fromStored } from './views.ts';

/** @throws ApiError */
export function patch(
  context: ApiContext,
  identity: Identity,
  target: Target,
  patchType: PatchType,
  body: JsonValue,
  options: WriteOptions = {},
): KubeObject {
  const { resource } = target;
  const previous = existing(context, target);
  const shown = fromStored(resource, previous);
  const patched = decodePatched(resource, apply(target, patchType, toJson(shown), body));
  requireName(target, patched);
  const { uid, resourceVersion } = patched.metadata;
  if (uid !== undefined && uid !== previous.metadata.uid) {
    const message = `Invalid value: ${quote(uid)}: field is immutable`;
    const error = { reason: 'FieldValueInvalid', field: 'metadata.uid', message } as const;
    // The API server finds this twice, and says so.
    throw invalid(resource, target.name, [error, error]);
  }
  if (resourceVersion !== undefined && !/^[0-9]+$/.test(resourceVersion)) {
    throw internal(`strconv.ParseUint: parsing ${quote(resourceVersion.slice(0, 100))}: invalid syntax`);
  }
  return replace(context, identity, target, previous, patched, { verb: 'patch', patchType, patch: body }, options);
}

/** A patch whose result is no such object is at fault itself. @throws ApiError 422 */
function decodePatched(resource: ApiResource, value: JsonValue): KubeObject {
  try {
    return decodeObject(resource, value);
  } catch (cause) {
    if (!(cause instanceof ApiError)) throw cause;
    const shown = quote(JSON.stringify(value).slice(0, MAX_SHOWN_LENGTH));
    const message = `Invalid value: ${shown}: ${cause.message}`;
    throw invalid({ group: '', kind: '' }, '', [{ reason: 'FieldValueInvalid', field: 'patch', message }]);
  }
}

/** Characters of a patched object that an error repeats. */
const MAX_SHOWN_LENGTH = 2000;

function apply(target: Target, patchType: PatchType, current: JsonObject, body: JsonValue): JsonValue {
  const { resource } = target;
  try {
    switch (patchType) {
      case 'strategic':
        return applyStrategicMergePatch({ apiVersion: apiVersionOf(resource), kind: resource.kind }, current, body);
      case 'merge':
        return applyMergePatch(current, body);
      case 'json':
        return applyJsonPatch(current, body);
    }
  } catch (cause) {
    if (cause instanceof PatchError) throw refusal(cause);
    throw cause;
  }
}

function refusal(cause: PatchError): ApiError {
  switch (cause.code) {
    case 'BadPatch':
      return badRequest(`error decoding patch: ${cause.message}`, { cause });
    case 'Contradiction':
      return internal(cause.message, { cause });
    case 'Unprocessable':
      return new ApiError(422, 'Invalid', 'the server rejected our request due to an error in our request', {}, { cause });
  }
}

function toJson(object: KubeObject): JsonObject {
  return JSON.parse(JSON.stringify(object));
}
