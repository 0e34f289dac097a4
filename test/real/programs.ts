import { delimiter, dirname, join } from 'node:path';
import { isExecutable } from '../../scripts/executable.ts';
import { programFolder } from '../../scripts/kubernetes/programs.ts';

/** The programs of a device that really runs containers. None of them is part of the project. */
export interface DevicePrograms {
  readonly kubelet: string;
  readonly containerd: string;
  readonly ctr: string;
  readonly runc: string;
  /** Of the CNI plugins. */
  readonly cni: string;
  /** Statically linked: the whole content of the containers. */
  readonly busybox: string;
  /** Folders of containerd's own programs, its shim among them. */
  readonly folders: readonly string[];
}

const ADMINISTRATORS = ['/usr/local/sbin', '/usr/sbin', '/sbin'];
const CNI_FOLDERS = ['/usr/lib/cni', '/opt/cni/bin'];

/**
 * Looks for them: KUBELET and CONTAINERD name programs, CNI_PLUGINS a folder; whatever they do not name is looked for in the project's
 * folder of Kubernetes' programs, beside containerd, and on PATH.
 * @returns words that say what is missing, for the `skip` of a test, where one is
 */
export function devicePrograms(env: NodeJS.ProcessEnv = process.env): DevicePrograms | string {
  if (process.getuid?.() !== 0) return 'a kubelet with containers takes root, and this user is not';
  const cache = programFolder(env);
  const folders = [...(env.PATH ?? '').split(delimiter).filter((folder) => folder !== ''), ...ADMINISTRATORS];
  const kubelet = firstOf([env.KUBELET, join(cache, 'kubelet')]);
  if (kubelet === undefined) {
    return `there is no real kubelet: KUBELET names none, and ${join(cache, 'kubelet')} is not there: npm run kubernetes makes it`;
  }
  const containerd = firstOf([env.CONTAINERD, ...[cache, ...folders].map((folder) => join(folder, 'containerd'))]);
  if (containerd === undefined) return missing('containerd', 'apt-get install containerd, or name one by CONTAINERD');
  const near = [dirname(containerd), join(dirname(containerd), '..', 'sbin'), cache, ...folders];
  const besides = (name: string) => firstOf(near.map((folder) => join(folder, name)));
  const [ctr, runc, shim, busybox] = [besides('ctr'), besides('runc'), besides('containerd-shim-runc-v2'), besides('busybox')];
  if (ctr === undefined || shim === undefined) return missing('ctr or containerd-shim-runc-v2', `beside ${containerd}`);
  if (runc === undefined) return missing('runc', 'apt-get install runc');
  if (busybox === undefined) return missing('busybox', 'apt-get install busybox-static');
  const cni = [env.CNI_PLUGINS, ...CNI_FOLDERS].find((folder) => folder && isExecutable(join(folder, 'bridge')));
  if (cni === undefined)
    return missing('CNI plugins', 'apt-get install containernetworking-plugins, or name a folder by CNI_PLUGINS');
  for (const tool of ['unshare', 'nsenter', 'ip']) {
    if (besides(tool) === undefined) return missing(tool, 'apt-get install util-linux iproute2');
  }
  return { kubelet, containerd, ctr, runc, cni, busybox, folders: [dirname(shim), dirname(runc)] };
}

function missing(what: string, how: string): string {
  return `a real kubelet needs ${what}: ${how}`;
}

function firstOf(paths: readonly (string | undefined)[]): string | undefined {
  return paths.find((path) => path !== undefined && path !== '' && isExecutable(path));
}
