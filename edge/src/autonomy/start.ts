import { type KubeObject, resourceById } from '@hawser/protocol';
import type { Logger } from 'pino';
import type { Clock } from '../api/clock.ts';
import { nodeIdentity } from '../api/device/identities.ts';
import type { Registry } from '../api/registry/registry.ts';
import type { EdgeStore } from '../store/index.ts';
import type { Sync } from '../sync/index.ts';
import { type AutonomousStop, startAutonomousStop } from './autonomous-stop.ts';
import { stopPod } from './stop-pods.ts';
import { stoppedEvent } from './stopped-event.ts';
import type { Uptime } from './uptime.ts';

export interface AutonomyOptions {
  readonly store: Pick<EdgeStore, 'fact' | 'setFact' | 'storage'>;
  readonly registry: Registry;
  readonly sync: Sync;
  readonly nodeName: string;
  readonly clock: Clock;
  readonly uptime: Uptime;
  readonly logger: Logger;
}

/** Ends pods, and tells of it, through the local API as the node: what the cloud is to know is in the outbox with it. */
export function startAutonomy({ registry, ...options }: AutonomyOptions): AutonomousStop {
  const { store, nodeName, clock, logger } = options;
  const identity = nodeIdentity(nodeName);

  function tell(event: KubeObject): void {
    const resource = resourceById('events');
    if (resource === undefined) return;
    registry
      .create(identity, { resource, namespace: event.metadata.namespace ?? '', name: '', subresource: '' }, event)
      .catch((err: unknown) => logger.warn({ err }, 'event about ended pods not written'));
  }

  return startAutonomousStop({
    ...options,
    storage: store.storage,
    stopPod: (pod) => stopPod(registry, identity, pod),
    onStopped: (pods, awayMs) => tell(stoppedEvent(nodeName, pods, awayMs, clock.now())),
  });
}
