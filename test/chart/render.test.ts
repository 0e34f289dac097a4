import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { promisify } from 'node:util';
import { resolveConfig } from '@hawser/cloud';
import { parseAllDocuments } from 'yaml';
import { CHART, EXAMPLE_VALUES, type RenderOptions, ROOT, renderChart, valueFlags } from '../../scripts/chart/helm.ts';
import { plainManifests } from '../../scripts/chart/manifests.ts';
import { settingsSchema } from '../../scripts/chart/settings-schema.ts';
import { rowsOf, withTable } from '../../scripts/chart/values-table.ts';
import { CLUSTER_RESOURCES } from '../apiserver/cluster-resources.ts';
import { severalHelms } from '../support/helm.ts';
import { CASES, WRONG } from './cases.ts';

const { found, missing } = await severalHelms();
if (missing.length > 0 && process.env.CI) throw new Error(missing.join('\n'));
const newest = found.at(-1);
const AGAIN = 'make it anew: npx node scripts/manifests.ts';

interface Rendered {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string; readonly labels: Record<string, string> };
  readonly [field: string]: unknown;
}

async function render(options: RenderOptions): Promise<Rendered[]> {
  return objectsOf(await renderChart(options));
}

function objectsOf(text: string): Rendered[] {
  return parseAllDocuments(text, { uniqueKeys: true }).flatMap((document) => {
    assert.deepEqual(document.errors, []);
    return document.toJS() ?? [];
  });
}

function only(objects: readonly Rendered[], kind: string, name = 'hawser-relay'): Rendered {
  const matching = objects.filter((one) => one.kind === kind && one.metadata.name === name);
  assert.equal(matching.length, 1, `${kind} ${name}`);
  return matching[0] ?? assert.fail();
}

function configOf(objects: readonly Rendered[]): string {
  return (only(objects, 'ConfigMap', 'hawser-relay-config').data as Record<string, string>)['relay.yaml'] ?? '';
}

for (const { version, file: helm } of found) {
  describe(`the chart by Helm ${version}`, { timeout: 480_000, concurrency: 2 }, () => {
    it('passes lint as strictly as there is', async () => {
      await promisify(execFile)(helm, ['lint', '--strict', CHART, ...valueFlags(EXAMPLE_VALUES)]);
    });

    for (const [name, values] of Object.entries(CASES)) {
      it(`renders objects that a cluster knows, with a configuration that the relay takes: ${name}`, async () => {
        const objects = await render({ helm, values });
        const named = objects.map(({ kind, metadata }) => `${kind} ${metadata.namespace ?? ''}/${metadata.name}`);
        assert.deepEqual(named, [...new Set(named)]);
        for (const { apiVersion, kind, metadata } of objects) {
          assert.ok(isKnown(apiVersion, kind), `${apiVersion} ${kind}`);
          assert.equal(metadata.labels['app.kubernetes.io/name'], 'hawser-relay');
        }
        const text = configOf(objects);
        resolveConfig({ env: {}, flags: new Map(), file: { path: 'relay.yaml', text } });
      });
    }

    for (const [name, [values, words]] of Object.entries(WRONG)) {
      it(`refuses ${name}, and says what is wrong`, async () => {
        await assert.rejects(render({ helm, values }), words);
      });
    }
  });
}

/** The Prometheus operator's kinds are its own; all others the embedded API server takes. */
function isKnown(apiVersion: string, kind: string): boolean {
  if (apiVersion === 'monitoring.coreos.com/v1') return kind === 'ServiceMonitor' || kind === 'PrometheusRule';
  return CLUSTER_RESOURCES.some(
    (one) => one.kind === kind && `${one.group === '' ? '' : `${one.group}/`}${one.version}` === apiVersion,
  );
}

const skip = newest === undefined ? missing.join('; ') : false;

