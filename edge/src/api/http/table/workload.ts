import type { KubeObject } from '@hawser/protocol';
import { fields, items, number, spec, status, text } from './cells.ts';
import type { Column } from './column.ts';

/** Deployments, ReplicaSets and DaemonSets: counts of pods, then what the pods are made of. */
export function workloadColumns(
  resource: 'deployments' | 'replicasets' | 'daemonsets',
  name: Column,
  age: Column,
): readonly Column[] {
  return [name, ...COUNTS[resource], age, ...TEMPLATE];
}

function state(field: string, type: 'string' | 'integer'): Column['cell'] {
  return (object) => (type === 'string' ? String(number(status(object)[field])) : number(status(object)[field]));
}

/** The API defaults an absent number of replicas to 1. */
function desired(object: KubeObject): number {
  const { replicas } = spec(object);
  return typeof replicas === 'number' ? replicas : 1;
}

const COUNTS: Readonly<Record<'deployments' | 'replicasets' | 'daemonsets', readonly Column[]>> = {
  deployments: [
    { name: 'Ready', cell: (object) => `${number(status(object).readyReplicas)}/${desired(object)}` },
    { name: 'Up-to-date', cell: state('updatedReplicas', 'integer') },
    { name: 'Available', cell: state('availableReplicas', 'integer') },
  ],
  replicasets: [
    { name: 'Desired', type: 'integer', cell: desired },
    { name: 'Current', type: 'integer', cell: state('replicas', 'integer') },
    { name: 'Ready', type: 'integer', cell: state('readyReplicas', 'integer') },
  ],
  daemonsets: [
    { name: 'Desired', type: 'integer', cell: state('desiredNumberScheduled', 'integer') },
    { name: 'Current', type: 'integer', cell: state('currentNumberScheduled', 'integer') },
    { name: 'Ready', type: 'integer', cell: state('numberReady', 'integer') },
    { name: 'Up-to-date', type: 'integer', cell: state('updatedNumberScheduled', 'integer') },
    { name: 'Available', type: 'integer', cell: state('numberAvailable', 'integer') },
    { name: 'Node Selector', cell: (object) => selectorText(fields(podSpec(object).nodeSelector)) },
  ],
};

const TEMPLATE: readonly Column[] = [
  { name: 'Containers', wide: true, cell: (object) => containers(object, 'name') },
  { name: 'Images', wide: true, cell: (object) => containers(object, 'image') },
  { name: 'Selector', wide: true, cell: (object) => selectorText(fields(fields(spec(object).selector).matchLabels)) },
];

function podSpec(object: KubeObject): ReturnType<typeof fields> {
  return fields(fields(spec(object).template).spec);
}

function containers(object: KubeObject, field: 'name' | 'image'): string {
  return items(podSpec(object).containers)
    .map((container) => text(container[field]))
    .join(',');
}

function selectorText(labels: ReturnType<typeof fields>): string {
  const pairs = Object.entries(labels).map(([key, value]) => `${key}=${text(value)}`);
  return pairs.length === 0 ? '<none>' : pairs.join(',');
}
