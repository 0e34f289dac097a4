import { type ApiResource, apiVersionOf, isJsonObject, type JsonObject, type JsonValue, type KubeObject } from '@hawser/protocol';
import { badRequest, quote } from '../status.ts';

/**
 * Checks that a JSON value can be an object of that resource and gives it its type. apiVersion and kind may be missing: the
 * path decides. Only what the API itself reads is checked; everything else is kept as it is.
 * @throws ApiError 400 with the wording of the API server
 */
export function decodeObject(resource: ApiResource, value: JsonValue): KubeObject {
  const object: JsonObject = value === null ? {} : requireObject(resource, value, '');
  const { kind = resource.kind, apiVersion = apiVersionOf(resource), metadata = {}, ...fields } = object;
  requireKind(resource, apiVersion === '' ? apiVersionOf(resource) : apiVersion, kind === '' ? resource.kind : kind);
  const present = withoutNulls(fields);
  for (const field of STRING_DATA.get(resource.id) ?? []) requireData(resource, present, field);
  for (const path of MICRO_TIMES.get(resource.id) ?? []) requireMicroTime(resource, present, path);
  return {
    kind: resource.kind,
    apiVersion: apiVersionOf(resource),
    metadata: decodeMetadata(resource, metadata),
    ...present,
  };
}

/** Maps of strings beside metadata; empty ones are left out, as Go does. */
const STRING_DATA: ReadonlyMap<string, readonly string[]> = new Map([
  ['configmaps', ['data', 'binaryData']],
  ['secrets', ['data', 'stringData']],
]);

/** Times of kind MicroTime, which need exactly six decimals. */
const MICRO_TIMES: ReadonlyMap<string, readonly (readonly string[])[]> = new Map([
  ['events', [['eventTime'], ['series', 'lastObservedTime']]],
  ['events.k8s.io/events', [['eventTime'], ['series', 'lastObservedTime']]],
  [
    'coordination.k8s.io/leases',
    [
      ['spec', 'acquireTime'],
      ['spec', 'renewTime'],
    ],
  ],
]);

function requireData(resource: ApiResource, object: JsonObject, field: string): void {
  const map = object[field];
  if (map === undefined) return;
  if (!isJsonObject(map)) throw wrongType(resource, map, 'map[string]string', field);
  for (const value of Object.values(map)) if (value !== null) requireType(resource, value, 'string', field);
  if (Object.keys(map).length === 0) delete object[field];
}

function requireMicroTime(resource: ApiResource, object: JsonObject, path: readonly string[]): void {
  let value: JsonValue | undefined = object;
  for (const field of path) value = isJsonObject(value) ? value[field] : undefined;
  if (value === undefined || value === null) return;
  const text = String(value).slice(0, 100);
  if (/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}(Z|[+-]\d\d:\d\d)$/.test(text)) return;
  const layout = '2006-01-02T15:04:05.000000Z07:00';
  const start = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d/.exec(text)?.[0] ?? '';
  const [rest, expected] = start === '' ? [text, '2006'] : [text.slice(start.length), '.000000'];
  throw badRequest(
    `${resource.kind} in version ${quote(resource.version)} cannot be handled as a ${resource.kind}: ` +
      `parsing time ${quote(text)} as ${quote(layout)}: cannot parse ${quote(rest)} as ${quote(expected)}`,
  );
}

const STRING_FIELDS = [
  'name',
  'generateName',
  'namespace',
  'uid',
  'resourceVersion',
  'creationTimestamp',
  'deletionTimestamp',
] as const;
const STRING_MAPS = ['labels', 'annotations'] as const;
const NUMBER_FIELDS = ['generation', 'deletionGracePeriodSeconds'] as const;

