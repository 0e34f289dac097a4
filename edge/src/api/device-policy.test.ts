import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type KubeObject, resourceById } from '@hawser/protocol';
import { MemoryStorage } from '../../../test/apiserver/memory-storage.ts';
import { kubeletIdentity, nodeIdentity } from './device/identities.ts';
import { createDevicePolicy } from './device-policy.ts';
import type { Credentials, Identity, RequestAttributes, SpecialRequest } from './policy.ts';
import { ApiError } from './status.ts';

const TOKEN = 'a'.repeat(43);
const VIEWER_TOKEN = 'v'.repeat(43);

function holderOf(token: string) {
  return token === TOKEN ? 'administrator' : token === VIEWER_TOKEN ? 'viewer' : undefined;
}

function policy(hasSynced = true) {
  return createDevicePolicy({ nodeName: 'edge-1', holderOf, hasSynced: () => hasSynced });
}

/** @param what as in discovery, behind its group where it has one */
function on(verb: string, what: string, name = '', namespace = '', fieldSelector = ''): RequestAttributes {
  const parts = what.split('/');
  const group = parts[0]?.includes('.') ? (parts.shift() ?? '') : '';
  const [resource = '', subresource = ''] = parts;
  return { verb, path: '', resource: { group, version: 'v1', resource, subresource, namespace, name, fieldSelector } };
}

function credentials(bearerToken: string | undefined): Credentials {
  return { bearerToken, certificate: undefined, impersonate: { user: undefined, groups: [], uid: undefined }, remoteAddress: '' };
}

function admin(): Identity {
  return policy().authenticate(credentials(TOKEN), on('get', 'pods')) ?? assert.fail('the token was refused');
}

test('only a token lets in', () => {
  assert.equal(admin().name, 'hawser:device-admin');
  for (const wrong of [undefined, '', 'b'.repeat(43), TOKEN.slice(1), `${TOKEN}a`]) {
    assert.equal(policy().authenticate(credentials(wrong), on('get', 'pods')), undefined);
  }
  const certificate = { commonName: 'system:node:edge-1', organizations: ['system:nodes'] };
  assert.equal(policy().authenticate({ ...credentials(undefined), certificate }, on('get', 'pods')), undefined);
});

function viewer(): Identity {
  return policy().authenticate(credentials(VIEWER_TOKEN), on('get', 'pods')) ?? assert.fail('the token was refused');
}

test('a viewer reads what there is but Secrets, and writes nothing', () => {
  assert.equal(viewer().name, 'hawser:device-viewer');
  for (const what of ['pods', 'nodes', 'configmaps']) assert.equal(policy().authorize(viewer(), on('list', what)).allowed, true);
  for (const attributes of [
    ...['get', 'list', 'watch'].map((verb) => on(verb, 'secrets')),
    on('patch', 'pods/status', 'web', 'shop'),
    on('create', 'nodes'),
    on('delete', 'pods', 'web', 'shop'),
    on('create', 'serviceaccounts/token', 'default', 'shop'),
    { verb: 'get', path: '/hawser/v1/query', resource: undefined },
  ]) {
    assert.equal(policy().authorize(viewer(), attributes).allowed, false, JSON.stringify(attributes));
  }
});

test('a viewer is sent to the token that writes only where that one may', () => {
  const reasonOf = (verb: string, what: string) => {
    const decision = policy().authorize(viewer(), on(verb, what, 'web', 'shop'));
    return decision.allowed ? 'allowed' : decision.reason;
  };
  assert.match(reasonOf('delete', 'pods'), /hawser-agent kubeconfig --write/);
  assert.match(reasonOf('get', 'secrets'), /hawser-agent kubeconfig --write/);
  for (const [verb, what] of [
    ['patch', 'pods'],
    ['create', 'configmaps'],
    ['delete', 'secrets'],
  ] as const) {
    assert.match(reasonOf(verb, what), /^the API on a device takes only what a kubelet writes; change this in the cluster$/);
  }
});

