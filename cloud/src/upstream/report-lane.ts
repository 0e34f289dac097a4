import type { Report } from '@hawser/protocol';

/** One report in a lane, with when it came, in ms since the epoch of Unix. */
export interface Waiting {
  readonly report: Report;
  readonly sinceMs: number;
}

/** Of the turns of a node that has both, every so manieth is an Event's; the others are for statuses, removals and the like. */
const EVENT_TURN = 4;

/**
 * The reports of one session that wait, in the order in which they may go: of one object one after the other as they came; of
 * objects in the order in which their first came, but Events, of which a device may have thousands, only each fourth time while
 * there is anything else. All operations cost the same whatever waits. The bound is its owner's.
 */
export class LaneOrder {
  /** Object → its reports. */
  readonly #waiting = new Map<string, Waiting[]>();
  /** Objects whose first report may go now. */
  readonly #ready = { event: new Set<string>(), other: new Set<string>() };
  #size = 0;
  #turn = 0;

  get size(): number {
    return this.#size;
  }

  /** @param isBusy a report of the same object runs: it may not go before `free` */
  add(waiting: Waiting, isBusy: boolean): void {
    const object = objectOf(waiting.report);
    const queue = this.#waiting.get(object);
    this.#size += 1;
    if (queue !== undefined) {
      queue.push(waiting);
      return;
    }
    this.#waiting.set(object, [waiting]);
    if (!isBusy) this.#readyOf(waiting.report).add(object);
  }

  /** Nothing of that object runs any more. */
  free(object: string): void {
    const first = this.#waiting.get(object)?.[0];
    if (first !== undefined) this.#readyOf(first.report).add(object);
  }

  /** A report of that object runs, of this lane or another of the node. */
  busy(object: string): void {
    this.#ready.event.delete(object);
    this.#ready.other.delete(object);
  }

  hasReady(): boolean {
    return this.#ready.event.size + this.#ready.other.size > 0;
  }

  /** Takes the report whose turn it is; its object is to be told as busy. */
  next(): Waiting | undefined {
    const { event, other } = this.#ready;
    const isEventsTurn = event.size > 0 && (other.size === 0 || this.#turn % EVENT_TURN === EVENT_TURN - 1);
    const [object] = isEventsTurn ? event : other;
    if (object === undefined) return undefined;
    this.#turn += 1;
    return this.#take(object);
  }

  /** Takes all that waits of that object. */
  takeAll(object: string): readonly Waiting[] {
    const queue = this.#waiting.get(object) ?? [];
    this.#waiting.delete(object);
    this.busy(object);
    this.#size -= queue.length;
    return queue;
  }

  /** Takes everything, in the order in which it came. */
  clear(): readonly Waiting[] {
    const all = [...this.#waiting.values()].flat().sort((a, b) => a.report.number - b.report.number);
    this.#waiting.clear();
    this.#ready.event.clear();
    this.#ready.other.clear();
    this.#size = 0;
    return all;
  }

  #take(object: string): Waiting | undefined {
    const queue = this.#waiting.get(object);
    const first = queue?.shift();
    if (queue?.length === 0) this.#waiting.delete(object);
    if (first !== undefined) this.#size -= 1;
    return first;
  }

  #readyOf({ resource }: Report): Set<string> {
    return isEvent(resource) ? this.#ready.event : this.#ready.other;
  }
}

export function objectOf({ resource, namespace, name }: Report): string {
  return `${resource}/${namespace}/${name}`;
}

export function isEvent(resource: string): boolean {
  return resource === 'events' || resource === 'events.k8s.io/events';
}
