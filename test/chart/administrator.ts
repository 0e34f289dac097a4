import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { request } from 'node:https';
import type { KubeObject } from '@hawser/protocol';
import type { KubeClient } from '../support/kube.ts';
import { neverSay } from '../support/output-check.ts';
import type { Replica } from './replicas.ts';

const RBAC = 'rbac.authorization.k8s.io';

/** The token of a new ServiceAccount in `default`, with what the chart's roles of that name give, in the cluster and in `namespace`; or with nothing. */
export async function accountWith(
  kube: KubeClient,
  name: string,
  role?: { readonly name: string; readonly namespace: string },
): Promise<string> {
  await kube.create({ apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name, namespace: 'default' } });
  const bind = (kind: 'ClusterRole' | 'Role', roleName: string, metadata: KubeObject['metadata']) =>
    kube.create({
      apiVersion: `${RBAC}/v1`,
      kind: `${kind}Binding`,
      metadata,
      roleRef: { apiGroup: RBAC, kind, name: roleName },
      subjects: [{ kind: 'ServiceAccount', name, namespace: 'default' }],
    } as KubeObject);
  if (role !== undefined) {
    await bind('ClusterRole', role.name, { name });
    await bind('Role', role.name, { name, namespace: role.namespace });
  }
  const { body } = await kube.raw('POST', `/api/v1/namespaces/default/serviceaccounts/${name}/token`, {
    apiVersion: 'authentication.k8s.io/v1',
    kind: 'TokenRequest',
    spec: {},
  });
  const { token } = (body as { status: { token: string } }).status;
  neverSay(token);
  return token;
}

/** GET at the administrative endpoint of one replica, whose certificate must be of that authority. */
export async function ask(replica: Replica, path: string, token: string, ca: string): Promise<{ status: number; body: unknown }> {
  const sent = request({
    host: replica.address,
    port: replica.port('admin'),
    path,
    ca,
    // It is for the name that devices dial, and not for the address of a pod.
    checkServerIdentity: () => undefined,
    headers: { authorization: `Bearer ${token}` },
  });
  sent.end();
  const [answer] = (await once(sent, 'response')) as [IncomingMessage];
  const text = (await answer.setEncoding('utf8').toArray()).join('');
  return { status: answer.statusCode ?? 0, body: text.startsWith('{') ? JSON.parse(text) : text };
}
