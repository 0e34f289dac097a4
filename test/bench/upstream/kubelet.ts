import type { KubeObject } from '@hawser/protocol';
import { type KubeClient, KubeError } from '../../support/kube.ts';
import { concurrently } from '../concurrently.ts';
import { NAMESPACE, restartsOf, statusAfter } from './cluster.ts';

/** Writes at a time: as many as a kubelet makes. */
const AT_A_TIME = 4;
/** One Event in so many happens a second time and is counted up. */
const COUNTED_UP = 5;

/**
 * The kubelet of one device as the device's API sees it: it makes Events, counts some of them up, and reports statuses of its pods,
 * and tries again what it has no answer for.
 */
export class Kubelet {
  readonly #local: () => KubeClient;
  readonly #pods: readonly string[];
  /** Restarts that the device has been told and has confirmed, by pod. */
  readonly restarts = new Map<string, number>();
  /** Counts that the device has confirmed, by text of the Event. */
  readonly events = new Map<string, number>();

  /** @param local the device's API as it is now: it is another one after each start */
  constructor(local: () => KubeClient, pods: readonly string[]) {
    this.#local = local;
    this.#pods = pods;
  }

  /**
   * So many happenings, each an Event and a crash of one pod; those that the device has confirmed before are left out. `onHappened`
   * is told after each how many that are.
   * @throws for the first write that the device did not take, after the last of the others has ended
   */
  async live(happenings: number, onHappened: (count: number) => void = () => undefined): Promise<void> {
    let failure: unknown;
    const indices = Array.from({ length: happenings }, (_, index) => index);
    await concurrently(indices, AT_A_TIME, async (index) => {
      if (failure !== undefined) return;
      try {
        await this.#happen(index);
        onHappened(this.events.size);
      } catch (error) {
        failure ??= error;
      }
    });
    if (failure !== undefined) throw failure;
  }

  async #happen(index: number): Promise<void> {
    const pod = this.#pods[index % this.#pods.length] ?? '';
    const message = `happening ${index} of ${pod}`;
    if (!this.events.has(message)) {
      await this.#create(eventOf(index, pod, message));
      this.events.set(message, 1);
    }
    if (index % COUNTED_UP === 0 && this.events.get(message) === 1) {
      await this.#local().patch('events', NAMESPACE, nameOf(index, pod), { count: 2 });
      this.events.set(message, 2);
    }
    await this.#crash(pod, Math.floor(index / this.#pods.length) + 1);
  }

  async #create(event: KubeObject): Promise<void> {
    try {
      await this.#local().create(event);
    } catch (error) {
      // Written by the process that was killed before it answered.
      if (!(error instanceof KubeError && error.reason === 'AlreadyExists')) throw error;
    }
  }

  async #crash(pod: string, restarts: number): Promise<void> {
    if ((this.restarts.get(pod) ?? 0) >= restarts) return;
    const local = this.#local();
    const current = await local.get('pods', NAMESPACE, pod);
    if (current === undefined) throw new Error(`the device has no pod ${pod}`);
    const { uid } = current.metadata;
    if ((restartsOf(current) ?? 0) < restarts) {
      const status = statusAfter(restarts, `${new Date().toISOString().slice(0, 19)}Z`);
      await local.patch('pods', NAMESPACE, pod, { metadata: { uid }, status }, 'status');
    }
    this.restarts.set(pod, Math.max(this.restarts.get(pod) ?? 0, restarts));
  }
}

function nameOf(index: number, pod: string): string {
  return `${pod}.${index.toString(16).padStart(16, '0')}`;
}

function eventOf(index: number, pod: string, message: string): KubeObject {
  const time = `${new Date().toISOString().slice(0, 19)}Z`;
  return {
    apiVersion: 'v1',
    kind: 'Event',
    metadata: { name: nameOf(index, pod), namespace: NAMESPACE },
    involvedObject: { apiVersion: 'v1', kind: 'Pod', namespace: NAMESPACE, name: pod },
    type: 'Warning',
    reason: 'BackOff',
    message,
    count: 1,
    firstTimestamp: time,
    lastTimestamp: time,
    source: { component: 'kubelet' },
  };
}
