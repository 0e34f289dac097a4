import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type ObjectKey, objectKey } from '@hawser/protocol';
import { EDGE_LABEL } from '../locating/index.ts';
import type { Observed } from '../merge/change.ts';
import { createDownstream } from './downstream.ts';
import { WATCHED_RESOURCES } from './sync-status.ts';
import { ManualClock } from './testing/manual-clock.ts';
import { ModelAgent } from './testing/model-agent.ts';
import { ModelLink } from './testing/model-link.ts';
import { silentLogger } from './testing/silent-logger.ts';
import type { Downstream } from './types.ts';

const PODS = 20_000;
const NODES = 200;
const KINDS: Readonly<Record<string, string>> = { pods: 'Pod', configmaps: 'ConfigMap', secrets: 'Secret', nodes: 'Node' };

function observe(key: ObjectKey, resourceVersion: number, fields: object, labels: object = {}): Observed {
  const [resource = '', namespace = '', name = ''] = key.split('/');
  const uid = `00000000-0000-4000-8000-${String(resourceVersion % 1e12).padStart(12, '0')}`;
  const metadata = { name, ...(namespace === '' ? {} : { namespace }), uid, resourceVersion: String(resourceVersion), labels };
  const type = { apiVersion: 'v1', kind: KINDS[resource] ?? '' };
  return { key, uid, resourceVersion: String(resourceVersion), text: JSON.stringify({ metadata, ...fields }), type };
}

/** About 2 KB, as a small Deployment's pods are. */
function podFields(node: string, config: string): object {
  const container = {
    name: 'main',
    image: 'registry.example/app:1',
    env: Array.from({ length: 30 }, (_, n) => ({ name: `V${n}`, value: 'x'.repeat(20) })),
  };
  return {
    spec: {
      nodeName: node,
      containers: [container],
      volumes: [
        { name: 'c', configMap: { name: config } },
        { name: 's', secret: { secretName: 'shared' } },
      ],
    },
    status: { phase: 'Running' },
  };
}

function quietDownstream(): Downstream {
  const requestBody = (key: ObjectKey): void => assert.fail(`${key} came before its pods`);
  const downstream = createDownstream({
    logger: silentLogger,
    clock: new ManualClock(),
    requestBody: (key) => void requestBody(key),
  });
  return downstream;
}

function tellSynced(downstream: Downstream, resourceVersion: string): void {
  downstream.setSynced(WATCHED_RESOURCES.map((resource) => ({ resource, state: 'synced', detail: '', resourceVersion })));
}

function timed<T>(act: () => T): { milliseconds: number; result: T } {
  const before = performance.now();
  const result = act();
  return { milliseconds: Math.round(performance.now() - before), result };
}

