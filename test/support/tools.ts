import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';
import { isExecutable } from '../../scripts/executable.ts';

/** What `scripts/tools/debian.sh` puts on a machine. */
export type DebianTool =
  | 'promtool'
  | 'qemu-aarch64-static'
  | 'debootstrap'
  | 'lintian'
  | 'fakeroot'
  | 'skopeo'
  | 'umoci'
  | 'systemd-notify'
  | 'systemd-analyze';

/** Some of the tools are the administrator's, whose folders are on few users' PATH. */
const MORE_FOLDERS = ['/usr/sbin', '/sbin'];

/** @throws Error that says what to install */
export function debianTool(name: DebianTool, env: NodeJS.ProcessEnv = process.env): string {
  const cache = join(env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'hawser', 'tools');
  const folders = [...(env.PATH ?? '').split(delimiter).filter((folder) => folder !== ''), ...MORE_FOLDERS, cache];
  const found = folders.map((folder) => join(folder, name)).find(isExecutable);
  if (found === undefined) throw new Error(missing(name));
  return found;
}

/** The `skip` of a test that needs it: false where it is there, and where CI is set, as the test has to fail there. */
export function withoutTool(name: DebianTool, env: NodeJS.ProcessEnv = process.env): string | false {
  try {
    debianTool(name, env);
    return false;
  } catch {
    return env.CI ? false : missing(name);
  }
}

function missing(name: DebianTool): string {
  return `there is no ${name} on this machine: scripts/tools/debian.sh gets it, or says what to install`;
}
