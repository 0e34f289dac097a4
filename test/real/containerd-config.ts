import { IMAGE } from './image.ts';
import type { DevicePrograms } from './programs.ts';

/**
 * Its config.toml, as docs/kubelet.md has it, with the cgroups of a machine without systemd.
 * @param socket in no folder of the device's own: the agent's `doctor` looks for it from outside
 * @param cniFolder of the network's file
 */
export function containerdConfig({ cni, runc }: DevicePrograms, socket: string, cniFolder: string): string {
  return `version = 2
[grpc]
  address = "${socket}"
[plugins]
  [plugins."io.containerd.grpc.v1.cri"]
    sandbox_image = "${IMAGE}"
    # Of the container's oom_score_adj: what this process may not lower is left.
    restrict_oom_score_adj = true
    [plugins."io.containerd.grpc.v1.cri".cni]
      bin_dir = "${cni}"
      conf_dir = "${cniFolder}"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"
      [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
        BinaryName = "${runc}"
        SystemdCgroup = false
  [plugins."io.containerd.internal.v1.opt"]
    path = "/var/lib/containerd/opt"
`;
}

/** A bridge that joins pods and nothing else: it has no address on the machine, forwards nothing, and leaves no rule behind. */
export function podNetwork(bridge: string): string {
  const ipam = { type: 'host-local', ranges: [[{ subnet: '10.88.0.0/24' }]] };
  return JSON.stringify({ cniVersion: '1.0.0', name: 'pods', plugins: [{ type: 'bridge', bridge, ipam }] });
}
