import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';

export const ROOT = join(import.meta.dirname, '..', '..');
export const CHART = join(ROOT, 'deploy', 'chart');

/** What the chart asks of whoever installs it, with names of documentation: what the plain manifests say as well. */
export const EXAMPLE_VALUES = {
  image: { repository: 'registry.example/hawser-relay' },
  settings: { link: { names: ['relay.example'] }, enroll: { relays: ['wss://relay.example:8443'] } },
};

/** The version of Kubernetes that is rendered for: Helm's own default differs between its versions. */
const KUBE_VERSION = '1.36.0';
/** A rendered chart has some 20 KB. */
const MAX_OUTPUT_BYTES = 4 * 1024 * 1024;

export interface RenderOptions {
  readonly helm: string;
  /** Beside `EXAMPLE_VALUES`, and stronger. */
  readonly values?: object;
  readonly kubeVersion?: string;
  readonly namespace?: string;
}

/** What `helm template` says. @throws with Helm's own words */
export async function renderChart({
  helm,
  values = {},
  kubeVersion = KUBE_VERSION,
  namespace = 'hawser-system',
}: RenderOptions): Promise<string> {
  const args = [
    'template',
    'hawser',
    CHART,
    '--namespace',
    namespace,
    '--kube-version',
    kubeVersion,
    ...valueFlags(EXAMPLE_VALUES, values),
  ];
  const { stdout } = await promisify(execFile)(helm, args, { maxBuffer: MAX_OUTPUT_BYTES });
  return stdout;
}

/** Values as flags of Helm; those that come later are stronger. */
export function valueFlags(...values: readonly object[]): string[] {
  return values.flatMap((some) =>
    Object.entries(some).flatMap(([name, value]) =>
      leaves(value, name).flatMap(([path, leaf]) => ['--set-json', `${path}=${leaf}`]),
    ),
  );
}

/** Sections are gone into, so that one value of a section leaves the others as they are. */
function leaves(value: unknown, path: string): [string, string][] {
  if (typeof value !== 'object' || value === null || Array.isArray(value) || Object.keys(value).length === 0) {
    return [[path, JSON.stringify(value)]];
  }
  return Object.entries(value).flatMap(([name, inner]) => leaves(inner, `${path}.${name.replaceAll('.', '\\.')}`));
}
