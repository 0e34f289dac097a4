import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { parse } from 'yaml';
import { ROOT } from '../support/processes.ts';
import { withoutTool } from '../support/tools.ts';
import { unknownIn } from './known-metrics.ts';
import { promtool } from './promtool.ts';

const RULES = 'deploy/monitoring/rules.yaml';
const TESTS = 'deploy/monitoring/rules.test.yaml';

interface Alert {
  readonly alert: string;
  readonly expr: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
}

interface RuleTest {
  readonly alert_rule_test: readonly { readonly alertname: string; readonly exp_alerts: readonly unknown[] }[];
}

const read = (file: string) => readFileSync(join(ROOT, file), 'utf8');
const { groups } = parse(read(RULES)) as { groups: { rules: Alert[] }[] };
const alerts = groups.flatMap(({ rules }) => rules);

test('the alert rules are valid, and do in promtool what their tests say', {
  timeout: 300_000,
  skip: withoutTool('promtool'),
}, async () => {
  for (const args of [
    ['check', 'rules', '--lint=all', '--lint-fatal', join(ROOT, RULES)],
    ['test', 'rules', join(ROOT, TESTS)],
  ]) {
    const { code, output } = await promtool(args);
    assert.equal(code, 0, output);
    assert.match(output, /SUCCESS/);
  }
});

test('each alert fires in one of the tests, and is silent in that of a healthy fleet', () => {
  const { tests } = parse(read(TESTS)) as { tests: readonly RuleTest[] };
  const checks = tests.flatMap(({ alert_rule_test }) => alert_rule_test);
  const names = (fires: boolean) =>
    new Set(checks.filter(({ exp_alerts }) => exp_alerts.length > 0 === fires).map(({ alertname }) => alertname));
  const all = new Set(alerts.map(({ alert }) => alert));
  assert.equal(all.size, alerts.length, 'two have one name');
  assert.deepEqual(names(true), all);
  assert.deepEqual(names(false), all);
});

test('each alert says what it is, how bad it is, and where it stands what to do', () => {
  const page = read('docs/metrics.md');
  const sections = [...page.matchAll(/^### (Hawser\w+)$/gm)].map(([, name]) => name);
  assert.deepEqual(
    sections,
    alerts.map(({ alert }) => alert),
    'sections of docs/metrics.md, in the order of the rules',
  );
  for (const { alert, labels, annotations } of alerts) {
    assert.deepEqual(Object.keys(annotations), ['summary', 'description', 'runbook'], alert);
    for (const text of Object.values(annotations)) assert.ok(text.length > 10, alert);
    assert.equal(annotations.runbook, `docs/metrics.md#${alert.toLowerCase()}`);
    assert.ok(['critical', 'warning'].includes(String(labels.severity)), alert);
  }
});

test('the rules ask only for metrics and labels that there are', async () => {
  for (const { alert, expr } of alerts) assert.deepEqual(await unknownIn(expr), [], alert);
});
