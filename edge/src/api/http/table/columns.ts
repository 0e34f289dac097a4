import type { ApiResource } from '@hawser/protocol';
import { age, fields, items, number, orNone, size, spec, status, text } from './cells.ts';
import type { Column } from './column.ts';
import { EVENT_COLUMNS } from './event.ts';
import { NODE_COLUMNS } from './node.ts';
import { POD_COLUMNS } from './pod.ts';
import { volumeColumns } from './volumes.ts';
import { workloadColumns } from './workload.ts';

const NAME: Column = { name: 'Name', cell: (object) => object.metadata.name ?? '' };
const AGE: Column = { name: 'Age', cell: age };

/** The columns of a kind, as kubectl shows them; a kind without columns of its own has its name and age. */
export function columnsOf(resource: ApiResource): readonly Column[] {
  return COLUMNS.get(resource.id) ?? GENERIC;
}

const GENERIC: readonly Column[] = [NAME, AGE];

const COLUMNS: ReadonlyMap<string, readonly Column[]> = new Map<string, readonly Column[]>([
  ['pods', POD_COLUMNS],
  ['nodes', NODE_COLUMNS],
  ['events', EVENT_COLUMNS],
  ['events.k8s.io/events', EVENT_COLUMNS],
  ['configmaps', [NAME, { name: 'Data', cell: (map) => size(map.data) + size(map.binaryData) }, AGE]],
  [
    'secrets',
    [NAME, { name: 'Type', cell: (secret) => text(secret.type) }, { name: 'Data', cell: (secret) => size(secret.data) }, AGE],
  ],
  ['namespaces', [NAME, { name: 'Status', cell: (namespace) => text(status(namespace).phase) }, AGE]],
  ['serviceaccounts', [NAME, { name: 'Secrets', cell: (account) => items(account.secrets).length }, AGE]],
  ['coordination.k8s.io/leases', [NAME, { name: 'Holder', cell: (lease) => text(spec(lease).holderIdentity) }, AGE]],
  [
    'services',
    [
      NAME,
      { name: 'Type', cell: (service) => text(spec(service).type) },
      { name: 'Cluster-IP', cell: (service) => orNone(spec(service).clusterIP) },
      { name: 'External-IP', cell: (service) => externalIp(spec(service), status(service)) },
      { name: 'Port(s)', cell: (service) => servicePorts(spec(service)) },
      AGE,
      { name: 'Selector', wide: true, cell: (service) => labelText(fields(spec(service).selector)) },
    ],
  ],
  [
    'discovery.k8s.io/endpointslices',
    [
      NAME,
      { name: 'AddressType', cell: (slice) => text(slice.addressType) },
      {
        name: 'Ports',
        cell: (slice) =>
          limited(
            items(slice.ports).map((port) => String(port.port ?? '*')),
            '<unset>',
          ),
      },
      {
        name: 'Endpoints',
        cell: (slice) =>
          limited(
            items(slice.endpoints).map((endpoint) => firstText(endpoint.addresses)),
            '<unset>',
          ),
      },
      AGE,
    ],
  ],
  ['endpoints', [NAME, { name: 'Endpoints', cell: (endpoints) => limited(addressesOf(endpoints.subsets), '<none>') }, AGE]],
  ['node.k8s.io/runtimeclasses', [NAME, { name: 'Handler', cell: (runtimeClass) => text(runtimeClass.handler) }, AGE]],
  ...volumeColumns(NAME, AGE),
  ['apps/deployments', workloadColumns('deployments', NAME, AGE)],
  ['apps/replicasets', workloadColumns('replicasets', NAME, AGE)],
  ['apps/daemonsets', workloadColumns('daemonsets', NAME, AGE)],
]);

/** How many entries a cell names before it counts the rest. */
const MAX_NAMED = 3;

function limited(values: readonly string[], none: string): string {
  if (values.length === 0) return none;
  const named = values.slice(0, MAX_NAMED).join(',');
  return values.length > MAX_NAMED ? `${named} + ${values.length - MAX_NAMED} more...` : named;
}

/** Each address with each port of its subset; without ports the addresses. */
function addressesOf(subsets: unknown): string[] {
  return items(subsets).flatMap((subset) => {
    const ports = items(subset.ports).map(({ port }) => `:${number(port)}`);
    return (ports.length === 0 ? [''] : ports).flatMap((port) => items(subset.addresses).map(({ ip }) => `${text(ip)}${port}`));
  });
}

function firstText(list: unknown): string {
  return Array.isArray(list) ? text(list[0]) : '';
}

function externalIp(service: ReturnType<typeof spec>, state: ReturnType<typeof status>): string {
  if (service.type === 'ExternalName') return text(service.externalName);
  const ingress = items(fields(state.loadBalancer).ingress).map((entry) => text(entry.ip) || text(entry.hostname));
  const given = Array.isArray(service.externalIPs) ? service.externalIPs.map(text) : [];
  const all = [...ingress, ...given].filter((address) => address !== '');
  if (all.length > 0) return all.join(',');
  return service.type === 'LoadBalancer' ? '<pending>' : '<none>';
}

function servicePorts(service: ReturnType<typeof spec>): string {
  const ports = items(service.ports).map((port) => {
    const node = number(port.nodePort);
    return `${number(port.port)}${node > 0 ? `:${node}` : ''}/${text(port.protocol) || 'TCP'}`;
  });
  return ports.length === 0 ? '<none>' : ports.join(',');
}

export function labelText(labels: Readonly<Record<string, unknown>>): string {
  const pairs = Object.entries(labels).map(([key, value]) => `${key}=${text(value)}`);
  return pairs.length === 0 ? '<none>' : pairs.sort().join(',');
}
