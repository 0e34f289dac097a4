import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { stringify } from 'yaml';
import { fleetFor, nodeReady, podInCloud, podOn } from '../e2e/harness.ts';
import { freePort } from '../support/free-port.ts';
import { ROOT, startProcess } from '../support/processes.ts';
import { until } from '../support/until.ts';

/**
 * By hand: Debian's Prometheus, as `apt-get download prometheus` and `dpkg-deb -x` bring it; nothing has to be installed. For how many seconds it
 * looks: rates need four scrapes at least.
 */
const { HAWSER_TEST_PROMETHEUS: prometheus, HAWSER_TEST_PROMETHEUS_SECONDS = '60' } = process.env;
/** Of scrapes and of rules; in seconds. */
const INTERVAL_S = 2;
/** What a healthy fleet of one device answers with nothing: no lag, no failure of a call, no bound, no storage that is damaged, no Lease that the relay holds yet. */
const EMPTY =
  /lag_seconds|api_calls_total\{.*code=~|_damaged_rows|reflector_state.*> 0$|bounds_reached|(nacks|refused|denied|renewals|enrolments|links_ended)_total|query_seconds|memory_limit|outbox_oldest|node_lease_oldest/;

interface Answer<T> {
  readonly status: string;
  readonly data: T;
  readonly error?: string;
}
interface Target {
  readonly labels: Readonly<Record<string, string>>;
  readonly health: string;
  readonly lastError: string;
}
interface Rule {
  readonly name: string;
  readonly health: string;
  readonly lastError?: string;
  readonly state: string;
}

test('a real Prometheus scrapes relay and agent without an error, evaluates every rule, and answers every query of the dashboard', {
  skip: prometheus ? false : 'HAWSER_TEST_PROMETHEUS names no prometheus: by hand',
  timeout: (Number(HAWSER_TEST_PROMETHEUS_SECONDS) + 240) * 1000,
}, async (t) => {
  assert.ok(prometheus);
  const fleet = await fleetFor(t, { agents: ['edge-1'], identities: 'joined', agentFlags: { '--ops-port': '0' } });
  const [agent] = fleet.agents;
  assert.ok(agent);
  await nodeReady(fleet.kube, 'edge-1');
  const dir = mkdtempSync(join(tmpdir(), 'hawser-prometheus-'));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  const job = (name: string, port: unknown) => ({
    job_name: name,
    static_configs: [{ targets: [`127.0.0.1:${port}`], labels: { namespace: 'hawser-system' } }],
  });
  const { opsPort } = await agent.process().line('its start', ({ msg }) => msg === 'agent started');
  const { opsPort: relayPort } = await fleet.relay().line('its ports', ({ msg }) => msg === 'relay listening');
  const config = join(dir, 'prometheus.yml');
  const text = stringify({
    global: { scrape_interval: `${INTERVAL_S}s`, evaluation_interval: `${INTERVAL_S}s` },
    rule_files: [join(ROOT, 'deploy/monitoring/rules.yaml')],
    scrape_configs: [job('hawser-relay', relayPort), job('hawser-agent', opsPort)],
  });
  writeFileSync(config, text);
  const data = join(dir, 'data');
  mkdirSync(data);
  const port = await freePort();
  const server = startProcess({
    name: 'prometheus',
    node: prometheus,
    args: [
      `--config.file=${config}`,
      `--storage.tsdb.path=${data}`,
      `--web.listen-address=127.0.0.1:${port}`,
      '--log.format=json',
    ],
  });
  t.after(() => server.stop());
  const ask = async <T>(path: string): Promise<T> => {
    const answer = (await (await fetch(`http://127.0.0.1:${port}/api/v1/${path}`)).json()) as Answer<T>;
    assert.equal(answer.status, 'success', `${path}: ${answer.error}`);
    return answer.data;
  };
  const query = (expr: string) =>
    ask<{ readonly result: readonly { readonly value: [number, string] }[] }>(`query?query=${encodeURIComponent(expr)}`);
  await server.line('that it serves', ({ msg }) => msg === 'Server is ready to receive web requests.', 60_000);

  // Something goes on: pods come and go until it has looked long enough.
  const started = performance.now();
  const seconds = Number(HAWSER_TEST_PROMETHEUS_SECONDS);
  for (let n = 0; performance.now() - started < seconds * 1000; n += 1) {
    await fleet.kube.create(podOn('edge-1', `web-${n}`));
    await podInCloud(fleet.kube, `web-${n}`, ({ phase }) => phase === 'Running');
    await fleet.kube.remove('pods', 'default', `web-${n}`, 0);
  }
  await until('enough scrapes', 60_000, undefined, async () => {
    const { result } = await query('count_over_time(up[1h])');
    return result.length === 2 && result.every(({ value }) => Number(value[1]) >= 5);
  });

  const { activeTargets } = await ask<{ activeTargets: readonly Target[] }>('targets');
  assert.deepEqual(
    activeTargets.map(({ labels, health, lastError }) => [labels.job, health, lastError]).sort(),
    ['hawser-agent', 'hawser-relay'].map((name) => [name, 'up', '']),
  );
  const { result: downs } = await query('min_over_time(up[1h]) == 0');
  assert.deepEqual(downs, [], 'no scrape has failed');
  const { groups } = await ask<{ groups: readonly { rules: readonly Rule[] }[] }>('rules');
  const rules = groups.flatMap((group) => group.rules);
  const expected = readFileSync(join(ROOT, 'deploy/monitoring/rules.yaml'), 'utf8').match(/- alert: /g)?.length;
  assert.equal(rules.length, expected);
  assert.deepEqual(
    rules.filter(({ health, state }) => health !== 'ok' || state !== 'inactive'),
    [],
    'every rule is evaluated, and none fires',
  );

  const dashboard = JSON.parse(readFileSync(join(ROOT, 'deploy/monitoring/dashboard.json'), 'utf8')) as {
    panels: readonly { readonly title: string; readonly targets?: readonly { readonly expr: string }[] }[];
  };
  const empty: string[] = [];
  let answered = 0;
  for (const { title, targets = [] } of dashboard.panels) {
    for (const { expr } of targets) {
      const { result } = await query(expr.replaceAll('$__rate_interval', '1m').replaceAll(/\$\w+/g, '.*'));
      if (result.length > 0) answered += 1;
      else if (!EMPTY.test(expr)) empty.push(`${title}: ${expr}`);
    }
  }
  t.diagnostic(`${answered} queries of the dashboard with an answer, ${rules.length} rules`);
  assert.deepEqual(empty, []);
});
