import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ROOT } from './processes.ts';

export interface DescribedMetric {
  readonly name: string;
  readonly type: string;
  readonly labels: readonly string[];
}

const ROW = /^\| `(hawser_\w+)` \| (\w+) \| ([^|]*)\| ([^|]+)\|/;

/** The rows of docs/metrics.md about metrics with that prefix, by name. @throws where a row has no meaning, or stands there twice */
export async function documentedMetrics(prefix: string): Promise<Map<string, DescribedMetric>> {
  const rows = new Map<string, DescribedMetric>();
  for (const line of (await readFile(join(ROOT, 'docs', 'metrics.md'), 'utf8')).split('\n')) {
    const [, name, type, labels, meaning] = ROW.exec(line) ?? [];
    if (name === undefined || type === undefined || !name.startsWith(prefix)) continue;
    if (rows.has(name)) throw new Error(`${name} is described twice`);
    if (meaning?.trim() === '') throw new Error(`${name} has no meaning`);
    rows.set(name, { name, type, labels: [...(labels ?? '').matchAll(/`(\w+)`/g)].map(([, label]) => String(label)) });
  }
  return rows;
}

/** The value of one series, `name{label="value"}`; 0 where it is not there. */
export function valueIn(text: string, series: string): number {
  const line = text.split('\n').find((each) => each.startsWith(`${series} `));
  return line === undefined ? 0 : Number(line.slice(series.length + 1));
}

/** What an endpoint serves with that prefix, by name; labels are those of the series that there are, undefined without any. */
export function servedMetrics(text: string, prefix: string) {
  const served = new Map<string, { readonly type: string; labels: readonly string[] | undefined }>();
  for (const line of text.split('\n')) {
    const [, named, type] = /^# TYPE (\w+) (\w+)$/.exec(line) ?? [];
    if (named?.startsWith(prefix) && type !== undefined) served.set(named, { type, labels: undefined });
    const [, series, labels = ''] = /^(\w+)(?:\{(.*)\})? \S+$/.exec(line) ?? [];
    const metric = served.get(series ?? '') ?? served.get(series?.replace(/_(bucket|sum|count)$/, '') ?? '');
    const names = [...labels.matchAll(/(\w+)="/g)].map(([, label]) => String(label)).filter((label) => label !== 'le');
    if (metric !== undefined) metric.labels = names;
  }
  return served;
}
