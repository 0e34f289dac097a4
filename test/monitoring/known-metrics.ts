import { type DescribedMetric, documentedMetrics } from '../support/metrics-page.ts';

/** Of Node and the process, as the library of both programs serves them: those that rules and dashboards use. */
const OF_NODE = [
  'process_cpu_seconds_total',
  'process_resident_memory_bytes',
  'process_start_time_seconds',
  'nodejs_eventloop_lag_p99_seconds',
  'nodejs_heap_size_used_bytes',
];

/** Labels that a scrape adds. */
const OF_THE_SCRAPE = ['namespace', 'job', 'instance', 'pod'];

/** A metric, and the matchers behind it where there are some. */
const SELECTOR = /\b((?:hawser|process|nodejs)_\w+)(?:\{([^}]*)\})?/g;
const GROUPING = /\b(?:by|without|on|ignoring|group_left|group_right)\s*\(([^)]*)\)/g;

/**
 * What a PromQL expression names and docs/metrics.md does not: metrics, labels of theirs in matchers, and labels that it groups by which none
 * of its metrics has.
 */
export async function unknownIn(expr: string): Promise<string[]> {
  const known = await knownMetrics();
  const unknown: string[] = [];
  const labelsOfAll = new Set(OF_THE_SCRAPE);
  for (const [, named = '', matchers = ''] of expr.matchAll(SELECTOR)) {
    const metric = known.get(named);
    if (metric === undefined) unknown.push(named);
    const labels = [...(metric?.labels ?? []), ...(named.endsWith('_bucket') ? ['le'] : [])];
    for (const label of labels) labelsOfAll.add(label);
    for (const [, label = ''] of matchers.matchAll(/(\w+)\s*(?:=~|!~|!=|=)\s*"/g)) {
      if (![...labels, ...OF_THE_SCRAPE].includes(label)) unknown.push(`${named}{${label}}`);
    }
  }
  for (const [, list = ''] of expr.matchAll(GROUPING)) {
    for (const label of list.split(',').map((text) => text.trim())) {
      if (label !== '' && !labelsOfAll.has(label)) unknown.push(label);
    }
  }
  return unknown;
}

/** By the names under which they are asked for: a histogram is three. */
async function knownMetrics(): Promise<ReadonlyMap<string, Pick<DescribedMetric, 'labels'>>> {
  const known = new Map<string, Pick<DescribedMetric, 'labels'>>(OF_NODE.map((name) => [name, { labels: [] }]));
  for (const prefix of ['hawser_relay_', 'hawser_agent_']) {
    for (const [name, metric] of await documentedMetrics(prefix)) {
      const names = metric.type === 'histogram' ? ['_bucket', '_sum', '_count'].map((end) => name + end) : [name];
      for (const each of names) known.set(each, metric);
    }
  }
  return known;
}
