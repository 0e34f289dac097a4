import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import type { KubeObject } from '@hawser/protocol';
import { type EmbeddedApiServer, startEmbeddedApiServer } from '../apiserver/server.ts';
import { type KubeClient, kubeClient } from '../support/kube.ts';
import { writePem } from '../support/pki.ts';
import type { Replica } from './replicas.ts';
import type { Service } from './service.ts';

/** A cluster with nothing of Hawser in it, and an administrator. */
export interface Cluster {
  readonly server: EmbeddedApiServer;
  readonly kube: KubeClient;
  readonly kubeconfig: string;
}

export async function folderFor(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'hawser-chart-'));
  t.after(() => rm(folder, { recursive: true }));
  return folder;
}

export async function emptyCluster(t: TestContext, folder: string): Promise<Cluster> {
  const server = await startEmbeddedApiServer({ relay: 'applied' });
  t.after(() => server.close());
  const kubeconfig = await writePem(folder, 'kubeconfig', server.kubeconfig());
  const kube = await kubeClient(kubeconfig);
  t.after(() => kube.close());
  return { server, kube, kubeconfig };
}

/** What the endpoints controller writes, and kube-proxy follows. */
export async function publish(
  kube: KubeClient,
  namespace: string,
  service: Service,
  replicas: readonly Replica[],
): Promise<void> {
  for (const [name, ports] of [
    ['hawser-relay', ['link']],
    ['hawser-relay-replicas', ['ops', 'admin']],
  ] as const) {
    const endpoints = replicas.map((replica) => ({
      addresses: [replica.address],
      conditions: { ready: true, serving: true, terminating: false },
      targetRef: { kind: 'Pod', namespace, name: replica.name },
    }));
    await kube.apply({
      apiVersion: 'discovery.k8s.io/v1',
      kind: 'EndpointSlice',
      metadata: { name: `${name}-1`, namespace, labels: { 'kubernetes.io/service-name': name } },
      addressType: 'IPv4',
      endpoints,
      ports: ports.map((port) => ({ name: port, port: replicas[0]?.port(port) ?? 0, protocol: 'TCP' })),
    } as unknown as KubeObject);
  }
  service.setEndpoints(replicas.map(({ address }) => address));
}
