import { stringify } from 'yaml';
import { certificateFile, readLocalAccess } from './local-access.ts';
import { tokenFile } from './token-files.ts';

/**
 * A kubeconfig of the local API for `kubectl`, with everything in it.
 * @param server `https://127.0.0.1:6444`
 * @throws HawserError `bad_config` when the agent has never run in that folder
 */
export function localKubeconfig(
  dataDir: string,
  server: string,
  nodeName: string,
  holder: 'administrator' | 'viewer' = 'viewer',
): string {
  const { certificate, token } = readLocalAccess(dataDir, holder);
  return kubeconfigOf(
    `hawser-${nodeName}`,
    { server, 'certificate-authority-data': Buffer.from(certificate).toString('base64') },
    { token },
  );
}

/**
 * A kubeconfig of the local API for the kubelet beside the agent. It names the files of certificate and token, so nothing in it is
 * secret, and a token that was changed is taken up within a minute (client-go reads the file anew so often).
 * @param dataDir absolute, as the kubelet sees it
 * @param server `https://127.0.0.1:6444`
 */
export function kubeletKubeconfig(dataDir: string, server: string, nodeName: string): string {
  return kubeconfigOf(
    `hawser-${nodeName}`,
    { server, 'certificate-authority': certificateFile(dataDir) },
    { tokenFile: tokenFile(dataDir, 'kubelet') },
  );
}

function kubeconfigOf(name: string, cluster: object, user: object): string {
  return stringify(
    {
      apiVersion: 'v1',
      kind: 'Config',
      clusters: [{ name, cluster }],
      users: [{ name, user }],
      contexts: [{ name, context: { cluster: name, user: name } }],
      'current-context': name,
    },
    { lineWidth: 0 },
  );
}
