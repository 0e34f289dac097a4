import type { Decision, ResourceAttributes } from '../policy.ts';

/** What reaches into a container (Kubernetes API, pods: log, exec, attach, portforward, proxy), and who does it on a device. */
const INSTEAD: ReadonlyMap<string, string> = new Map([
  ['log', 'logs are read from the container runtime, by crictl logs'],
  ['exec', 'commands are run by the container runtime, by crictl exec'],
  ['attach', 'containers are attached to by the container runtime, by crictl attach'],
  ['portforward', 'ports are forwarded by the container runtime, by crictl port-forward'],
  ['proxy', 'pods are reached by their addresses'],
]);

/** Why a device's API does not reach into its containers; undefined for everything else. */
export function refuseContainers({ group, resource, subresource }: ResourceAttributes): Decision | undefined {
  const instead = group === '' && resource === 'pods' ? INSTEAD.get(subresource) : undefined;
  if (instead === undefined) return undefined;
  return { allowed: false, reason: `the API on a device does not reach into containers; on the device ${instead}` };
}
