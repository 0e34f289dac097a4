import { type ApiResource, isJsonObject, type JsonValue, type KubeObject } from '@hawser/protocol';

export type FieldReader = (object: KubeObject) => string;
type FieldReaders = Readonly<Record<string, FieldReader>>;

/** The fields that a field selector may name for objects of that resource. */
export function fieldReaders(resource: ApiResource): FieldReaders {
  return BY_RESOURCE.get(resource.id) ?? COMMON;
}

/** Kinds without fields of their own refuse others with a wording that names the two that every kind has. */
export function hasOnlyCommonFields(resource: ApiResource): boolean {
  return !BY_RESOURCE.has(resource.id);
}

/** The value as a selector compares it: absent is "", booleans are words. */
function at(path: string): FieldReader {
  const segments = path.split('.');
  return (object) => {
    const value = dig(object, segments);
    return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean' ? String(value) : '';
  };
}

/** Booleans that are absent are false. */
function flag(path: string): FieldReader {
  const read = at(path);
  return (object) => read(object) || 'false';
}

/** The number 0 is left out of stored objects. */
function count(path: string): FieldReader {
  const read = at(path);
  return (object) => read(object) || '0';
}

function dig(value: unknown, segments: readonly string[]): unknown {
  let found = value;
  for (const segment of segments) {
    if (typeof found !== 'object' || found === null || !Object.hasOwn(found, segment)) return undefined;
    found = Reflect.get(found, segment);
  }
  return found;
}

function firstOf(...readers: FieldReader[]): FieldReader {
  return (object) => {
    for (const read of readers) {
      const value = read(object);
      if (value !== '') return value;
    }
    return '';
  };
}

const NAME: FieldReaders = { 'metadata.name': at('metadata.name') };
const COMMON: FieldReaders = { ...NAME, 'metadata.namespace': at('metadata.namespace') };

function paths(...names: string[]): FieldReaders {
  return Object.fromEntries(names.map((name) => [name, at(name)]));
}

const EVENT_OBJECT = ['kind', 'namespace', 'name', 'uid', 'apiVersion', 'resourceVersion', 'fieldPath'];

/** Stored events have the core form; events.k8s.io calls some fields otherwise. */
const EVENTS: FieldReaders = {
  ...COMMON,
  ...paths(...EVENT_OBJECT.map((field) => `involvedObject.${field}`), 'reason', 'type', 'reportingComponent'),
  reportingComponent: firstOf(at('reportingComponent'), at('source.component')),
  source: firstOf(at('source.component'), at('reportingComponent')),
};

const NEW_EVENTS: FieldReaders = {
  ...COMMON,
  ...paths('reason', 'type'),
  ...Object.fromEntries(EVENT_OBJECT.map((field) => [`regarding.${field}`, at(`involvedObject.${field}`)])),
  reportingController: firstOf(at('reportingComponent'), at('source.component')),
};

const BY_RESOURCE: ReadonlyMap<string, FieldReaders> = new Map([
  [
    'pods',
    {
      ...COMMON,
      ...paths('spec.nodeName', 'spec.restartPolicy', 'spec.schedulerName', 'spec.serviceAccountName', 'status.phase'),
      ...paths('status.podIP', 'status.nominatedNodeName'),
      'spec.hostNetwork': flag('spec.hostNetwork'),
      'status.podIPs': (object) => joinIps(dig(object, ['status', 'podIPs'])),
    },
  ],
  ['nodes', { ...NAME, 'spec.unschedulable': flag('spec.unschedulable') }],
  ['namespaces', { ...NAME, 'metadata.namespace': at('metadata.namespace'), 'status.phase': at('status.phase') }],
  ['secrets', { ...COMMON, type: at('type') }],
  ['services', { ...COMMON, ...paths('spec.clusterIP', 'spec.type') }],
  ['apps/replicasets', { ...COMMON, 'status.replicas': count('status.replicas') }],
  ['certificates.k8s.io/certificatesigningrequests', { ...NAME, 'spec.signerName': at('spec.signerName') }],
  ['events', EVENTS],
  ['events.k8s.io/events', NEW_EVENTS],
]);

function joinIps(ips: unknown): string {
  if (!Array.isArray(ips)) return '';
  const items: JsonValue[] = ips;
  return items.map((item) => (isJsonObject(item) && typeof item.ip === 'string' ? item.ip : '')).join(',');
}
