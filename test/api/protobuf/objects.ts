import type { JsonObject, JsonValue } from '@hawser/protocol';
import fc from 'fast-check';
import { type Field, type Message, messageOfKind } from '../../../edge/src/api/protobuf/fields.ts';
import { Random } from '../../model/random.ts';

/** A field that may be left out is there once in so many times; the deeper, the rarer. */
const RARITY = 2;

const KINDS: readonly (readonly [apiVersion: string, kind: string])[] = [
  ['v1', 'Pod'],
  ['v1', 'Node'],
  ['v1', 'ConfigMap'],
  ['v1', 'Secret'],
  ['v1', 'Service'],
  ['v1', 'Event'],
  ['v1', 'PersistentVolume'],
  ['v1', 'PersistentVolumeClaim'],
  ['v1', 'Status'],
  ['v1', 'NodeList'],
  ['apps/v1', 'Deployment'],
  ['coordination.k8s.io/v1', 'Lease'],
  ['discovery.k8s.io/v1', 'EndpointSlice'],
  ['events.k8s.io/v1', 'Event'],
  ['policy/v1', 'Eviction'],
  ['policy/v1', 'PodDisruptionBudget'],
  ['storage.k8s.io/v1', 'CSINode'],
  ['storage.k8s.io/v1', 'VolumeAttachment'],
  ['authentication.k8s.io/v1', 'TokenRequest'],
  ['authorization.k8s.io/v1', 'SubjectAccessReview'],
  ['certificates.k8s.io/v1', 'CertificateSigningRequest'],
];

/**
 * Any object of a kind of the field table, as Go would write it in JSON: with what it shows empty, and without what it leaves out. Made from
 * a seed, since hundreds of draws for one object would take fast-check more memory than they are worth.
 */
export const objects: fc.Arbitrary<JsonObject> = fc.nat({ max: 0xffff_ffff }).map(objectOf);

function objectOf(seed: number): JsonObject {
  const random = new Random(seed);
  const [apiVersion, kind] = KINDS[random.integer(KINDS.length)] ?? ['v1', 'Pod'];
  const message = messageOfKind(apiVersion, kind);
  if (message === undefined) throw new Error(`the table lacks ${kind}`);
  return { kind, apiVersion, ...fieldsOf(message, random, 0) };
}

function fieldsOf(message: Message, random: Random, depth: number): JsonObject {
  const object: JsonObject = {};
  for (const field of message.fields) {
    if (field.inline && typeof field.type !== 'string') Object.assign(object, fieldsOf(field.type, random, depth));
    else {
      const value = fieldValue(field, random, depth);
      if (value !== undefined) object[field.name] = value;
    }
  }
  return object;
}

function fieldValue(field: Field, random: Random, depth: number): JsonValue | undefined {
  const { type, shape, pointer } = field;
  const absent = field.shown ? null : undefined;
  const isTime = typeof type !== 'string' && (type.form === 'time' || type.form === 'microTime');
  if ((shape !== 'single' || pointer || isTime) && !random.oneIn(RARITY + depth)) return absent;
  if (shape === 'list') return several(random, () => oneValue(type, random, depth + 1));
  if (shape === 'map') {
    const entries = several(random, () => `${JSON.stringify(text(random))}:${JSON.stringify(oneValue(type, random, depth + 1))}`);
    // Keys such as `__proto__` are members like all others.
    return JSON.parse(`{${entries.join(',')}}`);
  }
  const value = oneValue(type, random, depth + 1);
  const isEmpty = value === '' || value === 0 || value === false;
  return isEmpty && typeof type === 'string' && !pointer && !field.shown ? undefined : value;
}

function several<T>(random: Random, make: () => T): T[] {
  return Array.from({ length: 1 + random.integer(3) }, make);
}

const TEXTS = [
  '',
  'a',
  'a.b/c',
  '__proto__',
  'constructor',
  'ä\u{1f600}',
  '\uffff',
  '\u0000',
  'x'.repeat(300),
  'kube-system',
  '64Mi',
];
const NUMBERS = [0, 1, -1, 127, 128, 16_384, 2 ** 31 - 1, -(2 ** 31)];
const LONG_NUMBERS = [...NUMBERS, 2 ** 31, 2 ** 32, 2 ** 53 - 1, -(2 ** 53) + 1];

function text(random: Random): string {
  return `${random.pick(TEXTS)}${random.pick(TEXTS)}`;
}

function oneValue(type: Field['type'], random: Random, depth: number): JsonValue {
  switch (type) {
    case 's':
      return text(random);
    case 'b':
      return random.oneIn(2);
    case 'i':
      return random.pick(NUMBERS) ?? 0;
    case 'l':
      return random.pick(LONG_NUMBERS) ?? 0;
    case 'y':
      return Buffer.from(Array.from({ length: 1 + random.integer(5) }, () => random.integer(256))).toString('base64');
    default:
      return messageValue(type, random, depth);
  }
}

function messageValue(message: Message, random: Random, depth: number): JsonValue {
  switch (message.form) {
    case 'object':
      return fieldsOf(message, random, depth);
    case 'items':
      return several(random, () => text(random));
    case 'time':
      return `${wholeSeconds(random)}Z`;
    case 'microTime':
      return `${wholeSeconds(random)}.${String(random.integer(1_000_000)).padStart(6, '0')}Z`;
    case 'quantity':
      return random.pick(['0', '100m', '64Mi', '1e3', '1.5']) ?? '0';
    case 'intOrString':
      return random.oneIn(2) ? (random.pick(NUMBERS) ?? 0) : text(random);
    case 'json':
      return random.pick([{}, { 'f:metadata': { 'f:labels': { '.': {}, 'k:{"a":1}': [] } } }]) ?? {};
  }
}

/** From the year 1 to 9999. */
function wholeSeconds(random: Random): string {
  const seconds = -62_135_596_799 + Math.floor(random.next() * (253_402_300_799 + 62_135_596_799));
  return new Date(seconds * 1000).toISOString().slice(0, 19);
}