test('what Kubernetes does not have is for the administrator alone', () => {
  const attributes = { verb: 'get', path: '/hawser/v1/query', resource: undefined };
  assert.deepEqual(policy(false).authorize(admin(), attributes), { allowed: true });
  for (const identity of [nodeIdentity('edge-1'), { name: 'system:serviceaccount:a:b', groups: [] }]) {
    assert.equal(policy().authorize(identity, attributes).allowed, false);
  }
  assert.equal(policy().authorize(admin(), { ...attributes, verb: 'post' }).allowed, false);
});

test('everything is read, once everything is there', () => {
  for (const verb of ['get', 'list', 'watch']) {
    assert.deepEqual(policy().authorize(admin(), on(verb, 'secrets')), { allowed: true });
    const isComeAgain = (error: unknown) =>
      error instanceof ApiError && error.code === 503 && (error.details?.retryAfterSeconds ?? 0) > 0;
    for (const [what, ...key] of [
      ['secrets'],
      ['pods'],
      ['nodes'],
      ['nodes', 'edge-2'],
      ['storage.k8s.io/csinodes'],
      ['coordination.k8s.io/leases', 'edge-1', 'kube-system'],
    ] as const) {
      assert.throws(() => policy(false).authorize(admin(), on(verb, what, ...key)), isComeAgain, `${verb} ${what} ${key}`);
    }
    for (const identity of [admin(), kubeletIdentity('edge-1')]) {
      for (const what of ['secrets', 'configmaps']) {
        assert.throws(() => policy(false).authorize(identity, on(verb, what, 'a', 'shop')), isComeAgain, `${verb} ${what}`);
      }
      const ownPods = on(verb, 'pods', 'a', 'shop', 'spec.nodeName=edge-1');
      assert.throws(() => policy(false).authorize(identity, ownPods), isComeAgain, `${verb} pods`);
      for (const [what, namespace] of OWN) {
        // Of CSINodes and Leases a kubelet reads one by its name.
        if (identity.name !== admin().name && verb !== 'get' && what !== 'nodes') continue;
        assert.deepEqual(policy(false).authorize(identity, on(verb, what, 'edge-1', namespace)), { allowed: true });
      }
    }
  }
  assert.deepEqual(policy(false).authorize(admin(), { verb: 'get', path: '/version', resource: undefined }), { allowed: true });
});

/** What a kubelet writes of itself, and sees before anything else is there. */
const OWN = [
  ['nodes', ''],
  ['storage.k8s.io/csinodes', ''],
  ['coordination.k8s.io/leases', 'kube-node-lease'],
] as const;

test('what brings the first sync about is written before it, and nothing else', () => {
  const node = nodeIdentity('edge-1');
  for (const attributes of [
    on('create', 'nodes'),
    on('patch', 'nodes/status', 'edge-1'),
    on('create', 'events', '', 'default'),
    on('patch', 'events.k8s.io/events', 'x', 'default'),
    on('create', 'coordination.k8s.io/leases', '', 'kube-node-lease'),
    on('create', 'storage.k8s.io/csinodes'),
    on('create', 'certificates.k8s.io/certificatesigningrequests'),
    on('deletecollection', 'resource.k8s.io/resourceslices', '', '', 'spec.nodeName=edge-1'),
  ]) {
    assert.deepEqual(policy(false).authorize(node, attributes), { allowed: true }, JSON.stringify(attributes));
  }
  for (const attributes of [
    on('patch', 'pods/status', 'web', 'default'),
    on('create', 'pods', '', 'default'),
    on('delete', 'pods', 'web', 'default'),
    on('create', 'pods/eviction', 'web', 'default'),
    on('create', 'serviceaccounts/token', 'default', 'default'),
  ]) {
    assert.deepEqual(policy().authorize(node, attributes), { allowed: true });
    assert.throws(
      () => policy(false).authorize(node, attributes),
      (error: unknown) => error instanceof ApiError && error.code === 503,
    );
  }
  assert.equal(
    policy(false).authorize(node, on('create', 'configmaps', '', 'default')).allowed,
    false,
    'never, and not only now',
  );
});

