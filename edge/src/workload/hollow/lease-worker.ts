import type { KubeObject } from '@hawser/protocol';
import type { Logger } from 'pino';
import type { Clock } from '../../api/clock.ts';
import { LEASE_DURATION_SECONDS, NODE_LEASE_NAMESPACE } from '../kubelet-life.ts';
import type { HollowClient } from './client.ts';

const LEASES = 'coordination.k8s.io/leases';
/** As a kubelet: a quarter of the duration, in milliseconds. */
const RENEW_MS = (LEASE_DURATION_SECONDS * 1000) / 4;
/** Before the first one: the Node is not registered yet. In milliseconds. */
const AWAIT_NODE_MS = 1_000;

export interface LeaseWorkerOptions {
  readonly client: HollowClient;
  readonly nodeName: string;
  readonly clock: Clock;
  readonly logger: Logger;
}

/**
 * Keeps the node's Lease at the local API, as a kubelet does: made with the Node as owner once there is one, then replaced over the
 * version that it has. Returns the end of it.
 */
export function renewLease({ client, nodeName, clock, logger }: LeaseWorkerOptions): () => void {
  let isStopped = false;
  let cancelTimer = () => {};
  let isFailing = false;

  /** @returns when it is to be done again, in milliseconds */
  async function renew(): Promise<number> {
    const lease = await client.get(LEASES, NODE_LEASE_NAMESPACE, nodeName);
    const renewTime = clock.now().toISOString().replace('Z', '000Z');
    if (lease !== undefined) {
      await client.update(LEASES, { ...lease, spec: leaseSpec(nodeName, renewTime) });
      return RENEW_MS;
    }
    const node = await client.get('nodes', '', nodeName);
    if (node === undefined) return AWAIT_NODE_MS;
    await client.create(LEASES, NODE_LEASE_NAMESPACE, leaseOf(node, nodeName, renewTime));
    return RENEW_MS;
  }

  async function round(): Promise<void> {
    let waitMs = RENEW_MS;
    try {
      waitMs = await renew();
      isFailing = false;
    } catch (err) {
      // Somebody else wrote it, or the store cannot: the next renewal sees. Said once.
      if (!isFailing) logger.warn({ err, node: nodeName }, 'node lease not renewed');
      isFailing = true;
    }
    if (!isStopped) cancelTimer = clock.after(waitMs, () => void round());
  }

  void round();
  return () => {
    isStopped = true;
    cancelTimer();
  };
}

function leaseOf({ metadata: { uid = '' } }: KubeObject, nodeName: string, renewTime: string): KubeObject {
  return {
    apiVersion: 'coordination.k8s.io/v1',
    kind: 'Lease',
    metadata: {
      name: nodeName,
      namespace: NODE_LEASE_NAMESPACE,
      ownerReferences: [{ apiVersion: 'v1', kind: 'Node', name: nodeName, uid }],
    },
    spec: leaseSpec(nodeName, renewTime),
  };
}

function leaseSpec(nodeName: string, renewTime: string) {
  return { holderIdentity: nodeName, leaseDurationSeconds: LEASE_DURATION_SECONDS, renewTime };
}
