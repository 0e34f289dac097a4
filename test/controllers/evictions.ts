import type { KubeObject } from '@hawser/protocol';
import { fieldsOf, textOf } from '../apiserver/policy/fields.ts';
import { keyOf } from './follow.ts';
import { type Taint, toleranceOf } from './taints.ts';

interface Planned {
  readonly uid: string;
  readonly atMs: number;
}

/**
 * When which pod has to leave its node because of the node's NoExecute taints. Once planned, a time stays as it is until the pod
 * tolerates the taints for ever or they go: another tolerationSeconds changes nothing any more (processPodOnNode of Kubernetes' taint
 * eviction controller).
 */
export class Evictions {
  readonly #secondMs: number;
  readonly #planned = new Map<string, Planned>();

  /** @param secondMs how long one second of tolerationSeconds lasts here */
  constructor(secondMs: number) {
    this.#secondMs = secondMs;
  }

  /** @returns when the pod has to leave, in milliseconds of `nowMs`; undefined: it may stay */
  observe(pod: KubeObject, taints: readonly Taint[], nowMs: number): number | undefined {
    const key = keyOf(pod);
    const uid = pod.metadata.uid ?? '';
    const tolerance = toleranceOf(
      pod,
      taints.filter(({ effect }) => effect === 'NoExecute'),
    );
    if (tolerance === 'forever') {
      this.#planned.delete(key);
      return undefined;
    }
    const before = this.#planned.get(key);
    const isNew = before?.uid !== uid;
    const atMs = tolerance === 'not' ? nowMs : isNew ? nowMs + tolerance * this.#secondMs : before.atMs;
    this.#planned.set(key, { uid, atMs });
    return atMs;
  }

  forget(key: string): void {
    this.#planned.delete(key);
  }

  /** By `namespace/name`, in milliseconds. */
  planned(): ReadonlyMap<string, number> {
    return new Map([...this.#planned].map(([key, { atMs }]) => [key, atMs]));
  }
}

export function nodeNameOf(pod: KubeObject): string {
  return textOf(fieldsOf(pod.spec).nodeName);
}
