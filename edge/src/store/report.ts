import { isJsonObject, type JsonObject, type JsonValue, type Report, type ReportOperation, resourceById } from '@hawser/protocol';
import { UNKNOWN_FIELDS, withoutUnknownFields } from '../api/protobuf/unknown.ts';
import type { StorageKey } from '../api/storage.ts';
import type { OpenWrite } from './row.ts';
import { parseStored } from './stored-json.ts';

/** Set by the API server alone (Kubernetes API conventions, "Metadata"); the device's own values mean nothing there. */
const SERVER_OWNED = [
  'uid',
  'resourceVersion',
  'generation',
  'creationTimestamp',
  'deletionTimestamp',
  'deletionGracePeriodSeconds',
  'managedFields',
  'selfLink',
];

/** Writes go in order per object, so that of all but a create the cloud's uid is known by then. */
export function reportOf(key: StorageKey, write: Omit<OpenWrite, 'answer'>): Report {
  return {
    number: write.number,
    ...key,
    uid: write.verb === 'create' ? undefined : write.uid,
    subresource: write.subresource,
    operation: operationOf(key, write),
  };
}

function operationOf(key: StorageKey, { verb, body }: Omit<OpenWrite, 'answer'>): ReportOperation {
  const value: JsonObject = body.includes(UNKNOWN_FIELDS) ? withoutUnknownFields(parseStored(body)) : parseStored(body);
  switch (verb) {
    case 'create':
      return { type: 'create', body: JSON.stringify(withoutServerOwned(value)) };
    case 'patch':
      // What is not in the table is defined by a CustomResourceDefinition, and those take no strategic patches. Without a type
      // in the table of merge keys the patch has no directives, so it is a merge patch as it stands.
      return {
        type: 'patch',
        patchType: resourceById(key.resource) === undefined ? 'merge' : 'strategic',
        body: JSON.stringify(withoutServerOwned(value)),
      };
    case 'mark':
      return {
        type: 'remove',
        gracePeriodSeconds: seconds(isJsonObject(value.metadata) ? value.metadata.deletionGracePeriodSeconds : undefined),
      };
    case 'delete':
      return { type: 'remove', gracePeriodSeconds: seconds(value.gracePeriodSeconds) };
  }
}

function withoutServerOwned(object: JsonObject): JsonObject {
  const { metadata, ...rest } = object;
  if (!isJsonObject(metadata)) return object;
  const kept = Object.fromEntries(Object.entries(metadata).filter(([field]) => !SERVER_OWNED.includes(field)));
  return Object.keys(kept).length === 0 ? rest : { ...rest, metadata: kept };
}

function seconds(value: JsonValue | undefined): number | undefined {
  return typeof value === 'number' ? value : undefined;
}
