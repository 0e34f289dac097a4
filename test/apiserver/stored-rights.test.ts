import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { KubeObject } from '@hawser/protocol';
import { type KubeClient, KubeError, kubeClient } from '../support/kube.ts';
import { writePem } from '../support/pki.ts';
import { RELAY_NAMESPACE } from './relay-identity.ts';
import { type EmbeddedApiServer, startEmbeddedApiServer } from './server.ts';

const ADA = { name: 'ada', token: 'a-token-for-ada' };

function rbac(kind: string, name: string, namespace: string | undefined, rest: object): KubeObject {
  const metadata = { name, ...(namespace === undefined ? {} : { namespace }) };
  return { apiVersion: 'rbac.authorization.k8s.io/v1', kind, metadata, ...rest };
}

function to(kind: string, roleKind: string, role: string, subject: object): object {
  return { roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: roleKind, name: role }, subjects: [{ kind, ...subject }] };
}

describe('rights that are applied as objects', () => {
  let server: EmbeddedApiServer;
  let admin: KubeClient;
  let ada: KubeClient;
  let folder: string;

  before(async () => {
    server = await startEmbeddedApiServer({ tokens: [{ token: ADA.token, user: ADA.name, groups: ['crew'] }], relay: 'applied' });
    folder = await mkdtemp(join(tmpdir(), 'stored-rights-'));
    admin = await kubeClient(await writePem(folder, 'admin', server.kubeconfig()));
    ada = await kubeClient(await writePem(folder, 'ada', server.kubeconfig(ADA)));
  });
  after(async () => {
    admin.close();
    ada.close();
    await server.close();
    await rm(folder, { recursive: true });
  });

  const refused = (error: unknown) => error instanceof KubeError && error.status === 403;

  it('are there once both role and binding are, in their namespace alone, and gone with either', async () => {
    await assert.rejects(ada.list('configmaps', 'default'), refused);
    await admin.create(rbac('RoleBinding', 'reads', 'default', to('User', 'Role', 'reads', { name: 'ada' })));
    await assert.rejects(ada.list('configmaps', 'default'), refused);
    const rules = [{ apiGroups: [''], resources: ['configmaps'], verbs: ['list'] }];
    await admin.create(rbac('Role', 'reads', 'default', { rules }));
    await ada.list('configmaps', 'default');
    await assert.rejects(ada.list('configmaps', 'kube-system'), refused);
    await assert.rejects(ada.list('configmaps'), refused);
    await admin.remove('rbac.authorization.k8s.io/roles', 'default', 'reads');
    await assert.rejects(ada.list('configmaps', 'default'), refused);
  });

  it('of a ClusterRole hold everywhere by a ClusterRoleBinding and in one namespace by a RoleBinding, for groups too', async () => {
    const rules = [{ apiGroups: [''], resources: ['services'], verbs: ['list'] }];
    await admin.create(rbac('ClusterRole', 'services', undefined, { rules }));
    await admin.create(rbac('RoleBinding', 'services', 'default', to('Group', 'ClusterRole', 'services', { name: 'crew' })));
    await ada.list('services', 'default');
    await assert.rejects(ada.list('services'), refused);
    await admin.create(
      rbac('ClusterRoleBinding', 'services', undefined, to('Group', 'ClusterRole', 'services', { name: 'crew' })),
    );
    await ada.list('services');
  });

  it('are of the role that a binding was made for: that one cannot be changed', async () => {
    const binding = rbac('ClusterRoleBinding', 'fixed', undefined, to('User', 'ClusterRole', 'one', { name: 'ada' }));
    await admin.create(binding);
    const roleRef = { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'other' };
    await assert.rejects(
      admin.patch('rbac.authorization.k8s.io/clusterrolebindings', '', 'fixed', { roleRef }),
      /cannot change roleRef/,
    );
  });

  it('are all that a relay has where it is to be installed, and its namespace is not there', async () => {
    assert.equal(await admin.get('namespaces', '', RELAY_NAMESPACE), undefined);
    const relay = await kubeClient(await writePem(folder, 'relay', server.kubeconfig('relay')));
    try {
      await assert.rejects(relay.list('pods'), refused);
    } finally {
      relay.close();
    }
  });
});