const writes: [boolean, RequestAttributes][] = [
  [true, on('create', 'nodes')],
  [true, on('patch', 'nodes/status', 'edge-1')],
  [false, on('patch', 'nodes/status', 'edge-2')],
  [false, on('delete', 'nodes', 'edge-1')],
  [true, on('patch', 'pods/status', 'web', 'default')],
  [true, on('delete', 'pods', 'web', 'default')],
  [true, on('create', 'pods', '', 'default')],
  [false, on('patch', 'pods', 'web', 'default')],
  [false, on('create', 'pods/binding', 'web', 'default')],
  [true, on('create', 'pods/eviction', 'web', 'default')],
  [false, on('create', 'certificates.k8s.io/certificatesigningrequests')],
  [false, on('deletecollection', 'resource.k8s.io/resourceslices', '', '', 'spec.nodeName=edge-1')],
  [false, on('deletecollection', 'pods', '', 'default')],
  [true, on('create', 'storage.k8s.io/csinodes')],
  [false, on('delete', 'storage.k8s.io/csinodes', 'edge-1')],
  [false, on('patch', 'storage.k8s.io/csinodes', 'edge-2')],
  [true, on('create', 'events', '', 'default')],
  [true, on('update', 'coordination.k8s.io/leases', 'edge-1', 'kube-node-lease')],
  [false, on('update', 'coordination.k8s.io/leases', 'leader', 'kube-system')],
  [false, on('create', 'configmaps', '', 'default')],
  [false, on('update', 'secrets', 'key', 'default')],
  [false, on('delete', 'secrets', 'key', 'default')],
  [false, on('create', 'serviceaccounts/token', 'default', 'default')],
];
for (const [allowed, attributes] of writes) {
  const { resource } = attributes;
  const what = [resource?.resource, resource?.subresource, resource?.namespace, resource?.name]
    .filter((part) => part !== '')
    .join(' ');
  test(`${attributes.verb} ${what} is ${allowed ? 'taken' : 'refused'}`, () => {
    assert.equal(policy().authorize(admin(), attributes).allowed, allowed);
  });
}

test('a registration can be taken back by the agent itself, and by nobody else', () => {
  assert.equal(policy().authorize(nodeIdentity('edge-1'), on('delete', 'nodes', 'edge-1')).allowed, true);
  assert.equal(policy().authorize(nodeIdentity('edge-1'), on('delete', 'nodes', 'edge-2')).allowed, false);
  assert.equal(policy().authorize(kubeletIdentity('edge-1'), on('delete', 'nodes', 'edge-1')).allowed, false);
  assert.equal(policy().authorize(admin(), on('delete', 'nodes', 'edge-1')).allowed, false);
});

test('a kubelet deletes the ResourceSlices of its node, of which a device has none, and no others', async () => {
  const node = nodeIdentity('edge-1');
  const slices = (verb: string, selector: string) =>
    policy().authorize(node, on(verb, 'resource.k8s.io/resourceslices', '', '', selector)).allowed;
  assert.equal(slices('deletecollection', 'spec.nodeName=edge-1'), true);
  for (const other of ['', 'spec.nodeName=edge-2', 'spec.nodeName!=edge-1', 'spec.driver=gpu']) {
    assert.equal(slices('deletecollection', other), false, other);
  }
});

