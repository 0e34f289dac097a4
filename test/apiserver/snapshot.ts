import { randomUUID } from 'node:crypto';
import { readFile, rename, rm, writeFile } from 'node:fs/promises';
import type { KubeObject } from '@hawser/protocol';
import * as v from 'valibot';
import { STORED_BY_CLUSTER } from './cluster-resources.ts';
import { MemoryStorage } from './memory-storage.ts';

const SnapshotSchema = v.object({
  format: v.literal('embedded-apiserver/1'),
  revision: v.pipe(v.number(), v.integer(), v.minValue(1)),
  objects: v.array(
    v.object({
      resource: v.string(),
      object: v.looseObject({
        apiVersion: v.string(),
        kind: v.string(),
        metadata: v.looseObject({ name: v.string(), namespace: v.optional(v.string()), resourceVersion: v.string() }),
      }),
    }),
  ),
});

/**
 * Writes all objects with their uids and revisions into one file (mode 0600), atomically. For tests that restart the server:
 * what was written after the last snapshot is lost with the process.
 */
export async function writeSnapshot(storage: MemoryStorage, file: string): Promise<void> {
  const objects = STORED_BY_CLUSTER.flatMap(({ id }) => storage.list(id).map((object) => ({ resource: id, object })));
  const text = JSON.stringify({ format: 'embedded-apiserver/1', revision: storage.revision(), objects });
  const temporary = `${file}.${randomUUID()}`;
  try {
    await writeFile(temporary, text, { mode: 0o600 });
    await rename(temporary, file);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}

/**
 * The storage of a snapshot, at its revision; an empty one when there is no such file. Changes before it are unknown to it, as to
 * the watch cache of an API server that has just started.
 * @throws when the file is no snapshot
 */
export async function readSnapshot(file: string): Promise<MemoryStorage> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return new MemoryStorage();
    throw error;
  }
  const parsed = v.safeParse(SnapshotSchema, parseJson(text));
  if (!parsed.success) throw new Error(`${file} is no snapshot of an embedded API server; it was left as it is`);
  const { revision, objects } = parsed.output;
  return new MemoryStorage({
    startRevision: revision,
    objects: objects.map(({ resource, object }) => ({
      key: { resource, namespace: object.metadata.namespace ?? '', name: object.metadata.name },
      object: withoutUndefinedNamespace(object),
    })),
  });
}

type SnapshotObject = v.InferOutput<typeof SnapshotSchema>['objects'][number]['object'];

function withoutUndefinedNamespace(object: SnapshotObject): KubeObject {
  const { namespace, ...metadata } = object.metadata;
  return { ...object, metadata: namespace === undefined ? metadata : { ...metadata, namespace } };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
