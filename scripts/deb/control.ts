export const PACKAGE = 'hawser-agent';

/** As Debian names them, by Node's names. */
export const DEBIAN_ARCHITECTURES = { x64: 'amd64', arm64: 'arm64' } as const;
export type NodeArchitecture = keyof typeof DEBIAN_ARCHITECTURES;
export type DebianArchitecture = (typeof DEBIAN_ARCHITECTURES)[NodeArchitecture];

export interface ControlFacts {
  readonly version: string;
  readonly architecture: DebianArchitecture;
  /** `NAME <ADDRESS>` */
  readonly maintainer: string;
  readonly depends: readonly string[];
  /** In KiB, as Debian counts: each file rounded up, one for each folder. */
  readonly installedKib: number;
}

/** Of the maintainer scripts. */
const SCRIPTS_DEPEND = ['adduser'];

/** The file `control` of the package (Debian Policy §5.3). */
export function controlText({ version, architecture, maintainer, depends, installedKib }: ControlFacts): string {
  return `Package: ${PACKAGE}
Version: ${version}
Architecture: ${architecture}
Maintainer: ${maintainer}
Installed-Size: ${installedKib}
Depends: ${[...SCRIPTS_DEPEND, ...depends].join(', ')}
Suggests: containerd, cri-tools
Section: admin
Priority: optional
Description: Kubernetes on a device behind a poor link
 The agent of Hawser keeps what its node needs of a Kubernetes cluster in a
 database on the device, serves it there as a Kubernetes API to a stock kubelet
 or any other client, with or without a link, and reports back.
 .
 It reaches its cluster by a relay there, over one connection that it makes
 itself. A device becomes a node by one command and a token.
`;
}
