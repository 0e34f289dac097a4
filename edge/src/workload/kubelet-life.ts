import type { KubeObject } from '@hawser/protocol';
import type { Clock } from '../api/clock.ts';
import type { Storage } from '../api/storage.ts';
import { jsonOf, number, text } from './hollow/fields.ts';

const LEASES = 'coordination.k8s.io/leases';
/** Where kubelets have their Leases (Kubernetes, "Leases"). */
export const NODE_LEASE_NAMESPACE = 'kube-node-lease';
/** What a kubelet says by default of how long its renewal counts, in seconds; and the most that is believed. */
export const LEASE_DURATION_SECONDS = 40;
const MOST_SECONDS = 3_600;

/**
 * Whether a kubelet runs beside the agent: it does while it keeps renewing its Lease at the local API. Time is measured here, from
 * when a renewal was seen; what the Lease says of times is compared with nothing but itself.
 */
export interface KubeletLife {
  /** A renewal was seen, and the Lease's duration has not passed since. */
  isAlive(): boolean;
  /** Calls `listener` whenever it has changed. Returns the end of the subscription. */
  onChange(listener: (isAlive: boolean) => void): () => void;
  close(): void;
}

export interface KubeletLifeOptions {
  readonly storage: Pick<Storage, 'subscribe'>;
  readonly nodeName: string;
  readonly clock: Pick<Clock, 'after'>;
}

export function watchKubelet({ storage, nodeName, clock }: KubeletLifeOptions): KubeletLife {
  const listeners = new Set<(isAlive: boolean) => void>();
  let isAlive = false;
  let cancelEnd = () => {};

  function set(value: boolean): void {
    if (isAlive === value) return;
    isAlive = value;
    for (const listener of listeners) listener(value);
  }

  const unsubscribe = storage.subscribe(LEASES, ({ type, key, object, previous }) => {
    if (type === 'DELETED' || key.namespace !== NODE_LEASE_NAMESPACE || key.name !== nodeName) return;
    const { renewTime, seconds } = leaseOf(object);
    if (renewTime === '' || (previous !== undefined && leaseOf(previous).renewTime === renewTime)) return;
    cancelEnd();
    cancelEnd = clock.after(seconds * 1000, () => set(false));
    set(true);
  });

  return {
    isAlive: () => isAlive,
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    close() {
      unsubscribe();
      cancelEnd();
      listeners.clear();
    },
  };
}

function leaseOf({ spec }: KubeObject): { readonly renewTime: string; readonly seconds: number } {
  const { renewTime, leaseDurationSeconds } = jsonOf(spec);
  const said = number(leaseDurationSeconds) ?? 0;
  return { renewTime: text(renewTime), seconds: said >= 1 && said <= MOST_SECONDS ? said : LEASE_DURATION_SECONDS };
}