function decodeMetadata(resource: ApiResource, value: JsonValue): KubeObject['metadata'] {
  const metadata: KubeObject['metadata'] = { ...requireObject(resource, value, 'metadata') };
  // Null is absent; so are the empty values that Go leaves out.
  for (const [field, content] of Object.entries(metadata)) {
    if (content === null || content === '') delete metadata[field];
  }
  for (const field of STRING_FIELDS) requireType(resource, metadata[field], 'string', `metadata.${field}`);
  for (const field of NUMBER_FIELDS) requireType(resource, metadata[field], 'number', `metadata.${field}`);
  for (const field of STRING_MAPS) requireStringMap(resource, metadata, field);
  const { finalizers, ownerReferences } = metadata;
  requireList(resource, finalizers, 'string', 'metadata.finalizers');
  requireList(resource, ownerReferences, 'object', 'metadata.ownerReferences');
  if (finalizers?.length === 0) delete metadata.finalizers;
  if (ownerReferences?.length === 0) delete metadata.ownerReferences;
  return metadata;
}

function requireKind(resource: ApiResource, apiVersion: JsonValue, kind: JsonValue): void {
  const expected = apiVersionOf(resource);
  if (kind === resource.kind && apiVersion === expected) return;
  const shownKind = String(kind).slice(0, 100);
  const shownVersion = String(apiVersion).slice(0, 100);
  if (apiVersion === expected) {
    throw badRequest(
      `${shownKind} in version ${quote(resource.version)} cannot be handled as a ${resource.kind}: ` +
        `converting (${resource.version}.${shownKind}) to (${goPackage(resource)}.${resource.kind}): unknown conversion`,
    );
  }
  const shortVersion = shownVersion.slice(shownVersion.indexOf('/') + 1);
  throw badRequest(
    `${shownKind} in version ${quote(shortVersion)} cannot be handled as a ${resource.kind}: no kind ${quote(shownKind)} ` +
      `is registered for version ${quote(shownVersion)} in scheme "pkg/runtime/scheme.go:111"`,
  );
}

function goPackage(resource: ApiResource): string {
  return resource.group === '' ? 'core' : (resource.group.split('.')[0] ?? '');
}

/** The refusal of a value of the wrong JSON type; `field` is the path below the object. */
export function wrongType(resource: ApiResource, value: unknown, expected: string, field: string): Error {
  const path = field === '' ? resource.kind : `${resource.kind}.${field}`;
  return badRequest(
    `${resource.kind} in version ${quote(resource.version)} cannot be handled as a ${resource.kind}: ` +
      `json: cannot unmarshal ${jsonType(value)} into Go struct field ${path} of type ${expected}`,
  );
}

function jsonType(value: unknown): string {
  if (Array.isArray(value)) return 'array';
  return typeof value === 'boolean' ? 'bool' : typeof value;
}

function requireObject(resource: ApiResource, value: JsonValue, field: string): JsonObject {
  if (value === null) return {};
  if (!isJsonObject(value)) throw wrongType(resource, value, goStruct(resource, field), field);
  return value;
}

function goStruct(resource: ApiResource, field: string): string {
  return field === 'metadata' ? 'v1.ObjectMeta' : `${resource.version}.${resource.kind}`;
}

function requireType(resource: ApiResource, value: unknown, type: 'string' | 'number' | 'object', field: string): void {
  const right = type === 'object' ? typeof value === 'object' && !Array.isArray(value) : typeof value === type;
  if (value !== undefined && !right) throw wrongType(resource, value, type === 'number' ? 'int64' : type, field);
}

function requireStringMap(resource: ApiResource, metadata: KubeObject['metadata'], field: 'labels' | 'annotations'): void {
  const map: unknown = metadata[field];
  if (map === undefined) return;
  if (typeof map !== 'object' || map === null || Array.isArray(map)) {
    throw wrongType(resource, map, 'map[string]string', `metadata.${field}`);
  }
  for (const value of Object.values(map)) requireType(resource, value, 'string', `metadata.${field}`);
  if (Object.keys(map).length === 0) delete metadata[field];
}

function requireList(resource: ApiResource, value: unknown, type: 'string' | 'object', field: string): void {
  if (value === undefined) return;
  if (!Array.isArray(value)) throw wrongType(resource, value, type === 'string' ? '[]string' : '[]v1.OwnerReference', field);
  for (const item of value) requireType(resource, item, type, field);
}

function withoutNulls(fields: JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== null));
}
