import assert from 'node:assert/strict';
import { once } from 'node:events';
import { after, before, describe, it } from 'node:test';
import {
  ApiException,
  CoreV1Api,
  KubeConfig,
  type KubernetesObject,
  KubernetesObjectApi,
  makeInformer,
  PatchStrategy,
  setHeaderOptions,
  type V1ConfigMap,
  Watch,
} from '@kubernetes/client-node';
import { type EmbeddedApiServer, startEmbeddedApiServer } from './server.ts';

const NAMESPACE = 'default';

describe('@kubernetes/client-node against the embedded API server', { timeout: 120_000 }, () => {
  let server: EmbeddedApiServer;
  let config: KubeConfig;
  let core: CoreV1Api;

  before(async () => {
    server = await startEmbeddedApiServer();
    config = new KubeConfig();
    config.loadFromString(server.kubeconfig());
    core = config.makeApiClient(CoreV1Api);
  });
  after(() => server.close());

  it('creates, reads, patches and deletes', async () => {
    await core.createNamespacedConfigMap({ namespace: NAMESPACE, body: configMap('crud', { a: '1' }) });
    const patched = await core.patchNamespacedConfigMap(
      { name: 'crud', namespace: NAMESPACE, body: { data: { b: '2' } } },
      setHeaderOptions('Content-Type', PatchStrategy.StrategicMergePatch),
    );
    assert.deepEqual(patched.data, { a: '1', b: '2' });
    assert.deepEqual((await core.readNamespacedConfigMap({ name: 'crud', namespace: NAMESPACE })).data, { a: '1', b: '2' });
    await core.deleteNamespacedConfigMap({ name: 'crud', namespace: NAMESPACE });
    await assert.rejects(
      core.readNamespacedConfigMap({ name: 'crud', namespace: NAMESPACE }),
      (error) => error instanceof ApiException && error.code === 404,
    );
  });

  it('lists in pages', async () => {
    const names = ['page-a', 'page-b', 'page-c', 'page-d', 'page-e'];
    for (const name of names) {
      await core.createNamespacedConfigMap({ namespace: NAMESPACE, body: configMap(name, {}, { pages: 'yes' }) });
    }
    const found: (string | undefined)[] = [];
    let token: string | undefined;
    do {
      const page = await core.listNamespacedConfigMap({
        namespace: NAMESPACE,
        labelSelector: 'pages=yes',
        limit: 2,
        ...(token === undefined ? {} : { _continue: token }),
      });
      found.push(...page.items.map((item) => item.metadata?.name));
      token = page.metadata?._continue;
    } while (token !== undefined && token !== '');
    assert.deepEqual(found, names);
  });

  it('watches from the revision of a list', async () => {
    const list = await core.listNamespacedConfigMap({ namespace: NAMESPACE });
    const seen: string[] = [];
    let enough: () => void = () => {};
    const complete = new Promise<void>((resolve) => {
      enough = resolve;
    });
    const controller = await new Watch(config).watch(
      `/api/v1/namespaces/${NAMESPACE}/configmaps`,
      { resourceVersion: list.metadata?.resourceVersion },
      (type: string, object: V1ConfigMap) => {
        seen.push(`${type} ${object.metadata?.name}`);
        if (seen.length === 3) enough();
      },
      () => {},
    );
    await core.createNamespacedConfigMap({ namespace: NAMESPACE, body: configMap('watched', { v: '1' }) });
    await core.replaceNamespacedConfigMap({ name: 'watched', namespace: NAMESPACE, body: configMap('watched', { v: '2' }) });
    await core.deleteNamespacedConfigMap({ name: 'watched', namespace: NAMESPACE });
    await complete;
    controller.abort();
    assert.deepEqual(seen, ['ADDED watched', 'MODIFIED watched', 'DELETED watched']);
  });

  it('keeps an informer up to date when the watches are cut', async () => {
    const informer = makeInformer(config, `/api/v1/namespaces/${NAMESPACE}/secrets`, () =>
      core.listNamespacedSecret({ namespace: NAMESPACE }),
    );
    const added: (string | undefined)[] = [];
    const events = new EventTarget();
    informer.on('add', (secret) => {
      added.push(secret.metadata?.name);
      events.dispatchEvent(new Event(`add ${secret.metadata?.name}`));
    });
    // client-node's informer ends on an error: whoever uses it starts it again.
    let isWanted = true;
    informer.on('error', () => {
      if (isWanted) informer.start().catch((error: unknown) => assert.fail(String(error)));
    });
    await informer.start();

    const first = once(events, 'add one');
    await core.createNamespacedSecret({ namespace: NAMESPACE, body: { metadata: { name: 'one' }, stringData: { k: 'v' } } });
    await first;
    const second = once(events, 'add two');
    server.faults.cutWatches();
    await core.createNamespacedSecret({ namespace: NAMESPACE, body: { metadata: { name: 'two' }, stringData: { k: 'v' } } });
    await second;
    isWanted = false;
    await informer.stop();
    assert.deepEqual(added.slice(0, 2), ['one', 'two']);
  });

  it('finds kinds by discovery', async () => {
    const objects = KubernetesObjectApi.makeApiClient(config);
    const lease: KubernetesObject = {
      apiVersion: 'coordination.k8s.io/v1',
      kind: 'Lease',
      metadata: { name: 'found', namespace: NAMESPACE },
    };
    assert.ok((await objects.create(lease)).metadata?.uid);
  });

  it('lets the relay read what its rules name and nothing else', async () => {
    const relay = new KubeConfig();
    relay.loadFromString(server.kubeconfig('relay'));
    const api = relay.makeApiClient(CoreV1Api);
    assert.ok((await api.listPodForAllNamespaces()).items);
    assert.ok((await api.listServiceForAllNamespaces()).items);
    await assert.rejects(api.listEventForAllNamespaces(), (error) => error instanceof ApiException && error.code === 403);
  });
});

function configMap(name: string, data: Record<string, string>, labels: Record<string, string> = {}): V1ConfigMap {
  return { metadata: { name, labels }, data };
}
