import { createApiClient, createNodeLeases, loadCredentials, type NodeLeases, systemClock } from '@hawser/cloud';
import { pino } from 'pino';
import { startProcess } from '../../support/processes.ts';
import { until } from '../../support/until.ts';
import type { BenchContext } from '../context.ts';
import { monotonicMs } from '../monotonic.ts';
import type { LeasesOptions } from '../options.ts';
import type { Figure, Report } from '../report.ts';
import { median, percentile, rounded } from '../statistics.ts';
import { cpuMsOf } from '../workspace.ts';

const START_TIMEOUT_MS = 120_000;
/** What a node's Lease lasts for. */
const DURATION_SECONDS = 40;

interface Renewal {
  readonly node: string;
  readonly atMs: number;
  readonly tookMs: number;
}

/**
 * The Leases of many nodes that all link at once: the part of the relay that renews them, against the embedded API server in a process
 * of its own, over TLS. The links themselves are played.
 */
export async function measureLeases(options: LeasesOptions, context: BenchContext): Promise<Report> {
  const { nodes, seconds, callsPerSecond } = options;
  const { dir, signal, say } = context;
  const server = startProcess({ name: 'API server', args: ['test/apiserver/main.ts', '--dir', dir, '--port', '0'] });
  let leases: NodeLeases | undefined;
  const client: { close?: () => void } = {};
  try {
    await server.line('its address', (line) => typeof line.url === 'string', START_TIMEOUT_MS);
    const logger = pino({ level: 'warn' }, pino.destination(2));
    const connection = loadCredentials({ kubeconfig: `${dir}/relay.kubeconfig` });
    const api = createApiClient(connection, { logger, clock: systemClock });
    client.close = () => api.close();
    const renewals: Renewal[] = [];
    let calls = 0;
    const counted: Parameters<typeof createNodeLeases>[0]['api'] = {
      async request(request) {
        const beganMs = monotonicMs();
        calls += 1;
        const answer = await api.request(request);
        const node = request.impersonate?.user.replace('system:node:', '') ?? '';
        if (answer.status < 300) renewals.push({ node, atMs: monotonicMs(), tookMs: monotonicMs() - beganMs });
        return answer;
      },
    };
    leases = createNodeLeases({
      api: counted,
      counts: { apiCall: () => {} },
      form: () => 'constrained',
      downstream: { node: nodeOf, onNodeState: () => () => {} },
      links: undefined,
      renewSeconds: 10,
      callsPerSecond,
      // What is measured are Leases: nothing is written about Nodes meanwhile.
      linkedAfterSeconds: 86_400,
      clock: systemClock,
      random: Math.random,
      self: 'bench',
      logger,
      metrics: { leaseRenewal: () => {}, linkedWrite: () => {} },
    });
    leases.start();
    const names = Array.from({ length: nodes }, (_, n) => `edge-${n}`);
    say(`${nodes} nodes link at once`);
    const beganMs = monotonicMs();
    for (const node of names) {
      const session = { node, remote: '', storeId: '', agentVersion: 'bench', end: () => {} };
      leases.opened(session);
      leases.kubelet(session, true);
    }
    const seen = new Set<string>();
    await until('all Leases', 600_000, signal, async () => {
      for (const { node } of renewals) seen.add(node);
      return seen.size === nodes;
    });
    const firstMs = monotonicMs() - beganMs;
    say(`all have a Lease after ${rounded(firstMs / 1000, 1)} s; counting for ${seconds} s`);
    const fromMs = monotonicMs();
    const before = { calls, cpuMs: process.cpuUsage(), server: await cpuMsOf(server.pid) };
    await until('the end', (seconds + 60) * 1000, signal, async () => monotonicMs() - fromMs >= seconds * 1000);
    const tookS = (monotonicMs() - fromMs) / 1000;
    const cpu = process.cpuUsage(before.cpuMs);
    const within = renewals.filter(({ atMs }) => atMs >= fromMs);
    const gaps = gapsOf(renewals, fromMs - DURATION_SECONDS * 1000, names);
    const busiest = busiestSecond(within, fromMs);
    const figures: Figure[] = [
      figure(
        'leaseCallsPerSecond',
        `calls of the API server for the Leases of ${nodes} nodes`,
        (calls - before.calls) / tookS,
        '/s',
        0,
        callsPerSecond,
      ),
      figure('leasePeakCallsPerSecond', '  in the busiest second', busiest, '/s', 0),
      figure(
        'leaseLongestGapSeconds',
        'longest time between two renewals of one node',
        Math.max(...gaps) / 1000,
        's',
        1,
        DURATION_SECONDS,
      ),
      figure('leaseMedianGapSeconds', '  median', median(gaps) / 1000, 's', 1),
      figure('leaseFirstSeconds', 'all nodes link at once: until the last has its first Lease', firstMs / 1000, 's', 1),
      figure(
        'leaseP99Ms',
        'one call, 99th percentile',
        percentile(
          within.map(({ tookMs }) => tookMs),
          0.99,
        ),
        'ms',
        1,
      ),
      figure(
        'leaseRelayCpuMs',
        'processor time for each: relay',
        (cpu.user + cpu.system) / 1000 / Math.max(1, within.length),
        'ms',
        2,
      ),
      figure(
        'leaseApiServerCpuMs',
        '  API server',
        ((await cpuMsOf(server.pid)) - before.server) / Math.max(1, within.length),
        'ms',
        2,
      ),
    ];
    return {
      figures,
      run: { nodes, seconds, callsPerSecond, node: process.version },
      notes: ['links are played; calls, TLS and the API server (the embedded one of the tests) are real, and share this machine'],
    };
  } finally {
    leases?.stop();
    client.close?.();
    await server.stop();
  }
}

function nodeOf(name: string) {
  return { exists: true, uid: `uid-${name}`, labelled: true, linked: undefined, agentVersion: undefined };
}

/** Of each node the times between its renewals, the one that is under way at the end included; in ms. */
function gapsOf(renewals: readonly Renewal[], fromMs: number, names: readonly string[]): number[] {
  const last = new Map<string, number>();
  const gaps: number[] = [];
  for (const { node, atMs } of renewals) {
    const before = last.get(node);
    if (before !== undefined && atMs >= fromMs) gaps.push(atMs - before);
    last.set(node, atMs);
  }
  const nowMs = monotonicMs();
  const open = Math.max(...names.map((name) => nowMs - (last.get(name) ?? fromMs)));
  return [...gaps, open];
}

function busiestSecond(renewals: readonly Renewal[], fromMs: number): number {
  const counts = new Map<number, number>();
  for (const { atMs } of renewals) {
    const second = Math.floor((atMs - fromMs) / 1000);
    counts.set(second, (counts.get(second) ?? 0) + 1);
  }
  return Math.max(0, ...counts.values());
}

function figure(name: string, about: string, value: number, unit: string, decimals: number, atMost?: number): Figure {
  return { name, about, value: rounded(value, decimals), unit, ...(atMost === undefined ? {} : { atMost }) };
}
