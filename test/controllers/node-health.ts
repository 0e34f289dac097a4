import type { KubeObject } from '@hawser/protocol';
import { fieldsOf, itemsOf, textOf } from '../apiserver/policy/fields.ts';
import { NOT_READY, type Taint, taintsOf, UNREACHABLE } from './taints.ts';

export interface Graces {
  /** Without a sign of life for so long a node counts as lost. */
  readonly graceMs: number;
  /** The same for one whose kubelet has never told a status. */
  readonly startupGraceMs: number;
}

interface Health {
  readonly uid: string;
  readonly heartbeat: string;
  readonly renewTime: string;
  /** By our own clock: those of devices may be wrong. */
  readonly aliveAtMs: number;
}

/** A node's controller does not touch NetworkUnavailable: the control plane owns it. */
const KUBELET_CONDITIONS = ['Ready', 'MemoryPressure', 'DiskPressure', 'PIDPressure'];

/**
 * Which nodes are alive: a Lease renewed, or a Ready condition reported with a new heartbeat, is a sign of life at the moment when it
 * is seen (tryUpdateNodeHealth of Kubernetes' node lifecycle controller).
 */
export class NodeHealth {
  readonly #graces: Graces;
  readonly #known = new Map<string, Health>();

  constructor(graces: Graces) {
    this.#graces = graces;
  }

  /** @returns when the node counts as lost unless it gives a sign of life before, in milliseconds of `nowMs` */
  observe(node: KubeObject, lease: KubeObject | undefined, nowMs: number): number {
    const name = node.metadata.name ?? '';
    const uid = node.metadata.uid ?? '';
    const ready = conditionOf(node, 'Ready');
    const heartbeat = textOf(ready?.lastHeartbeatTime);
    const renewTime = textOf(fieldsOf(lease?.spec).renewTime);
    const before = this.#known.get(name);
    const isAlive = before?.uid !== uid || heartbeat !== before.heartbeat || renewTime > before.renewTime;
    const aliveAtMs = isAlive ? nowMs : before.aliveAtMs;
    this.#known.set(name, { uid, heartbeat, renewTime, aliveAtMs });
    return aliveAtMs + (ready === undefined ? this.#graces.startupGraceMs : this.#graces.graceMs);
  }

  forget(name: string): void {
    this.#known.delete(name);
  }

  names(): Iterable<string> {
    return this.#known.keys();
  }
}

/** `True`, `False` or `Unknown`; undefined where no kubelet has ever told. */
export function readyOf(object: KubeObject): string | undefined {
  const ready = conditionOf(object, 'Ready');
  return ready === undefined ? undefined : textOf(ready.status);
}

function conditionOf(object: KubeObject, type: string) {
  return itemsOf(fieldsOf(object.status).conditions).find((condition) => condition.type === type);
}

/** A strategic merge patch of the status of a node that is lost; undefined where it says so already. */
export function lostStatus(node: KubeObject, now: string): object | undefined {
  const conditions = KUBELET_CONDITIONS.flatMap((type) => {
    const current = conditionOf(node, type);
    if (textOf(current?.status) === 'Unknown') return [];
    const [reason, message] =
      current === undefined
        ? ['NodeStatusNeverUpdated', 'Kubelet never posted node status.']
        : ['NodeStatusUnknown', 'Kubelet stopped posting node status.'];
    const heartbeat = current === undefined ? { lastHeartbeatTime: node.metadata.creationTimestamp } : {};
    return [{ type, status: 'Unknown', reason, message, ...heartbeat, lastTransitionTime: now }];
  });
  return conditions.length === 0 ? undefined : { status: { conditions } };
}

/** The taints that follow from the node's Ready condition, among those of others; undefined where they are as they should be. */
export function wantedTaints(node: KubeObject, now: string): Taint[] | undefined {
  const wanted = readyTaint(readyOf(node));
  const taints = taintsOf(node);
  const kept = taints.filter(({ key }) => (key !== NOT_READY && key !== UNREACHABLE) || key === wanted);
  const missing = wanted === undefined ? [] : EFFECTS.filter((effect) => !kept.some((taint) => isTaint(taint, wanted, effect)));
  if (missing.length === 0 && kept.length === taints.length) return undefined;
  return [...kept, ...missing.map((effect) => ({ key: wanted ?? '', effect, timeAdded: now }))];
}

const EFFECTS = ['NoSchedule', 'NoExecute'];

/** A node of which nothing is known keeps what it was registered with. */
function readyTaint(ready: string | undefined): string | undefined {
  if (ready === 'Unknown') return UNREACHABLE;
  return ready === 'True' ? undefined : NOT_READY;
}

function isTaint(taint: Taint, key: string, effect: string): boolean {
  return taint.key === key && taint.effect === effect;
}
