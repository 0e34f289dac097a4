import { stringify } from 'yaml';
import { readPrivateFile, writePrivateFile } from '../../private-files.ts';
import { preparePrivateFolder } from '../../private-modes.ts';
import { environmentFile } from './arguments.ts';
import type { KubeletPlan } from './plan.ts';
import { ensureServerCertificate } from './server-certificate.ts';
import type { Fields } from './template.ts';

/** Of files that the agent has written there itself; a larger one is another, and is written anew. */
const MOST_BYTES = 1024 * 1024;

/** As it lies in the file. */
export function configurationText(configuration: Fields): string {
  return `# Made by hawser-agent; changes are lost. The setting kubelet.config says what is to be otherwise.\n${stringify(configuration)}`;
}

/**
 * Writes what a kubelet is started with: private, whole or not at all, and only what is different.
 * @param kubeconfig how it reaches the local API
 * @throws HawserError `bad_config` for a folder or file that others can reach, and for an operator's part that is wrong
 */
export async function writeKubeletFiles(plan: KubeletPlan, nodeName: string, kubeconfig: string): Promise<void> {
  const { paths } = plan;
  preparePrivateFolder(paths.folder);
  preparePrivateFolder(paths.manifests);
  await ensureServerCertificate(paths, nodeName);
  writeIfDifferent(paths.kubeconfig, kubeconfig);
  writeIfDifferent(paths.config, configurationText(plan.configuration()));
  if (plan.program === undefined) writeIfDifferent(paths.environment, environmentFile(plan.args));
}

function writeIfDifferent(path: string, text: string): void {
  if (readPrivateFile(path, MOST_BYTES) !== text) writePrivateFile(path, text);
}
