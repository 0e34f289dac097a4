import { join, resolve } from 'node:path';

/** Files of the kubelet beside the agent, all absolute: the kubelet has another working directory. */
export interface KubeletPaths {
  readonly folder: string;
  readonly config: string;
  readonly kubeconfig: string;
  readonly certificate: string;
  readonly key: string;
  /** Its flags, for a unit of systemd. */
  readonly environment: string;
  /** Static pods. */
  readonly manifests: string;
}

export function kubeletPaths(dataDir: string): KubeletPaths {
  const folder = join(resolve(dataDir), 'kubelet');
  const below = (name: string) => join(folder, name);
  return {
    folder,
    config: below('config.yaml'),
    kubeconfig: below('kubeconfig'),
    certificate: below('server.crt'),
    key: below('server.key'),
    environment: below('kubelet.env'),
    manifests: below('manifests'),
  };
}
