import type { KubeObject } from '@hawser/protocol';
import type { ChangeCount } from '../../apiserver/change-counts.ts';
import type { RequestCount } from '../../apiserver/request-counts.ts';
import type { RequestRate } from '../../apiserver/request-rates.ts';
import type { KubeClient } from '../../support/kube.ts';

/** What the embedded API server tells of itself. */
export interface ApiServerCounts {
  /** Calls about the status of pods that the relay made as nodes, reads included. */
  readonly statusCalls: number;
  /** All calls of the relay. */
  readonly relayCalls: number;
  /** New versions of pods. */
  readonly podChanges: number;
}

export async function apiServerCounts(kube: KubeClient): Promise<ApiServerCounts> {
  const requests = (await told(kube, '/-/requests')) as readonly RequestCount[];
  const changes = (await told(kube, '/-/changes')) as readonly ChangeCount[];
  const calls = (matches: (count: RequestCount) => boolean) =>
    requests.filter((count) => count.by === 'relay' && matches(count)).reduce((sum, { count }) => sum + count, 0);
  return {
    statusCalls: calls(({ as, resource }) => as !== '' && (resource === 'pods' || resource === 'pods/status')),
    relayCalls: calls(() => true),
    podChanges: changes.filter(({ resource }) => resource === 'pods').reduce((sum, { count }) => sum + count, 0),
  };
}

/**
 * @param fromMs and `toMs` of the machine's monotonic clock; seconds that are only in part between them count whole
 * @returns the most calls of the relay in one second
 */
export async function peakCallsPerSecond(kube: KubeClient, fromMs: number, toMs: number): Promise<number> {
  return peakOf((await told(kube, '/-/requests/rates')) as readonly RequestRate[], fromMs, toMs);
}

export function peakOf(rates: readonly RequestRate[], fromMs: number, toMs: number): number {
  const within = rates.filter(({ second }) => second >= Math.floor(fromMs / 1000) && second <= Math.floor(toMs / 1000));
  return Math.max(0, ...within.map(({ count }) => count));
}

/** Objects of one answer; all pods at once would be a text of hundreds of megabytes. */
const PAGE = 5_000;

export async function* allPods(kube: KubeClient): AsyncGenerator<KubeObject> {
  let token = '';
  do {
    const { status, body } = await kube.raw('GET', `/api/v1/pods?limit=${PAGE}&continue=${encodeURIComponent(token)}`);
    if (status !== 200) throw new Error(`the API server does not list pods: ${status}`);
    const { items, metadata } = body as {
      readonly items: readonly KubeObject[];
      readonly metadata: { readonly continue?: string };
    };
    yield* items;
    token = metadata.continue ?? '';
  } while (token !== '');
}

async function told(kube: KubeClient, path: string): Promise<unknown> {
  const { status, body } = await kube.raw('GET', path);
  if (status !== 200) throw new Error(`the API server does not answer ${path}: ${status}`);
  return body;
}
