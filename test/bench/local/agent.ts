import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { KubeObject } from '@hawser/protocol';
import { startLocalDevice } from '../../local/device.ts';
import { freePort } from '../../support/free-port.ts';
import { createAuthority, issueNodeCertificate, writePair, writePem } from '../../support/pki.ts';
import { type RunningProcess, startProcess } from '../../support/processes.ts';
import type { BenchContext } from '../context.ts';
import { type BenchClient, openClient, type ServerOf } from './client.ts';

export const NODE = 'edge-1';
/** Objects of one batch of the cloud. */
const BATCH = 500;
const WAIT_MS = 60_000;
/** Between two attempts at an agent that does not listen yet. */
const TRY_EVERY_MS = 2;

/** A device without a link that has been in sync: its store is made in this process, its agent is one of its own. */
export interface UnlinkedDevice {
  /** Starts the agent; the token is that of its administrator, who may list everything. */
  start(): RunningAgent;
}

export interface RunningAgent {
  readonly process: RunningProcess;
  /** Resolves when its API has served a list of Nodes, with a connection to it and the time since the agent was spawned. */
  readonly serving: Promise<{ readonly client: BenchClient; readonly ms: number }>;
  /** Its API, for a kubelet. */
  readonly server: () => Promise<ServerOf>;
}

/** @param objects what the cloud has sent it */
export async function makeDevice(context: BenchContext, name: string, objects: readonly KubeObject[]): Promise<UnlinkedDevice> {
  const { dir, agentMain, agentFlags, nodeFlags, signal } = context;
  const folder = join(dir, name);
  const device = await startLocalDevice({ node: NODE, folder });
  for (let from = 0; from < objects.length; from += BATCH) device.put(...objects.slice(from, from + BATCH));
  await device.stop();
  const authority = await createAuthority('bench');
  const pki = join(dir, `${name}-pki`);
  const pair = await writePair(pki, NODE, await issueNodeCertificate(authority, NODE));
  const port = await freePort();
  const flags = {
    ...{ '--data-dir': folder, '--api-port': String(port), '--workload': 'none' },
    // Nobody listens there.
    ...{ '--relay-urls': 'wss://127.0.0.1:1', '--tls-cert': pair.certificateFile, '--tls-key': pair.keyFile },
    ...{ '--tls-ca': await writePem(pki, 'ca.crt', authority.certificatePem) },
    ...agentFlags,
  };
  const server = async (): Promise<ServerOf> => ({
    url: `https://127.0.0.1:${port}`,
    ca: await readFile(join(folder, 'api.crt'), 'utf8'),
    token: (await readFile(join(folder, 'api.token'), 'utf8')).trim(),
  });
  return {
    start() {
      const spawnedAt = performance.now();
      const logFile = join(dir, `${name}.log`);
      const args = [...nodeFlags, agentMain, 'run', ...Object.entries(flags).flat()];
      const process = startProcess({ name: 'agent', args, logFile, ownGroup: true });
      return {
        process,
        server,
        serving: serves(server, spawnedAt, AbortSignal.any([signal, AbortSignal.timeout(WAIT_MS)])),
      };
    },
  };
}

async function serves(server: () => Promise<ServerOf>, spawnedAt: number, signal: AbortSignal) {
  const at = await server();
  for (;;) {
    signal.throwIfAborted();
    const client = await openClient(at).catch(() => undefined);
    if (client !== undefined) {
      const { status } = await client.call('GET', '/api/v1/nodes');
      if (status === 200) return { client, ms: performance.now() - spawnedAt };
      client.close();
    }
    await sleep(TRY_EVERY_MS, undefined, { signal });
  }
}
