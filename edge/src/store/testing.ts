import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { canonicalize, encodeBody, type KubeObject, objectKey, type Report, type ReportOutcome } from '@hawser/protocol';
import { pino } from 'pino';
import type { StorageKey } from '../api/storage.ts';
import { openStore } from './open.ts';
import type { EdgeStore, ResolvedOperation, StoreLimits } from './types.ts';

/** What the tests of this folder, and those of sync, share. */

export const CLUSTER = '00000000-0000-4000-8000-00000000c105';

export const silent = pino({ level: 'silent' });

export const clock = { now: () => new Date('2026-03-01T12:00:00.000Z') };

/** A folder that goes with the test. */
export function temporaryFolder(t: Pick<TestContext, 'after'>): string {
  const folder = mkdtempSync(join(tmpdir(), 'hawser-store-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

export function openTestStore(path: string, limits: Partial<StoreLimits> = {}): EdgeStore {
  const store = openStore({ path, logger: silent, clock, limits });
  store.bindCluster(CLUSTER);
  return store;
}

/** A store that is closed at the end of the test. */
export function testStore(t: Pick<TestContext, 'after'>, limits?: Partial<StoreLimits>): EdgeStore {
  const store = openTestStore(join(temporaryFolder(t), 'agent.db'), limits);
  t.after(() => store.close());
  return store;
}

export function storageKey(resource: string, name: string, namespace = 'default'): StorageKey {
  return { resource, namespace, name };
}

const KINDS: Readonly<Record<string, string>> = { pods: 'Pod', configmaps: 'ConfigMap', nodes: 'Node', events: 'Event' };

export function testObject(key: StorageKey, uid: string, fields: Readonly<Record<string, unknown>> = {}): KubeObject {
  const { resource, namespace, name } = key;
  const scope = namespace === '' ? {} : { namespace };
  const { metadata, ...rest } = fields;
  const extra = typeof metadata === 'object' ? metadata : {};
  return { apiVersion: 'v1', kind: KINDS[resource] ?? 'Lease', metadata: { name, ...scope, uid, ...extra }, ...rest };
}

export function upsert(key: StorageKey, resourceVersion: string, object: KubeObject): ResolvedOperation {
  const { body, version } = canonicalize(JSON.stringify({ ...object, metadata: { ...object.metadata, resourceVersion } }));
  return { key: keyText(key), change: { type: 'upsert', version, body: encodeBody(body) } };
}

export function touch(key: StorageKey, resourceVersion: string): ResolvedOperation {
  return { key: keyText(key), change: { type: 'touch', resourceVersion } };
}

export function removal(key: StorageKey, uid: string): ResolvedOperation {
  return { key: keyText(key), change: { type: 'delete', uid } };
}

export function keyText({ resource, namespace, name }: StorageKey) {
  return objectKey(resource, namespace, name);
}

export function create(store: EdgeStore, key: StorageKey, uid: string, fields?: Readonly<Record<string, unknown>>): KubeObject {
  return store.storage.commit({ type: 'create', key, object: testObject(key, uid, fields) });
}

/** A strategic merge patch of the status, as a kubelet sends it; the result is given as the local API would compute it. */
export function writeStatus(store: EdgeStore, key: StorageKey, status: Readonly<Record<string, unknown>>): KubeObject {
  const current = served(store, key);
  const { status: before } = current;
  const merged = { ...(typeof before === 'object' ? before : {}), ...status };
  return update(store, { ...current, status: merged }, key, 'status', {
    verb: 'patch',
    patchType: 'strategic',
    patch: { status },
  });
}

export function update(
  store: EdgeStore,
  object: KubeObject,
  key: StorageKey,
  subresource = '',
  intent: Extract<Parameters<EdgeStore['storage']['commit']>[0], { type: 'update' }>['intent'] = { verb: 'update' },
): KubeObject {
  const expectedRevision = Number(served(store, key).metadata.resourceVersion);
  return store.storage.commit({ type: 'update', key, expectedRevision, object, subresource, intent });
}

export function remove(store: EdgeStore, key: StorageKey, gracePeriodSeconds: number | undefined = 0): KubeObject {
  const { uid = '', resourceVersion } = served(store, key).metadata;
  const expectedRevision = Number(resourceVersion);
  return store.storage.commit({ type: 'delete', key, expectedRevision, expectedUid: uid, gracePeriodSeconds });
}

export function served(store: EdgeStore, key: StorageKey): KubeObject {
  const object = store.storage.get(key);
  if (object === undefined) throw new Error(`${keyText(key)} is not served`);
  return object;
}

/** The only report that may be sent now. */
export function onlyReport(store: EdgeStore): Report {
  const [report, ...others] = store.outbox.pending(10);
  if (report === undefined || others.length > 0) throw new Error(`${others.length + (report ? 1 : 0)} reports are pending`);
  return report;
}

export function applied(uid: string, resourceVersion: string | undefined, name = ''): ReportOutcome {
  return { type: 'applied', uid, resourceVersion, name };
}

export function refused(code: number, reason: string): ReportOutcome {
  return { type: 'refused', code, reason, message: `${reason} it is` };
}
