import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { stringify } from 'yaml';
import { ROOT } from '../support/processes.ts';
import { withoutTool } from '../support/tools.ts';
import { unknownIn } from './known-metrics.ts';
import { promtool } from './promtool.ts';

interface Panel {
  readonly id: number;
  readonly type: string;
  readonly title: string;
  readonly datasource?: unknown;
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
  readonly targets?: readonly { readonly expr: string; readonly datasource: unknown; readonly legendFormat: string }[];
}

const text = readFileSync(join(ROOT, 'deploy/monitoring/dashboard.json'), 'utf8');
const dashboard = JSON.parse(text) as {
  readonly uid?: string;
  readonly templating: { readonly list: readonly { readonly name: string; readonly type: string; readonly query: string }[] };
  readonly panels: readonly Panel[];
};
const variables = new Set(dashboard.templating.list.map(({ name }) => name));
const queries = dashboard.panels.flatMap(({ title, targets = [] }) => targets.map(({ expr }) => ({ title, expr })));

/** As Grafana puts values in place of its variables, so that what Prometheus is sent can be parsed. */
function filledIn(expr: string): string {
  return expr.replaceAll('$__rate_interval', '5m').replaceAll(/\$(\w+)/g, (_, name) => {
    assert.ok(variables.has(String(name)), `$${name} is no variable of the dashboard`);
    return '.*';
  });
}

test('each query of the dashboard is PromQL', { timeout: 120_000, skip: withoutTool('promtool') }, async (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'hawser-dashboard-'));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  const check = async (expressions: readonly string[]) => {
    const rules = expressions.map((expr, n) => ({ record: `dashboard:query:${n}`, expr: filledIn(expr) }));
    const file = join(dir, 'rules.yaml');
    writeFileSync(file, stringify({ groups: [{ name: 'dashboard', rules }] }));
    return promtool(['check', 'rules', file]);
  };
  assert.ok(queries.length >= 50, `${queries.length} queries`);
  const { code, output } = await check(queries.map(({ expr }) => expr));
  assert.equal(code, 0, output);
  assert.notEqual((await check(['sum by (state) hawser_relay_sessions)'])).code, 0, 'what is no PromQL is found');
});

test('the dashboard asks only for metrics and labels that there are', async () => {
  for (const { title, expr } of queries) assert.deepEqual(await unknownIn(filledIn(expr)), [], title);
  for (const { name, type, query } of dashboard.templating.list) {
    if (type === 'query') assert.deepEqual(await unknownIn(query), [], name);
  }
});

test('legends name labels that the query leaves', () => {
  for (const { title, targets = [] } of dashboard.panels) {
    for (const { expr, legendFormat } of targets) {
      const [, grouped] = /\bby \(([^)]*)\)/.exec(expr) ?? [];
      if (grouped === undefined) continue;
      for (const [, label = ''] of legendFormat.matchAll(/\{\{(\w+)\}\}/g)) {
        assert.ok(grouped.split(', ').includes(label), `${title}: {{${label}}}`);
      }
    }
  }
});

test('the dashboard works in any Grafana: the data source is chosen, and nothing is found by an id of ours', () => {
  assert.equal(dashboard.uid, undefined);
  const [source] = dashboard.templating.list;
  assert.deepEqual([source?.name, source?.type, source?.query], ['datasource', 'datasource', 'prometheus']);
  assert.deepEqual([...new Set([...text.matchAll(/"uid": "([^"]*)"/g)].map(([, uid]) => uid))], ['$datasource']);
  const panels = dashboard.panels.filter(({ type }) => type !== 'row');
  for (const { title, datasource, targets = [] } of panels) {
    assert.ok(targets.length > 0, title);
    for (const each of [datasource, ...targets.map((target) => target.datasource)]) {
      assert.deepEqual(each, { type: 'prometheus', uid: '$datasource' }, title);
    }
  }
});

test('panels have ids of their own, and none lies over another', () => {
  assert.equal(new Set(dashboard.panels.map(({ id }) => id)).size, dashboard.panels.length);
  const taken = new Map<string, string>();
  for (const { title, gridPos } of dashboard.panels) {
    assert.ok(gridPos.x + gridPos.w <= 24, title);
    for (let x = gridPos.x; x < gridPos.x + gridPos.w; x += 1) {
      for (let y = gridPos.y; y < gridPos.y + gridPos.h; y += 1) {
        assert.equal(taken.get(`${x},${y}`), undefined, `${title} lies there too`);
        taken.set(`${x},${y}`, title);
      }
    }
  }
});
