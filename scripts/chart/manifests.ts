import { renderChart } from './helm.ts';

/** One file of deploy/manifests: which templates of the chart it is, with which values. */
interface ManifestFile {
  readonly file: string;
  readonly templates: readonly string[];
  readonly values?: object;
  /** What stands above it. */
  readonly about: string;
}

const FILES: readonly ManifestFile[] = [
  {
    file: '10-rights.yaml',
    templates: ['serviceaccount', 'rights', 'viewer'],
    about: 'Who the relay is in the cluster, and what it may do there.',
  },
  {
    file: '11-as-node.yaml',
    templates: ['as-node'],
    about: 'For Kubernetes 1.36 and later. Before that apply optional/as-node-older.yaml after it, which takes its place.',
  },
  {
    file: '20-config.yaml',
    templates: ['configmap'],
    about: 'Change: the names by which devices reach the relay, and the addresses that join lines tell them to dial.',
  },
  {
    file: '30-relay.yaml',
    templates: ['deployment', 'services', 'poddisruptionbudget'],
    about:
      'Change: the image, and the type of Service that devices reach.\n# Another configuration is taken by: kubectl -n hawser-system rollout restart deployment/hawser-relay',
  },
  {
    file: 'optional/as-node-older.yaml',
    templates: ['as-node'],
    values: { rbac: { asNode: 'older' } },
    about: 'In place of 11-as-node.yaml before Kubernetes 1.36.',
  },
  {
    file: 'optional/relay-pods.yaml',
    templates: ['autonomy'],
    values: { autonomy: { enabled: true } },
    about: 'Where hawser.dev/autonomy is used.',
  },
  {
    file: 'optional/protect-nodes.yaml',
    templates: ['protect-nodes'],
    values: { protectNodes: { enabled: true } },
    about: 'Where something in the cluster deletes Nodes whose machines it does not know.',
  },
  {
    file: 'optional/network-policy.yaml',
    templates: ['networkpolicy'],
    values: { networkPolicy: { enabled: true } },
    about: 'What may reach the relay, and what it may reach. Change: where your Prometheus is.',
  },
  {
    file: 'optional/service-monitor.yaml',
    templates: ['servicemonitor'],
    values: { serviceMonitor: { enabled: true } },
    about: 'For the Prometheus operator.',
  },
  {
    file: 'optional/prometheus-rule.yaml',
    templates: ['prometheusrule'],
    values: { prometheusRule: { enabled: true } },
    about: 'The alerts of deploy/monitoring/rules.yaml, for the Prometheus operator.',
  },
];

const NAMESPACE = `# The relay's namespace: its pods keep the restricted Pod Security Standard.
apiVersion: v1
kind: Namespace
metadata:
  name: hawser-system
  labels:
    app.kubernetes.io/name: hawser-relay
    app.kubernetes.io/part-of: hawser
    pod-security.kubernetes.io/enforce: restricted
`;

const MADE = '# Made from deploy/chart by `node scripts/manifests.ts`.\n';
/** Lines that are true of what Helm installs and of nothing else. The checksum would be wrong as soon as somebody edits the settings. */
const HELMS_OWN = [
  /^ *app\.kubernetes\.io\/managed-by: .*\n/gm,
  /^ *helm\.sh\/chart: .*\n/gm,
  /^ *annotations:\n *# Settings are read at the start: .*\n *checksum\/config: .*\n/gm,
];

/** The chart with its default values as plain YAML, by file name below deploy/manifests. @param helm its program */
export async function plainManifests(helm: string): Promise<ReadonlyMap<string, string>> {
  const made = new Map([['00-namespace.yaml', `${MADE}${NAMESPACE}`]]);
  for (const { file, templates, values = {}, about } of FILES) {
    const documents = documentsOf(await renderChart({ helm, values }));
    const own = templates.flatMap((template) => documents.filter((one) => one.template === template).map(({ text }) => text));
    if (own.length === 0) throw new Error(`the chart renders nothing for ${file}`);
    made.set(file, `${MADE}# ${about}\n${own.join('---\n')}`);
  }
  return made;
}

function documentsOf(rendered: string): { readonly template: string; readonly text: string }[] {
  return rendered.split(/^---\n/m).flatMap((document) => {
    const [, template] = /^# Source: hawser\/templates\/(.+)\.yaml\n/.exec(document) ?? [];
    if (template === undefined) return [];
    const text = HELMS_OWN.reduce((rest, lines) => rest.replaceAll(lines, ''), document.replace(/^# Source: .*\n/, ''));
    return [{ template, text: `${text.trim()}\n` }];
  });
}
