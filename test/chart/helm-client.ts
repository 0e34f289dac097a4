import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { valueFlags } from '../../scripts/chart/helm.ts';
import type { Helm } from '../support/helm.ts';

/** Helm against one cluster and namespace, with folders of its own. @throws with Helm's own words */
export type HelmClient = (
  command: string,
  options?: { readonly args?: readonly string[]; readonly values?: object },
) => Promise<string>;

/** Helm 4 applies on the server's side unless it is told not to; Helm 3 knows no such flag. */
const WRITES: ReadonlySet<string> = new Set(['install', 'upgrade', 'rollback']);

/** @param applies `client`: Helm 4 is told so, as the embedded API server has no server-side apply. `default`: nothing is told */
export function helmClient(
  { file, major }: Helm,
  kubeconfig: string,
  folder: string,
  namespace: string,
  applies: 'client' | 'default' = 'client',
): HelmClient {
  const home = join(folder, 'helm');
  const env = { ...process.env, KUBECONFIG: kubeconfig, HELM_CACHE_HOME: home, HELM_CONFIG_HOME: home, HELM_DATA_HOME: home };
  return async (command, { args = [], values = {} } = {}) => {
    const clientSide = applies === 'client' && major >= 4 && WRITES.has(command) ? ['--server-side=false'] : [];
    const all = [command, 'hawser', ...args, '--namespace', namespace, ...clientSide, ...valueFlags(values)];
    const { stdout } = await promisify(execFile)(file, all, { env });
    return stdout;
  };
}
