import type { RequestCount } from '../../apiserver/request-counts.ts';
import type { KubeClient } from '../../support/kube.ts';

/** Writes that the relay made at the API server so far. */
export interface ApiWrites {
  /** With its own rights: what deliveries may cost. Leases are counted apart, since they are renewed by the clock. */
  readonly own: number;
  /** Leases, renewed or taken, whoever they are of. */
  readonly leases: number;
  /** As the node: what the device has reported. */
  readonly reports: number;
}

const READS = new Set(['GET', 'HEAD', 'OPTIONS']);

export async function relayWrites(kube: KubeClient): Promise<ApiWrites> {
  const { status, body } = await kube.raw('GET', '/-/requests');
  if (status !== 200) throw new Error(`the API server does not tell its counts: ${status}`);
  return writesIn(body as readonly RequestCount[]);
}

export function writesIn(counts: readonly RequestCount[]): ApiWrites {
  const sum = (matches: (count: RequestCount) => boolean) =>
    counts
      .filter((count) => count.by === 'relay' && !READS.has(count.method) && matches(count))
      .reduce((n, { count }) => n + count, 0);
  const isLease = ({ resource }: RequestCount) => resource === 'leases';
  return {
    own: sum((count) => count.as === '' && !isLease(count)),
    leases: sum(isLease),
    reports: sum((count) => count.as !== '' && !isLease(count)),
  };
}
