import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { canonicalize, DICTIONARIES, encodeBody } from '@hawser/protocol';
import { parseAllDocuments } from 'yaml';
import { DICTIONARY_FILE, dictionaryModule, dictionaryText } from './dictionary.ts';

const SHARED = join(import.meta.dirname, '..', '..', '..', 'shared');
/** What devices are sent. */
const KINDS = new Set([
  'Pod',
  'Node',
  'ConfigMap',
  'Secret',
  'Service',
  'Endpoints',
  'EndpointSlice',
  'Namespace',
  'ServiceAccount',
  'PersistentVolume',
  'PersistentVolumeClaim',
  'VolumeAttachment',
  'CSIDriver',
  'RuntimeClass',
]);

test('the dictionary in protocol/src/dictionary is the one that the samples make', () => {
  assert.equal(readFileSync(DICTIONARY_FILE, 'utf8'), dictionaryModule(), 'run npm run generate');
  assert.equal(DICTIONARIES.at(-1)?.bytes.toString(), dictionaryText());
});

test('the dictionary is small enough to be loaded for each body', () => {
  const size = Buffer.byteLength(dictionaryText());
  assert.ok(size > 8 * 1024 && size < 32 * 1024, `${size} bytes`);
});

test('an object that none of the samples is like is no larger with the dictionary than without', () => {
  const { body } = canonicalize(
    JSON.stringify({
      apiVersion: 'example.com/v1',
      kind: 'Thing',
      metadata: { name: 'x', uid: 'b5f2', resourceVersion: '1' },
      spec: { rows: Array.from({ length: 50 }, (_, n) => ({ width: n * n, colour: ['red', 'blue'][n % 2] })) },
    }),
  );
  assert.ok(encodeBody(body, DICTIONARIES[0]).bytes.length <= encodeBody(body).bytes.length);
});

for (const [folder, objectsOf] of [
  ['recordings', recorded],
  ['manifests', manifests],
] as const) {
  const path = join(SHARED, folder);
  test(`objects of ../shared/${folder} are smaller by a third at least`, { skip: !existsSync(path) }, (t) => {
    const sizes = new Map<string, { objects: number; plain: number; zstd: number; static: number }>();
    for (const [body, kind] of bodiesOf(path, objectsOf)) {
      for (const name of [kind, 'all']) {
        const size = sizes.get(name) ?? { objects: 0, plain: 0, zstd: 0, static: 0 };
        size.objects += 1;
        size.plain += Buffer.byteLength(body);
        size.zstd += encodeBody(body).bytes.length;
        size.static += encodeBody(body, DICTIONARIES[0]).bytes.length;
        sizes.set(name, size);
      }
    }
    for (const [name, { objects, plain, zstd, static: withDictionary }] of sizes) {
      const [a, b, c] = [plain, zstd, withDictionary].map((bytes) => Math.round(bytes / objects));
      t.diagnostic(`${objects} × ${name}: ${a} bytes, ${b} with Zstandard, ${c} with the dictionary`);
    }
    const all = sizes.get('all');
    assert.ok(all !== undefined && all.static < (all.zstd * 2) / 3);
  });
}

/** Each different canonical body below a folder, with its kind. */
function bodiesOf(path: string, objectsOf: (path: string) => Iterable<unknown>): Map<string, string> {
  const bodies = new Map<string, string>();
  for (const object of objectsOf(path)) visit(object, undefined, bodies);
  return bodies;
}

function* recorded(path: string): Generator<unknown> {
  for (const name of readdirSync(path)) if (name.endsWith('.json')) yield JSON.parse(readFileSync(join(path, name), 'utf8'));
}

function* manifests(path: string): Generator<unknown> {
  for (const name of readdirSync(path, { recursive: true, encoding: 'utf8' })) {
    if (!/\.ya?ml$/.test(name)) continue;
    const text = readFileSync(join(path, name), 'utf8');
    // A template is no manifest yet.
    if (text.includes('{{')) continue;
    for (const [index, document] of parseAllDocuments(text).entries()) {
      const uid = `20dc0f23-e580-43f0-8ad1-7cbbe9c7${String(index).padStart(4, '0')}`;
      yield withMetadata(document.toJS(), { uid, resourceVersion: '1', creationTimestamp: '2026-11-23T14:09:12Z' });
    }
  }
}

function withMetadata(object: unknown, fields: object): unknown {
  if (typeof object !== 'object' || object === null || !('metadata' in object)) return undefined;
  return { ...object, metadata: { namespace: 'default', ...Object(object.metadata), ...fields } };
}

/** Finds objects wherever they are in it; those of a list have the list's type. */
function visit(value: unknown, type: { apiVersion: string; kind: string } | undefined, bodies: Map<string, string>): void {
  if (typeof value === 'string' && value.startsWith('{"')) {
    const line = parsed(value);
    if (line !== undefined) visit(line, type, bodies);
    return;
  }
  if (typeof value !== 'object' || value === null) return;
  if (Array.isArray(value)) {
    for (const item of value) visit(item, type, bodies);
    return;
  }
  const { kind = type?.kind, apiVersion = type?.apiVersion, metadata } = value as Record<string, unknown>;
  const { uid, name, resourceVersion } = Object(metadata);
  if (typeof kind === 'string' && typeof apiVersion === 'string' && KINDS.has(kind) && uid && name && resourceVersion) {
    bodies.set(canonicalize(JSON.stringify(value), { apiVersion, kind }).body, kind);
  }
  const isList = typeof kind === 'string' && typeof apiVersion === 'string' && kind.endsWith('List');
  const itemType = isList ? { apiVersion: String(apiVersion), kind: String(kind).slice(0, -4) } : undefined;
  for (const [field, child] of Object.entries(value)) visit(child, field === 'items' ? itemType : undefined, bodies);
}

function parsed(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}
