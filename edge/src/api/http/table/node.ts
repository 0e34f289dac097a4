import type { KubeObject } from '@hawser/protocol';
import { age, fields, items, spec, status, text } from './cells.ts';
import type { Column } from './column.ts';

export const NODE_COLUMNS: readonly Column[] = [
  { name: 'Name', cell: (node) => node.metadata.name ?? '' },
  { name: 'Status', cell: nodeStatus },
  { name: 'Roles', cell: roles },
  { name: 'Age', cell: age },
  { name: 'Version', cell: (node) => text(info(node).kubeletVersion) },
  { name: 'Internal-IP', wide: true, cell: (node) => address(node, 'InternalIP') },
  { name: 'External-IP', wide: true, cell: (node) => address(node, 'ExternalIP') },
  { name: 'OS-Image', wide: true, cell: (node) => text(info(node).osImage) || '<unknown>' },
  { name: 'Kernel-Version', wide: true, cell: kernel },
  { name: 'Container-Runtime', wide: true, cell: (node) => text(info(node).containerRuntimeVersion) || '<unknown>' },
];

function info(node: KubeObject): ReturnType<typeof fields> {
  return fields(status(node).nodeInfo);
}

function nodeStatus(node: KubeObject): string {
  const ready = items(status(node).conditions).find((condition) => condition.type === 'Ready');
  const words = [ready === undefined ? 'Unknown' : ready.status === 'True' ? 'Ready' : 'NotReady'];
  if (spec(node).unschedulable === true) words.push('SchedulingDisabled');
  return words.join(',');
}

const ROLE_PREFIX = 'node-role.kubernetes.io/';

function roles(node: KubeObject): string {
  const found = Object.entries(node.metadata.labels ?? {}).flatMap(([key, value]) => {
    if (key.startsWith(ROLE_PREFIX) && key.length > ROLE_PREFIX.length) return [key.slice(ROLE_PREFIX.length)];
    return key === 'kubernetes.io/role' && value !== '' ? [value] : [];
  });
  return found.length === 0 ? '<none>' : [...new Set(found)].sort().join(',');
}

function kernel(node: KubeObject): string {
  const { kernelVersion, architecture } = info(node);
  if (text(kernelVersion) === '') return '<unknown>';
  return text(architecture) === '' ? text(kernelVersion) : `${text(kernelVersion)} (${text(architecture)})`;
}

function address(node: KubeObject, type: string): string {
  return text(items(status(node).addresses).find((entry) => entry.type === type)?.address) || '<none>';
}