describe('what the values of the chart do', { skip, timeout: 240_000 }, () => {
  const helm = newest?.file ?? '';
  const rules = (objects: readonly Rendered[], kind: string, name = 'hawser-relay') =>
    JSON.stringify(objects.filter((one) => one.kind === kind && one.metadata.name === name).map((one) => one.rules));

  it('takes the form of impersonation that the version of Kubernetes has', async () => {
    for (const [kubeVersion, has] of [
      ['1.35.4', '"impersonate"'],
      ['1.36.0', '"impersonate:arbitrary-node"'],
      ['1.36.2-eks-1234', '"impersonate:arbitrary-node"'],
    ] as const) {
      assert.ok(rules(await render({ helm, kubeVersion }), 'ClusterRole', 'hawser-relay-as-node').includes(has), kubeVersion);
    }
    await assert.rejects(render({ helm, kubeVersion: '1.29.9' }), /kubeVersion: >=1\.30/);
  });

  it('gives no right that its settings make needless', async () => {
    const without = await render({ helm, values: CASES['no Leases, no labels'] ?? {} });
    assert.ok(!rules(without, 'Role').includes('leases'));
    const silent = await render({ helm, values: CASES['no administrative endpoint'] ?? {} });
    assert.ok(!/tokenreviews|subjectaccessreviews|hawser\/\*/.test(rules(silent, 'ClusterRole')));
    assert.ok(!JSON.stringify(silent.filter(({ kind }) => kind !== 'ConfigMap' && kind !== 'ClusterRole')).includes('admin'));
    assert.ok(!rules(without, 'ClusterRole').includes('"nodes"],"verbs":["patch"]'));
    const own = await render({ helm, values: CASES['certificates of an operator'] ?? {} });
    assert.ok(!rules(own, 'Role').includes('secrets'));
    assert.deepEqual(
      own.filter(({ metadata }) => metadata.namespace === 'kube-system'),
      [],
    );
    assert.deepEqual(
      (await render({ helm, values: CASES['rights by somebody else'] ?? {} })).filter(({ apiVersion }) =>
        apiVersion.startsWith('rbac.'),
      ),
      [],
    );
  });

  it('gives rights to the account in the namespace of the release, and to nobody else', async () => {
    const objects = await render({
      helm,
      namespace: 'elsewhere',
      values: { serviceAccount: { name: 'mine' }, autonomy: { enabled: true } },
    });
    const subjects = objects.flatMap(({ subjects: some = [] }) => some as object[]);
    assert.ok(subjects.length >= 5);
    for (const subject of subjects) assert.deepEqual(subject, { kind: 'ServiceAccount', name: 'mine', namespace: 'elsewhere' });
    assert.ok(
      JSON.stringify(only(objects, 'ValidatingAdmissionPolicy', 'hawser-relay-pods').spec).includes(
        "'system:serviceaccount:elsewhere:mine'",
      ),
    );
  });

  it('leaves a stopping pod more time than its drain, and restarts pods when settings change', async () => {
    type Template = { metadata: { annotations: Record<string, string> }; spec: { terminationGracePeriodSeconds: number } };
    const template = async (values: object) => {
      const { spec } = only(await render({ helm, values }), 'Deployment');
      return (spec as { template: Template }).template;
    };
    const [before, after] = [await template({}), await template({ settings: { drainSeconds: 200 } })];
    assert.ok(after.spec.terminationGracePeriodSeconds > 200);
    assert.ok(before.spec.terminationGracePeriodSeconds > 20);
    assert.notEqual(before.metadata.annotations['checksum/config'], after.metadata.annotations['checksum/config']);
    assert.equal((await template({ terminationGracePeriodSeconds: 90 })).spec.terminationGracePeriodSeconds, 90);
  });

  it('keeps numbers as they are in the relay, however large', async () => {
    const text = configOf(await render({ helm, values: CASES['large numbers'] ?? {} }));
    const { settings } = resolveConfig({ env: {}, flags: new Map(), file: { path: 'relay.yaml', text } });
    assert.deepEqual([settings.limits.supersededBytes, settings.limits.sessions], [17_179_869_184, 100_000]);
  });

  it('points the relay at the certificates of an operator where they are mounted', async () => {
    const objects = await render({ helm, values: CASES['both of them'] ?? {} });
    const { settings } = resolveConfig({ env: {}, flags: new Map(), file: { path: 'relay.yaml', text: configOf(objects) } });
    const { spec } = only(objects, 'Deployment') as unknown as {
      spec: { template: { spec: { containers: [{ volumeMounts: { mountPath: string }[] }] } } };
    };
    const mounts = spec.template.spec.containers[0].volumeMounts.map(({ mountPath }) => mountPath);
    for (const file of [settings.tls.cert, settings.tls.key, settings.tls.clientCa, settings.issuer.cert, settings.issuer.key]) {
      assert.ok(
        mounts.some((mount) => file?.startsWith(`${mount}/`)),
        file,
      );
    }
  });

  it('sends each port of Services, probes and NetworkPolicy to a port of the container', async () => {
    const objects = await render({ helm, values: { ...CASES['other ports'], networkPolicy: { enabled: true } } });
    const { spec } = only(objects, 'Deployment') as unknown as {
      spec: { template: { spec: { containers: [Record<string, { name: string; containerPort: number }[]>] } } };
    };
    const ports = Object.fromEntries(
      (spec.template.spec.containers[0].ports ?? []).map(({ name, containerPort }) => [name, containerPort]),
    );
    assert.deepEqual(ports, { link: 9443, ops: 9081, admin: 9444 });
    const named = JSON.stringify([...objects.filter(({ kind }) => /^(Service|NetworkPolicy|Deployment)$/.test(kind))]);
    for (const [, name = ''] of named.matchAll(/"(?:targetPort|port)":"(\w+)"/g)) assert.ok(name in ports, name);
  });
});