/** Figures of this machine, printed and not judged. */
describe('sizes', () => {
  test('20,000 pods on 200 edge nodes come in, change, and go', (t) => {
    const downstream = quietDownstream();
    const name = (n: number) => `edge-${n % NODES}`;
    for (let n = 0; n < NODES; n += 1) {
      downstream.apply({ type: 'upsert', object: observe(objectKey('nodes', '', name(n)), n + 1, {}, { [EDGE_LABEL]: '' }) });
    }
    const pods = Array.from({ length: PODS }, (_, n) =>
      observe(objectKey('pods', 'shop', `pod-${n}`), 1_000 + n, podFields(name(n), `config-${n % 500}`)),
    );
    const create = timed(() => {
      for (const object of pods) downstream.apply({ type: 'upsert', object });
    });
    const changed = Array.from({ length: PODS }, (_, n) => {
      const fields = { ...podFields(name(n), `config-${n % 500}`), status: { phase: 'Failed' } };
      return observe(objectKey('pods', 'shop', `pod-${n}`), 50_000 + n, fields);
    });
    const update = timed(() => {
      for (const object of changed) downstream.apply({ type: 'upsert', object });
    });
    assert.equal(downstream.stats().objects.pods, PODS);
    assert.equal(downstream.stats().bodies, PODS + NODES);
    const remove = timed(() => {
      for (const { key, uid, resourceVersion } of changed) downstream.apply({ type: 'delete', key, uid, resourceVersion });
    });
    assert.equal(downstream.stats().bodies, NODES);
    t.diagnostic(
      `${PODS} pods: create ${create.milliseconds} ms, update ${update.milliseconds} ms, delete ${remove.milliseconds} ms`,
    );
    downstream.close();
  });

  test('5,000 pods of one node reach its device', (t) => {
    const downstream = quietDownstream();
    const count = 5_000;
    downstream.apply({ type: 'upsert', object: observe(objectKey('nodes', '', 'edge-0'), 1, {}, { [EDGE_LABEL]: '' }) });
    for (let n = 0; n < count; n += 1) {
      downstream.apply({
        type: 'upsert',
        object: observe(objectKey('pods', 'shop', `pod-${n}`), 10 + n, podFields('edge-0', 'config')),
      });
    }
    tellSynced(downstream, '100000');
    const agent = new ModelAgent();
    const link = new ModelLink(agent, downstream, 'edge-0');
    const sync = timed(() => link.drain());
    assert.equal(agent.held.size, count + 1);
    assert.equal(link.session.status().state, 'inSync');
    const { batches } = link.session.stats();
    t.diagnostic(`${count} pods in ${batches} batches, codec and model agent included: ${sync.milliseconds} ms`);
    downstream.close();
  });

  test('a change of a ConfigMap that 5,000 linked nodes need becomes 5,000 batches with one encoding', (t) => {
    const downstream = quietDownstream();
    const count = 5_000;
    const agents = Array.from({ length: count }, () => new ModelAgent());
    for (let n = 0; n < count; n += 1) {
      downstream.apply({ type: 'upsert', object: observe(objectKey('nodes', '', `edge-${n}`), n + 1, {}, { [EDGE_LABEL]: '' }) });
      downstream.apply({
        type: 'upsert',
        object: observe(objectKey('pods', 'shop', `pod-${n}`), 10_000 + n, podFields(`edge-${n}`, 'shared')),
      });
    }
    tellSynced(downstream, '100000');
    const links = agents.map((agent, n) => new ModelLink(agent, downstream, `edge-${n}`));
    const first = timed(() => {
      for (const link of links) link.drain();
    });
    const config = observe(objectKey('configmaps', 'shop', 'shared'), 200_000, { data: { key: 'value'.repeat(200) } });
    const change = timed(() => {
      downstream.apply({ type: 'upsert', object: config });
      return links.map((link) => link.pump());
    });
    assert.ok(change.result.every(Boolean));
    for (const link of links) link.drain();
    assert.ok(agents.every(({ held }) => held.size === 3));
    t.diagnostic(`${count} first syncs ${first.milliseconds} ms, then one ConfigMap for all ${change.milliseconds} ms to frames`);
    downstream.close();
  });

  test('200 MB of Secrets that no edge node needs leave their keys and versions only', (t) => {
    const downstream = quietDownstream();
    const before = process.memoryUsage();
    const count = 20_000;
    for (let n = 0; n < count; n += 1) {
      const object = observe(objectKey('secrets', 'vault', `secret-${n}`), n + 1, { data: { key: `${n}`.padEnd(10_000, 'x') } });
      downstream.apply({ type: 'upsert', object });
    }
    const after = process.memoryUsage();
    assert.equal(downstream.stats().objects.secrets, count);
    assert.equal(downstream.stats().bodyCharacters, 0);
    t.diagnostic(
      `heap ${Math.round((after.heapUsed - before.heapUsed) / 1e6)} MB, resident ${Math.round((after.rss - before.rss) / 1e6)} MB more, uncollected`,
    );
    downstream.close();
  });
});
