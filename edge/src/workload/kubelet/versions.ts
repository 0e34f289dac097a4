/** Minor versions of Kubernetes 1 whose kubelets are started: those that the local API has been held against. */
const OLDEST_MINOR = 30;
const NEWEST_MINOR = 36;

export const SUPPORTED_VERSIONS = `1.${OLDEST_MINOR} to 1.${NEWEST_MINOR}`;

export interface KubeletVersion {
  /** `v1.36.2`, with what distributions append. */
  readonly text: string;
  readonly isSupported: boolean;
}

/** What `kubelet --version` prints: `Kubernetes v1.36.2`. Undefined for anything else. */
export function parseVersion(output: string): KubeletVersion | undefined {
  const [, text, major, minor] = /^Kubernetes (v(\d{1,3})\.(\d{1,4})\.\d{1,6}[\w.+-]{0,64})\s*$/.exec(output) ?? [];
  if (text === undefined) return undefined;
  return { text, isSupported: major === '1' && Number(minor) >= OLDEST_MINOR && Number(minor) <= NEWEST_MINOR };
}
