import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Clock, type Relay, resolveConfig, startRelay, systemClock } from '@hawser/cloud';
import type { KubeObject } from '@hawser/protocol';
import { type Logger, pino } from 'pino';
import { type EmbeddedApiServer, type EmbeddedApiServerOptions, startEmbeddedApiServer } from '../apiserver/server.ts';
import { type KubeClient, kubeClient } from '../support/kube.ts';
import { createAuthority, issueNodeCertificate, writePair, writePem } from '../support/pki.ts';
import { until } from '../support/until.ts';
import { ScriptedAgent } from './scripted-agent.ts';

export const EDGE_LABEL = 'node-role.kubernetes.io/edge';

/** What is to be ended with a test: its context has it. */
export interface Ending {
  after(end: () => unknown): void;
}

/** What a relay has from its process. */
export interface Surroundings {
  readonly logger?: Logger;
  readonly clock?: Clock;
}

const SILENT = pino({ level: 'silent' });

export interface Cluster {
  readonly api: EmbeddedApiServer;
  readonly kube: KubeClient;
  readonly relay: Relay;
  dial(node: string, hello?: Parameters<typeof ScriptedAgent.dial>[3]): ReturnType<typeof ScriptedAgent.dial>;
}

/** An API server, a relay against it, and certificates for any node: all in this process, over loopback. */
export async function start(
  t: Ending,
  flags: Record<string, string | undefined> = {},
  options: EmbeddedApiServerOptions = {},
  { logger = SILENT, clock = systemClock }: Surroundings = {},
): Promise<Cluster> {
  const api = await startEmbeddedApiServer(options);
  t.after(() => api.close());
  const { relay, dial, folder } = await relayFor(t, api, flags, { logger, clock });
  const kube = await kubeClient(await writePem(folder, 'admin.kubeconfig', api.kubeconfig('admin')));
  t.after(() => kube.close());
  return { api, kube, relay, dial };
}

/** Settings by which a relay has no certificates of its own files, and makes them with the authority of its Secret. */
export const OWN_AUTHORITY = { 'tls.cert': undefined, 'tls.key': undefined, 'tls.clientCa': undefined };

/** @param flags undefined takes away one that the tests have otherwise */
export async function relayFor(
  t: Ending,
  api: Pick<EmbeddedApiServer, 'kubeconfig'>,
  flags: Record<string, string | undefined> = {},
  { logger = SILENT, clock = systemClock }: Surroundings = {},
) {
  const folder = await mkdtemp(join(tmpdir(), 'hawser-relay-'));
  t.after(() => rm(folder, { recursive: true }));
  const authority = await createAuthority('agents');
  const pair = await writePair(folder, 'relay', await authority.issueServer({ commonName: 'relay' }));
  const all = {
    kubeconfig: await writePem(folder, 'relay.kubeconfig', api.kubeconfig('relay')),
    'link.address': '127.0.0.1',
    'link.port': '0',
    'ops.address': '127.0.0.1',
    'ops.port': '0',
    'admin.address': '127.0.0.1',
    'admin.port': '0',
    'tls.cert': pair.certificateFile,
    'tls.key': pair.keyFile,
    'tls.clientCa': await writePem(folder, 'ca.crt', authority.certificatePem),
    ...flags,
  };
  const given = Object.entries(all).flatMap(([path, text]): [string, string][] => (text === undefined ? [] : [[path, text]]));
  const { settings } = resolveConfig({ env: {}, flags: new Map(given) });
  const relay = await startRelay({ settings, clock, random: () => 0.1, logger });
  t.after(() => relay.stop());
  return {
    folder,
    relay,
    dial: async (node: string, hello?: Parameters<typeof ScriptedAgent.dial>[3]) =>
      ScriptedAgent.dial(relay.linkPort, await issueNodeCertificate(authority, node), authority.certificatePem, hello),
  };
}

export function ready(relay: Relay): Promise<unknown> {
  return until('the relay to be ready', 60_000, undefined, async () => relay.readiness().type === 'ready');
}

export function configMap(name: string, data: Record<string, string>): KubeObject {
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, namespace: 'default' }, data };
}

export function pod(name: string, node: string, configMapName: string): KubeObject {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: 'default' },
    spec: {
      nodeName: node,
      containers: [{ name: 'main', image: 'app:1', envFrom: [{ configMapRef: { name: configMapName } }] }],
    },
  };
}

export const registration = (node: string) => ({
  resource: 'nodes',
  namespace: '',
  name: node,
  uid: undefined,
  subresource: '',
  operation: { type: 'create' as const, body: JSON.stringify({ apiVersion: 'v1', kind: 'Node', metadata: { name: node } }) },
});

export const statusOf = (podName: string, uid: string | undefined, phase: string) => ({
  resource: 'pods',
  namespace: 'default',
  name: podName,
  uid,
  subresource: 'status',
  operation: { type: 'patch' as const, patchType: 'strategic' as const, body: JSON.stringify({ status: { phase } }) },
});