describe('what is made from the chart', { skip, timeout: 240_000 }, () => {
  it('is in deploy/manifests, no file more and none less', async () => {
    const folder = join(ROOT, 'deploy', 'manifests');
    const made = await plainManifests(newest?.file ?? '');
    const there = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((file) =>
      statSync(join(folder, file)).isFile(),
    );
    assert.deepEqual([...made.keys()].sort(), there.sort(), AGAIN);
    for (const [file, text] of made)
      assert.equal(readFileSync(join(folder, file), 'utf8'), text, `deploy/manifests/${file}: ${AGAIN}`);
  });

  it('says as plain YAML what Helm installs by default, but for what only Helm can mean', async () => {
    const installed = (await render({ helm: newest?.file ?? '' })).map(withoutHelm);
    const folder = join(ROOT, 'deploy', 'manifests');
    const plain = readdirSync(folder)
      .filter((file) => file.endsWith('.yaml'))
      .flatMap((file) => objectsOf(readFileSync(join(folder, file), 'utf8')))
      .filter(({ kind }) => kind !== 'Namespace');
    const byName = (objects: readonly Rendered[]) =>
      new Map(objects.map((one) => [`${one.kind} ${one.metadata.namespace ?? ''}/${one.metadata.name}`, one]));
    assert.deepEqual(byName(plain), byName(installed));
  });
});

/** Labels by which Helm knows its own, and the checksum by which it restarts pods. */
function withoutHelm(object: Rendered): Rendered {
  const copy = structuredClone(object) as Rendered & {
    spec?: { template?: { metadata: { annotations?: Record<string, string> } } };
  };
  delete copy.metadata.labels['app.kubernetes.io/managed-by'];
  delete copy.metadata.labels['helm.sh/chart'];
  delete copy.spec?.template?.metadata.annotations;
  return copy;
}

describe('what the chart says of itself', () => {
  it('has the alerts of deploy/monitoring, each as it is there', { skip }, async () => {
    const rules = readFileSync(join(ROOT, 'deploy', 'monitoring', 'rules.yaml'), 'utf8');
    assert.equal(readFileSync(join(CHART, 'files', 'rules.yaml'), 'utf8'), rules, AGAIN);
    const rendered = await render({ helm: newest?.file ?? '', values: { prometheusRule: { enabled: true } } });
    assert.deepEqual([only(rendered, 'PrometheusRule', 'hawser').spec], objectsOf(rules));
  });

  const values = readFileSync(join(CHART, 'values.yaml'), 'utf8');
  const schema = JSON.parse(readFileSync(join(CHART, 'values.schema.json'), 'utf8'));

  it('is a table of all values in its README', () => {
    const readme = readFileSync(join(CHART, 'README.md'), 'utf8');
    assert.equal(readme, withTable(readme, values), AGAIN);
    assert.ok(rowsOf(values).length > 40);
  });

  it('has a schema that knows every value and every setting of the relay', () => {
    const { description, ...settings } = schema.properties.settings;
    assert.deepEqual(settings, JSON.parse(JSON.stringify(settingsSchema())), AGAIN);
    for (const { path } of rowsOf(values)) {
      const known = path.split('.').reduce((at, name) => at?.properties?.[name], schema);
      assert.ok(known !== undefined, `${path} is not in values.schema.json`);
    }
  });

  it('has the version of the project', () => {
    const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
    const chart = objectsOf(readFileSync(join(CHART, 'Chart.yaml'), 'utf8'))[0];
    assert.deepEqual([chart?.version, chart?.appVersion], [version, version]);
  });

  it('links only to pages that are there', () => {
    const links = [...readFileSync(join(CHART, 'README.md'), 'utf8').matchAll(/\]\((?!https?:)([^)#]+)/g)].map(
      ([, link = '']) => link,
    );
    assert.deepEqual(
      links.filter((link) => !existsSync(join(CHART, link))),
      [],
    );
  });
});
