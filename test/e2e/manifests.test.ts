import assert from 'node:assert/strict';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { KubeObject } from '@hawser/protocol';
import { loadManifests } from '../../scripts/demo/manifests.ts';
import { ROOT } from '../support/processes.ts';
import { until } from '../support/until.ts';
import { configMap, fleetFor, nodeReady, secret } from './harness.ts';

const MANIFESTS = join(ROOT, '..', 'shared', 'manifests');

function yamlFiles(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.yaml'))
    .map((file) => join(folder, file))
    .sort();
}

test('every Deployment and DaemonSet of real projects, as a pod on the device, has all that it refers to there', {
  timeout: 360_000,
  skip: existsSync(MANIFESTS) ? false : `no manifests in ${MANIFESTS}`,
}, async (t) => {
  const workloads = yamlFiles(MANIFESTS)
    .flatMap((file) => loadManifests([file]))
    .filter(({ kind }) => kind === 'Deployment' || kind === 'DaemonSet');
  assert.ok(workloads.length >= 10, `${workloads.length} workloads`);
  const fleet = await fleetFor(t, { agents: ['edge-1'] });
  const [device] = fleet.agents;
  assert.ok(device);
  await nodeReady(fleet.kube, 'edge-1');

  const expected = new Set<string>();
  for (const workload of workloads) {
    const pod = podFrom(workload);
    const namespace = pod.metadata.namespace ?? 'default';
    await fleet.kube.apply({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } });
    for (const [key, entries] of referencesIn(pod.spec)) {
      const [resource, name = ''] = key.split('/');
      await fleet.kube.apply(resource === 'configmaps' ? configMap(name, entries, namespace) : secret(name, entries, namespace));
      expected.add(`${resource}/${namespace}/${name}`);
    }
    const account = (pod.spec as { serviceAccountName?: string }).serviceAccountName;
    if (account !== undefined)
      await fleet.kube.apply({ apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: account, namespace } });
    await fleet.kube.create(pod);
    expected.add(`pods/${namespace}/${pod.metadata.name}`);
  }
  t.diagnostic(`${workloads.length} workloads, ${expected.size} objects expected on the device`);

  await until('all of them on the device', 60_000, undefined, async () => {
    const held = new Set<string>();
    for (const resource of ['pods', 'configmaps', 'secrets']) {
      for (const { metadata } of await device.local.list(resource))
        held.add(`${resource}/${metadata.namespace}/${metadata.name}`);
    }
    const missing = [...expected].filter((key) => !held.has(key));
    assert.deepEqual(missing, []);
    return true;
  });
  const pods = await fleet.kube.list('pods');
  await until('no pod stays Pending', 60_000, undefined, async () => {
    const phases = await Promise.all(
      pods.map(
        async ({ metadata }) =>
          (await fleet.kube.get('pods', metadata.namespace ?? '', metadata.name ?? ''))?.status as { phase?: string },
      ),
    );
    const waiting = pods.flatMap(({ metadata }, index) =>
      phases[index]?.phase === 'Running' ? [] : [`${metadata.name}: ${JSON.stringify(phases[index])}`],
    );
    assert.deepEqual(waiting, []);
    return true;
  });
});

/** What a controller and the scheduler make of a workload. */
function podFrom(workload: KubeObject): KubeObject {
  const { template } = workload.spec as { template: { metadata?: { labels?: Record<string, string> }; spec: object } };
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name: `${workload.metadata.name}-0`,
      namespace: workload.metadata.namespace ?? 'default',
      ...(template.metadata?.labels === undefined ? {} : { labels: template.metadata.labels }),
    },
    spec: { ...template.spec, nodeName: 'edge-1' },
  };
}

/** Where a name below one of these fields is that of a ConfigMap or Secret: a walk that knows nothing of the Pod API's structure. */
const NAMING_FIELDS: Readonly<Record<string, readonly ['configmaps' | 'secrets', string]>> = {
  configMap: ['configmaps', 'name'],
  configMapRef: ['configmaps', 'name'],
  configMapKeyRef: ['configmaps', 'name'],
  secret: ['secrets', 'secretName'],
  secretRef: ['secrets', 'name'],
  secretKeyRef: ['secrets', 'name'],
};

/** `configmaps/NAME` or `secrets/NAME` with the entries that the pod wants to find in it. */
function referencesIn(spec: unknown): Map<string, Record<string, string>> {
  const found = new Map<string, Record<string, string>>();
  const note = (resource: string, name: string, keys: readonly string[]) => {
    const entries = found.get(`${resource}/${name}`) ?? { k: 'v' };
    for (const key of keys) entries[key] = 'v';
    found.set(`${resource}/${name}`, entries);
  };
  const walk = (value: unknown): void => {
    if (Array.isArray(value)) value.forEach(walk);
    else if (isRecord(value)) for (const [field, inner] of Object.entries(value)) visit(field, inner);
  };
  const visit = (field: string, inner: unknown): void => {
    const [resource, nameField] = NAMING_FIELDS[field] ?? [];
    if (resource !== undefined && nameField !== undefined && isRecord(inner)) {
      const name = inner[nameField] ?? inner.name;
      const items = Array.isArray(inner.items) ? inner.items.map(({ key }) => String(key)) : [];
      if (typeof name === 'string') note(resource, name, typeof inner.key === 'string' ? [inner.key] : items);
    }
    if (field === 'imagePullSecrets' && Array.isArray(inner)) for (const { name } of inner) note('secrets', String(name), []);
    walk(inner);
  };
  walk(spec);
  return found;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
