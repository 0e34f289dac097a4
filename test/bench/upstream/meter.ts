import type { Fleet } from '../../support/fleet.ts';
import { monotonicMs } from '../monotonic.ts';
import { cpuMsOf } from '../workspace.ts';
import { type ApiServerCounts, apiServerCounts } from './api-server.ts';

/** Where the machine's time goes, and what the API server has seen: read before and after, and taken apart. */
export interface Reading extends ApiServerCounts {
  readonly at: number;
  /** Processor time, in ms. */
  readonly relayMs: number;
  readonly apiServerMs: number;
  readonly agentsMs: number;
}

export async function readMeter(fleet: Fleet, agents: readonly { readonly pid: number }[]): Promise<Reading> {
  const apiServer = fleet.apiServer();
  if (apiServer === undefined) throw new Error('the benchmark needs the embedded API server');
  const counts = await apiServerCounts(fleet.kube);
  const agentsMs = await Promise.all(agents.map(({ pid }) => cpuMsOf(pid)));
  return {
    ...counts,
    at: monotonicMs(),
    relayMs: await cpuMsOf(fleet.relay().pid),
    apiServerMs: await cpuMsOf(apiServer.pid),
    agentsMs: agentsMs.reduce((sum, ms) => sum + ms, 0),
  };
}

export function between(before: Reading, after: Reading): Reading {
  const difference = (name: keyof Reading) => after[name] - before[name];
  return {
    at: difference('at'),
    relayMs: difference('relayMs'),
    apiServerMs: difference('apiServerMs'),
    agentsMs: difference('agentsMs'),
    statusCalls: difference('statusCalls'),
    relayCalls: difference('relayCalls'),
    podChanges: difference('podChanges'),
  };
}
