import type { Clock } from '@hawser/edge';
import type { KubeObject } from '@hawser/protocol';
import { fieldsOf } from '../../apiserver/policy/fields.ts';
import type { Surroundings } from '../reflector.ts';
import { wait } from '../wait.ts';

const LEASES = '/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases';
/** Of one renewal, each with the newest resourceVersion. */
const MAX_TRIES = 5;
/** For which others take the node to live after a renewal. */
const DURATION_SECONDS = 40;

/**
 * Renews the node's Lease until the kubelet is stopped: a PUT with the resourceVersion that was seen last; what fails is read or made
 * anew. It belongs to the Node, so it is not made before there is one.
 * @param everyMs ten seconds, of a kubelet
 */
export async function renewLease(around: Surroundings, node: string, everyMs: number): Promise<void> {
  const { client, clock, happen, signal } = around;
  const path = `${LEASES}/${node}?timeout=10s`;
  let latest: KubeObject | undefined;

  const ensure = async (): Promise<{ lease: KubeObject; isNew: boolean } | undefined> => {
    const read = await client.call('GET', path);
    if (read.status === 200 && read.object !== undefined) return { lease: read.object, isNew: false };
    if (read.status !== 404) return undefined;
    const owner = await client.call('GET', `/api/v1/nodes/${node}?timeout=10s`);
    const uid = owner.object?.metadata.uid;
    if (owner.status !== 200 || uid === undefined) return undefined;
    const made = await client.call('POST', `${LEASES}?timeout=10s`, { body: newLease(node, uid, clock) });
    return made.status === 201 && made.object !== undefined ? { lease: made.object, isNew: true } : undefined;
  };

  const renew = async (): Promise<boolean> => {
    if (latest === undefined) {
      const ensured = await ensure();
      latest = ensured?.lease;
      if (ensured === undefined || ensured.isNew) return ensured !== undefined;
    }
    for (let tries = 1; tries <= MAX_TRIES && latest !== undefined; tries++) {
      const spec = { ...fieldsOf(latest.spec), renewTime: microTime(clock) };
      const { status, object } = await client.call('PUT', path, { body: { ...latest, spec } });
      if (status === 200 && object !== undefined) {
        latest = object;
        return true;
      }
      happen({ event: 'leaseRefused', status });
      latest = (await ensure())?.lease;
    }
    return false;
  };

  for (;;) {
    const isRenewed = await renew().catch((error: unknown) => {
      signal.throwIfAborted();
      happen({ event: 'leaseFailed', message: error instanceof Error ? error.message : String(error) });
      return false;
    });
    happen({ event: 'lease', isRenewed });
    await wait(clock, everyMs, signal);
  }
}

function newLease(node: string, uid: string, clock: Clock): KubeObject {
  const ownerReferences = [{ apiVersion: 'v1', kind: 'Node', name: node, uid }];
  return {
    kind: 'Lease',
    apiVersion: 'coordination.k8s.io/v1',
    metadata: { name: node, namespace: 'kube-node-lease', ownerReferences },
    spec: { holderIdentity: node, leaseDurationSeconds: DURATION_SECONDS, renewTime: microTime(clock) },
  };
}

/** A MicroTime has exactly six decimals. */
function microTime(clock: Clock): string {
  return clock.now().toISOString().replace('Z', '000Z');
}
