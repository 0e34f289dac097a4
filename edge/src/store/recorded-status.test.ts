import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { it } from 'node:test';
import { applyStrategicMergePatch, type JsonObject, type KubeObject } from '@hawser/protocol';
import { toStored } from './patches.ts';
import { CLUSTER, onlyReport, served, storageKey, testStore, update, upsert } from './testing.ts';

/** What a stock kubelet and a real API server said to each other; beside the project's root. */
const RECORDING = join(import.meta.dirname, '../../../../shared/recordings/08-kubelet-json-2-pod-created-to-running.json');

interface Exchange {
  readonly request: { readonly method: string; readonly path: string; readonly body?: JsonObject };
  readonly response: { readonly status: number; readonly body?: KubeObject };
}

const skip = existsSync(RECORDING) ? false : `no recordings at ${RECORDING}`;

it('a kubelet’s recorded patches of one status, offline, become one that leads to the recorded status', { skip }, (t) => {
  const { exchanges }: { exchanges: Exchange[] } = JSON.parse(readFileSync(RECORDING, 'utf8'));
  const patches = exchanges.filter(({ request }) => request.method === 'PATCH' && request.path.endsWith('/pods/app/status'));
  const before = exchanges.find(
    ({ request, response }) => request.method === 'GET' && request.path.endsWith('/pods/app') && response.status === 200,
  );
  const start = before?.response.body;
  const last = patches.at(-1)?.response.body;
  assert.ok(start !== undefined && last !== undefined && patches.length >= 3);

  const store = testStore(t);
  const key = storageKey('pods', 'app', 'rec-edge');
  store.applyBatch(CLUSTER, [upsert(key, start.metadata.resourceVersion ?? '', start)]);
  for (const { request, response } of patches) {
    const current = served(store, key);
    const { status } = applyStrategicMergePatch({ apiVersion: 'v1', kind: 'Pod' }, toStored(current), request.body ?? {});
    update(store, { ...current, status }, key, 'status', { verb: 'patch', patchType: 'strategic', patch: request.body });
    assert.deepEqual(plain(served(store, key).status), plain(response.body?.status));
  }
  const { operation, uid, subresource } = onlyReport(store);
  assert.deepEqual({ uid, subresource, type: operation.type }, { uid: start.metadata.uid, subresource: 'status', type: 'patch' });
  const body: JsonObject = JSON.parse(operation.type === 'patch' ? operation.body : '{}');
  assert.deepEqual(Object.keys(body), ['status']);
  assert.deepEqual(
    plain(applyStrategicMergePatch({ apiVersion: 'v1', kind: 'Pod' }, toStored(start), body).status),
    plain(last.status),
  );
});

/** The API server writes times that are not set as null, which means the same as leaving them out. */
function plain(status: unknown): unknown {
  return JSON.parse(JSON.stringify(status), (_key, value) => value ?? undefined);
}
