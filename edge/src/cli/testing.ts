import { rmSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { pino } from 'pino';
import { createAuthority, issueNodeCertificate, writePair, writePem } from '../../../test/support/pki.ts';
import { type Agent, startAgent } from '../agent.ts';
import { systemClock } from '../api/clock.ts';
import type { Settings } from '../ops/settings.ts';
import { temporaryFolder } from '../store/testing.ts';
import type { CliIo } from './io.ts';
import { runCli } from './program.ts';

/** Runs a command line of the agent in this process. */
export async function cli(args: readonly string[], io: Partial<CliIo> = {}) {
  const said = { out: '', err: '' };
  const code = await runCli(args, {
    version: '0',
    run: () => Promise.reject(new Error('not asked for')),
    env: {},
    now: () => new Date(),
    hostName: () => 'device',
    interrupted: () => new AbortController().signal,
    write: (text) => {
      said.out += text;
    },
    writeError: (text) => {
      said.err += text;
    },
    ...io,
  });
  return { code, ...said };
}

export interface UnlinkedAgent {
  readonly dataDir: string;
  readonly agent: Agent;
  readonly settings: Settings;
  readonly logs: readonly Readonly<Record<string, unknown>>[];
  stop(): Promise<void>;
}

/** An agent in this process, whose relay nobody is: port 1 of loopback is served by nobody. */
export async function unlinkedAgent(t: TestContext, changes: Partial<Settings> = {}): Promise<UnlinkedAgent> {
  const dir = temporaryFolder(t);
  const authority = await createAuthority('test');
  const ca = await writePem(dir, 'ca.crt', authority.certificatePem);
  const device = await writePair(dir, 'edge-1', await issueNodeCertificate(authority, 'edge-1'));
  const dataDir = join(dir, 'data');
  const settings: Settings = {
    dataDir,
    relay: { urls: ['wss://127.0.0.1:1'] },
    tls: { cert: device.certificateFile, key: device.keyFile, ca },
    store: {},
    keyExchange: 'hybrid',
    api: { address: '127.0.0.1', port: 0, pods: false },
    workload: 'none',
    hollow: { tokens: true },
    kubelet: {},
    ops: { address: '127.0.0.1' },
    logLevel: 'info',
    limits: { apiConnections: 4_096, apiStrangers: 256, apiRequests: 256, apiWatches: 3_072 },
    recheckSeconds: 50,
    backoff: { baseMs: 60_000, capMs: 60_000 },
    ...changes,
  };
  const logs: Record<string, unknown>[] = [];
  const logger = pino({ level: settings.logLevel }, { write: (line: string) => logs.push(JSON.parse(line)) });
  const agent = await startAgent({ settings, clock: systemClock, random: () => 0.999, logger });
  let isStopped = false;
  const stop = async () => {
    if (!isStopped) await agent.stop();
    isStopped = true;
  };
  t.after(async () => {
    await stop();
    rmSync(dataDir, { recursive: true, force: true });
  });
  return { dataDir, agent, settings, logs, stop };
}
