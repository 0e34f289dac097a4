import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { type Relay, resolveConfig, startRelay, systemClock } from '@hawser/cloud';
import { pino } from 'pino';
import { type EmbeddedApiServer, type EmbeddedApiServerOptions, startEmbeddedApiServer } from '../apiserver/server.ts';
import { type KubeClient, kubeClient } from '../support/kube.ts';
import { type CertificateAuthority, createAuthority, issueNodeCertificate, writePair, writePem } from '../support/pki.ts';
import { until } from '../support/until.ts';
import { ScriptedAgent } from './scripted-agent.ts';

export const LEASES = 'coordination.k8s.io/leases';
export const NAMESPACE = 'hawser-system';

/** An API server, and relays beside each other: all in this process, over loopback; the agents are played. */
export class Scene {
  readonly t: TestContext;
  readonly api: EmbeddedApiServer;
  readonly kube: KubeClient;
  readonly #folder: string;
  readonly #authority: CertificateAuthority;

  static async start(t: TestContext, options: EmbeddedApiServerOptions = {}): Promise<Scene> {
    const api = await startEmbeddedApiServer(options);
    t.after(() => api.close());
    const folder = await mkdtemp(join(tmpdir(), 'hawser-replicas-'));
    t.after(() => rm(folder, { recursive: true }));
    const kube = await kubeClient(await writePem(folder, 'admin.kubeconfig', api.kubeconfig('admin')));
    t.after(() => kube.close());
    return new Scene(t, api, kube, folder, await createAuthority('agents'));
  }

  constructor(t: TestContext, api: EmbeddedApiServer, kube: KubeClient, folder: string, authority: CertificateAuthority) {
    this.t = t;
    this.api = api;
    this.kube = kube;
    this.#folder = folder;
    this.#authority = authority;
  }

  async relay(name: string, flags: Record<string, string> = {}): Promise<{ relay: Relay; logs: Record<string, unknown>[] }> {
    const folder = this.#folder;
    const pair = await writePair(folder, name, await this.#authority.issueServer({ commonName: 'relay' }));
    const { settings } = resolveConfig({
      env: {},
      flags: new Map(
        Object.entries({
          kubeconfig: await writePem(folder, 'relay.kubeconfig', this.api.kubeconfig('relay')),
          'link.address': '127.0.0.1',
          'link.port': '0',
          'ops.address': '127.0.0.1',
          'ops.port': '0',
          'admin.address': '127.0.0.1',
          'admin.port': '0',
          'tls.cert': pair.certificateFile,
          'tls.key': pair.keyFile,
          'tls.clientCa': await writePem(folder, 'ca.crt', this.#authority.certificatePem),
          'replica.name': name,
          ...flags,
        }),
      ),
    });
    const logs: Record<string, unknown>[] = [];
    const logger = pino({}, { write: (line) => logs.push(JSON.parse(line)) });
    const relay = await startRelay({ settings, clock: systemClock, random: Math.random, logger });
    this.t.after(() => relay.stop());
    return { relay, logs };
  }

  async dial(relay: Relay, node: string, storeId = '1'.repeat(32)): Promise<ScriptedAgent> {
    const pair = await issueNodeCertificate(this.#authority, node);
    return until(`${node} to link`, 60_000, undefined, async () => {
      if (relay.readiness().type !== 'ready') return undefined;
      return (await ScriptedAgent.dial(relay.linkPort, pair, this.#authority.certificatePem, { storeId })).agent;
    });
  }

  /** Once the Lease of the node is as wanted: its spec, and its annotations without their prefix. */
  leased(node: string, wanted: Record<string, unknown>): Promise<unknown> {
    const text = JSON.stringify(wanted);
    return until(`the Lease of ${node} to be ${text}`, 60_000, undefined, async () => {
      const lease = await this.kube.get(LEASES, NAMESPACE, `node-${node}`);
      if (lease === undefined) return undefined;
      const annotations = Object.entries(lease.metadata.annotations ?? {}).map(([name, value]) => [
        name.replace('hawser.dev/', ''),
        value,
      ]);
      const all: Record<string, unknown> = { ...(lease.spec as object), ...Object.fromEntries(annotations) };
      return Object.entries(wanted).every(([name, value]) => all[name] === value);
    });
  }
}
