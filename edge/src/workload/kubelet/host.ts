import { existsSync } from 'node:fs';

/** What the kubelet's configuration depends on in this system. */
export interface KubeletHost {
  /** The one that groups of processes are made with: systemd where it runs, since two that make them get in each other's way. */
  readonly cgroupDriver: 'systemd' | 'cgroupfs';
  /** The list of real name servers; undefined: the kubelet's own default, /etc/resolv.conf. */
  readonly resolvConf: string | undefined;
}

/** systemd's documented way to tell that it is the init system (sd_booted). */
const SYSTEMD = '/run/systemd/system';
/** /etc/resolv.conf then names a server on loopback, which pods do not reach (systemd-resolved, "/etc/resolv.conf"). */
const RESOLVED = '/run/systemd/resolve/resolv.conf';

export function kubeletHost(isThere: (path: string) => boolean = existsSync): KubeletHost {
  return {
    cgroupDriver: isThere(SYSTEMD) ? 'systemd' : 'cgroupfs',
    resolvConf: isThere(RESOLVED) ? RESOLVED : undefined,
  };
}