test('tokens of ServiceAccounts are for the node, and not for the administrator', async () => {
  const create = on('create', 'serviceaccounts/token', 'default', 'shop');
  assert.equal(policy().authorize(nodeIdentity('edge-1'), create).allowed, true);
  assert.equal(policy().authorize(nodeIdentity('edge-2'), create).allowed, false);
  assert.equal(policy().authorize(admin(), create).allowed, false);
  const asked: SpecialRequest[] = [];
  const answering = createDevicePolicy({
    nodeName: 'edge-1',
    hasSynced: () => true,
    requestToken: async (request) => {
      asked.push(request);
      return { status: 201, body: { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', metadata: {} } };
    },
  });
  const request: SpecialRequest = {
    ...{ identity: nodeIdentity('edge-1'), verb: 'create', group: '', resource: 'serviceaccounts', subresource: 'token' },
    ...{ namespace: 'shop', name: 'default', body: undefined, query: new URLSearchParams() },
    ...{ storage: new MemoryStorage(), now: new Date(0) },
  };
  assert.equal((await answering.handleSpecial(request))?.status, 201);
  for (const other of [{ verb: 'get' }, { subresource: 'other' }, { resource: 'pods' }, { group: 'example.com' }]) {
    assert.equal(answering.handleSpecial({ ...request, ...other }), undefined);
  }
  assert.equal(asked.length, 1);
});

test('of pods a device makes only the mirrors of static ones', () => {
  const pod = (annotations: Record<string, string>): KubeObject => ({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      ...{ name: 'static', annotations },
      ownerReferences: [{ apiVersion: 'v1', kind: 'Node', name: 'edge-1', uid: 'uid-node', controller: true }],
    },
    spec: { nodeName: 'edge-1' },
  });
  const storage = new MemoryStorage();
  const node = { apiVersion: 'v1', kind: 'Node', metadata: { name: 'edge-1', uid: 'uid-node' } };
  storage.commit({ type: 'create', key: { resource: 'nodes', namespace: '', name: 'edge-1' }, object: node });
  const admit = (object: KubeObject, identity = kubeletIdentity('edge-1')) =>
    policy().admit({
      operation: 'create',
      identity,
      resource: resourceById('pods') ?? assert.fail('no pods'),
      subresource: '',
      object,
      previous: undefined,
      storage,
      now: new Date(0),
    });
  const mirror = pod({ 'kubernetes.io/config.mirror': 'hash' });
  const refusal =
    /pods "static" is forbidden: pod does not have "kubernetes.io\/config.mirror" annotation, node "edge-1" can only create mirror pods/;
  for (const identity of [admin(), kubeletIdentity('edge-1')]) {
    assert.deepEqual(admit(mirror, identity), { ...mirror, status: { phase: 'Pending' } });
    assert.throws(() => admit(pod({}), identity), refusal);
    assert.throws(() => admit({ ...mirror, spec: { nodeName: 'edge-2' } }, identity), /edge-1.*(itself|no pods of others)/);
  }
  assert.throws(
    () => admit({ ...mirror, spec: { serviceAccountName: 'clerk' } }),
    /a mirror pod may not reference service accounts/,
  );
});

test('a pod is marked first, and goes with a delete of grace 0', () => {
  const pod: KubeObject = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'web' },
    spec: { nodeName: 'edge-1', terminationGracePeriodSeconds: 5 },
  };
  const plan = (object: KubeObject, gracePeriodSeconds?: number) =>
    policy().planDelete({
      identity: admin(),
      resource: {
        id: 'pods',
        group: '',
        version: 'v1',
        resource: 'pods',
        kind: 'Pod',
        singular: 'pod',
        namespaced: true,
        shortNames: [],
        subresources: [],
      },
      object,
      gracePeriodSeconds,
      propagationPolicy: undefined,
      now: new Date('2026-01-01T00:00:00Z'),
      storage: new MemoryStorage(),
    });
  const marked = plan(pod);
  assert.equal(marked.type, 'mark');
  assert.deepEqual(
    [marked.object.metadata.deletionTimestamp, marked.object.metadata.deletionGracePeriodSeconds],
    ['2026-01-01T00:00:05Z', 5],
  );
  assert.deepEqual(plan(marked.object), { type: 'unchanged' });
  assert.deepEqual(plan(marked.object, 0), { type: 'remove' });
  assert.deepEqual(plan(pod, 0), { type: 'remove' });
});
