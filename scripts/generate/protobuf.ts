/**
 * Writes edge/src/api/protobuf/table.ts (`npm run generate`), the fields of the messages that the local API speaks in Protocol Buffers,
 * from a description of Kubernetes' API types and the facts of protobuf/presence.ts:
 *
 *   node scripts/generate/protobuf.ts [PATH/types.json [OUTPUT]]
 *
 * types.json maps message → JSON field → { n: number, t: type or map: type of values, repeated?, inline? }. Without it nothing is
 * written, and that is said: the table is committed.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { API_RESOURCES } from '@hawser/protocol';
import * as v from 'valibot';
import { POINTERS, SHOWN_EMPTY, VALUES } from './protobuf/presence.ts';

const ROOT = join(import.meta.dirname, '../..');
const TYPES_FILE = join(ROOT, '../shared/kubernetes-types/types.json');
const TABLE_FILE = join(ROOT, 'edge/src/api/protobuf/table.ts');

const Field = v.object({
  n: v.number(),
  t: v.optional(v.string()),
  map: v.optional(v.string()),
  repeated: v.optional(v.boolean()),
  inline: v.optional(v.boolean()),
});
const Types = v.record(v.string(), v.record(v.string(), Field));
type Field = v.InferOutput<typeof Field>;
type Types = v.InferOutput<typeof Types>;

/** What clients send or are sent beside the stored kinds and their lists. */
const OTHER_MESSAGES: readonly string[] = [
  ...['Binding', 'Namespace'].map((kind) => `core.v1.${kind}`),
  'policy.v1.Eviction',
  ...['TokenRequest', 'TokenReview', 'SelfSubjectReview'].map((kind) => `authentication.v1.${kind}`),
  ...['SubjectAccessReview', 'SelfSubjectAccessReview', 'LocalSubjectAccessReview', 'SelfSubjectRulesReview'].map(
    (kind) => `authorization.v1.${kind}`,
  ),
  ...['Status', 'DeleteOptions', 'PartialObjectMetadata', 'PartialObjectMetadataList'].map((kind) => `meta.v1.${kind}`),
  ...['APIGroup', 'APIGroupList', 'APIResourceList', 'APIVersions'].map((kind) => `meta.v1.${kind}`),
];

/**
 * Messages that the description lacks. A kubelet deletes the ResourceSlices of its node at each start, and is answered with their list, which
 * has none where nothing drives devices; what is in one is told in JSON.
 */
const UNDESCRIBED: Types = {
  'resource.v1.ResourceSliceList': {
    metadata: { n: 1, t: 'meta.v1.ListMeta' },
    items: { n: 2, t: 'meta.v1.PartialObjectMetadata', repeated: true },
  },
};

const SCALARS: ReadonlyMap<string, string> = new Map([
  ['string', 's'],
  ['int32', 'i'],
  ['int64', 'l'],
  ['bool', 'b'],
  ['bytes', 'y'],
]);

/** The module with the table. */
export function protobufTable(file: string): string {
  const types = { ...shortNamed(v.parse(Types, JSON.parse(readFileSync(file, 'utf8')))), ...UNDESCRIBED };
  const lines = reachable(types, roots(types))
    .sort()
    .map((name) => lineOf(name, types));
  return `// Made by scripts/generate/protobuf.ts. Do not edit.

/**
 * One message in a line: its name, then its fields in the order of their numbers, as \`NAME=NUMBER MARKS TYPE\` without the blanks. Marks: \`*\` Go keeps
 * it as a pointer, \`[\` list, \`{\` map from strings, \`^\` its fields stand in this message in JSON, \`!\` JSON shows it when it is empty. Types: string,
 * int32, int64, bool and bytes as s, i, l, b and y; messages by name, those of the same package without it.
 */
export const FIELD_TABLE = \`
${lines.join('\n')}
\`;
`;
}

/** \`core.v1.Pod\`, \`meta.v1.ObjectMeta\`, \`resource.Quantity\`. */
function shortName(type: string): string {
  return type.replace(/^api\.|^apimachinery\.pkg\.(apis\.|api\.|util\.)?/, '');
}

function shortNamed(types: Types): Types {
  const rename = (type: string | undefined) => (type === undefined ? undefined : SCALARS.has(type) ? type : shortName(type));
  return Object.fromEntries(
    Object.entries(types).map(([name, fields]) => [
      shortName(name),
      Object.fromEntries(Object.entries(fields).map(([field, is]) => [field, { ...is, t: rename(is.t), map: rename(is.map) }])),
    ]),
  );
}

function roots(types: Types): string[] {
  const kinds = API_RESOURCES.flatMap(({ group, version, kind }) => {
    const name = `${group === '' ? 'core' : group.split('.')[0]}.${version}.${kind}`;
    return [name, `${name}List`];
  });
  return [...kinds, ...OTHER_MESSAGES, ...Object.keys(UNDESCRIBED)].filter((name) => types[name] !== undefined);
}

function reachable(types: Types, from: readonly string[]): string[] {
  const found = new Set<string>();
  const waiting = [...from];
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    if (found.has(next)) continue;
    found.add(next);
    for (const { t, map } of Object.values(types[next] ?? {})) {
      for (const type of [t, map]) if (type !== undefined && !SCALARS.has(type)) waiting.push(type);
    }
  }
  return [...found];
}

function lineOf(name: string, types: Types): string {
  const fields = Object.entries(types[name] ?? {}).sort(([, a], [, b]) => a.n - b.n);
  return [name, ...fields.map(([field, is]) => `${field}=${is.n}${marksOf(name, field, is)}${typeOf(name, is)}`)].join(' ');
}

function marksOf(message: string, field: string, { t, map, repeated, inline }: Field): string {
  const shown = listed(SHOWN_EMPTY, message, field) ? '!' : '';
  if (map !== undefined) return `{${shown}`;
  if (repeated === true) return `[${shown}`;
  if (inline === true) return '^';
  const value = SCALARS.has(t ?? '')
    ? !listed(POINTERS, message, field)
    : ['metadata', 'spec', 'status'].includes(field) || listed(VALUES, message, field);
  return `${value ? '' : '*'}${shown}`;
}

function listed(facts: Readonly<Record<string, string>>, message: string, field: string): boolean {
  return facts[message]?.split(' ').includes(field) ?? false;
}

function typeOf(message: string, { t, map }: Field): string {
  const type = map ?? t ?? '';
  const scalar = SCALARS.get(type);
  if (scalar !== undefined) return scalar;
  const own = message.slice(0, message.lastIndexOf('.') + 1);
  return type.startsWith(own) ? type.slice(own.length) : type;
}

if (import.meta.main) {
  const types = process.argv[2] ?? TYPES_FILE;
  if (existsSync(types)) {
    writeFileSync(process.argv[3] ?? TABLE_FILE, protobufTable(types));
    console.error('edge/src/api/protobuf/table.ts is made anew');
  } else {
    console.error(`no ${types}: edge/src/api/protobuf/table.ts stays as it is`);
  }
}
