import type { KubeObject } from '@hawser/protocol';
import { age, fields, items, number, orNone, since, spec, status, text } from './cells.ts';
import type { Column } from './column.ts';

export const POD_COLUMNS: readonly Column[] = [
  { name: 'Name', cell: (pod) => pod.metadata.name ?? '' },
  { name: 'Ready', cell: ready },
  { name: 'Status', cell: podStatus },
  { name: 'Restarts', cell: restarts },
  { name: 'Age', cell: age },
  { name: 'IP', wide: true, cell: (pod) => orNone(items(status(pod).podIPs)[0]?.ip ?? status(pod).podIP) },
  { name: 'Node', wide: true, cell: (pod) => orNone(spec(pod).nodeName) },
  { name: 'Nominated Node', wide: true, cell: (pod) => orNone(status(pod).nominatedNodeName) },
  { name: 'Readiness Gates', wide: true, cell: readinessGates },
];

function ready(pod: KubeObject): string {
  const total = items(spec(pod).containers).length;
  const up = items(status(pod).containerStatuses).filter((container) => container.ready === true).length;
  return `${up}/${total}`;
}

/** The phase, or the reason that says more: of the pod, of its init containers, of its containers. */
export function podStatus(pod: KubeObject): string {
  const { phase, reason } = status(pod);
  const base = text(reason) || text(phase);
  const shown = initReason(pod) ?? containerReason(pod) ?? base;
  if (pod.metadata.deletionTimestamp === undefined) return shown;
  return reason === 'NodeLost' ? 'Unknown' : 'Terminating';
}

function initReason(pod: KubeObject): string | undefined {
  const statuses = items(status(pod).initContainerStatuses);
  const total = items(spec(pod).initContainers).length;
  for (const [index, container] of statuses.entries()) {
    const { terminated, waiting } = stateOf(container);
    if (terminated !== undefined && number(terminated.exitCode) === 0) continue;
    if (container.started === true && isSidecar(pod, text(container.name))) continue;
    if (terminated !== undefined) return `Init:${terminationText(terminated)}`;
    const why = text(waiting?.reason);
    return why !== '' && why !== 'PodInitializing' ? `Init:${why}` : `Init:${index}/${total}`;
  }
  return undefined;
}

function isSidecar(pod: KubeObject, name: string): boolean {
  return items(spec(pod).initContainers).some((container) => container.name === name && container.restartPolicy === 'Always');
}

function containerReason(pod: KubeObject): string | undefined {
  let shown: string | undefined;
  let running = false;
  for (const container of items(status(pod).containerStatuses).reverse()) {
    const { terminated, waiting, running: state } = stateOf(container);
    if (text(waiting?.reason) !== '') shown = text(waiting?.reason);
    else if (terminated !== undefined) shown = terminationText(terminated);
    else if (container.ready === true && state !== undefined) running = true;
  }
  if (shown !== 'Completed' || !running) return shown;
  return isReady(pod) ? 'Running' : 'NotReady';
}

function isReady(pod: KubeObject): boolean {
  return items(status(pod).conditions).some((condition) => condition.type === 'Ready' && condition.status === 'True');
}

function terminationText(terminated: ReturnType<typeof fields>): string {
  if (text(terminated.reason) !== '') return text(terminated.reason);
  const signal = number(terminated.signal);
  return signal === 0 ? `ExitCode:${number(terminated.exitCode)}` : `Signal:${signal}`;
}

function stateOf(container: ReturnType<typeof fields>) {
  const state = fields(container.state);
  const part = (name: string) => (state[name] === undefined ? undefined : fields(state[name]));
  return { waiting: part('waiting'), running: part('running'), terminated: part('terminated') };
}

/** The sum over containers, and when the last restart was. */
function restarts(pod: KubeObject, now: Date): string {
  const statuses = items(status(pod).containerStatuses);
  const sum = statuses.reduce((total, container) => total + number(container.restartCount), 0);
  const times = statuses
    .map((container) => text(fields(fields(container.lastState).terminated).finishedAt))
    .filter((time) => time !== '');
  const last = times.sort().at(-1);
  return sum === 0 || last === undefined ? String(sum) : `${sum} (${since(last, now)} ago)`;
}

function readinessGates(pod: KubeObject): string {
  const gates = items(spec(pod).readinessGates);
  if (gates.length === 0) return '<none>';
  const conditions = items(status(pod).conditions);
  const met = gates.filter((gate) =>
    conditions.some((condition) => condition.type === gate.conditionType && condition.status === 'True'),
  );
  return `${met.length}/${gates.length}`;
}
