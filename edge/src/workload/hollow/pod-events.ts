import type { KubeObject } from '@hawser/protocol';
import type { Logger } from 'pino';
import { type Clock, timestamp } from '../../api/clock.ts';
import type { HollowClient } from './client.ts';
import type { PodSpec } from './pod-spec.ts';

/** Events about pods, made once and then counted up, as a kubelet does. */
export interface PodEvents {
  warn(pod: PodSpec, reason: string, message: string): void;
  /** The pod of that uid is gone, or well: what comes next is an Event of its own. */
  forget(uid: string): void;
}

export interface PodEventsOptions {
  readonly client: Pick<HollowClient, 'create' | 'patchEvent'>;
  readonly nodeName: string;
  readonly clock: Pick<Clock, 'now'>;
  /** At least 0, below 1. */
  readonly random: () => number;
  readonly logger: Logger;
}

/** The same Event is counted up at most so often, in milliseconds: what a kubelet's spam filter lets through for long. */
const COUNT_EVERY_MS = 5 * 60_000;
/** Different Events of one pod that are counted up; further ones are not made. */
const MAX_EVENTS_PER_POD = 20;
/** Of an object's name (DNS subdomain), in characters. */
const MAX_NAME_LENGTH = 253;

interface Told {
  readonly name: string;
  count: number;
  /** Times in milliseconds since 1970. */
  writtenAt: number;
}

export function createPodEvents({ client, nodeName, clock, random, logger }: PodEventsOptions): PodEvents {
  const byPod = new Map<string, Map<string, Told>>();

  function write(work: Promise<unknown>, pod: PodSpec): void {
    // A full outbox, for one: what the Event is about goes on all the same.
    work.catch((err: unknown) => logger.warn({ err, namespace: pod.namespace, pod: pod.name }, 'event not written'));
  }

  return {
    warn(pod, reason, message) {
      const told = byPod.get(pod.uid) ?? new Map<string, Told>();
      byPod.set(pod.uid, told);
      const now = clock.now();
      const known = told.get(`${reason}/${message}`);
      if (known === undefined) {
        if (told.size >= MAX_EVENTS_PER_POD) return;
        const name = eventName(pod.name, now, random);
        told.set(`${reason}/${message}`, { name, count: 1, writtenAt: now.getTime() });
        write(
          client.create('events', pod.namespace, eventOf({ pod, name, nodeName, reason, message, time: timestamp(now) })),
          pod,
        );
        return;
      }
      known.count += 1;
      const since = now.getTime() - known.writtenAt;
      if (since >= 0 && since < COUNT_EVERY_MS) return;
      known.writtenAt = now.getTime();
      write(client.patchEvent(pod.namespace, known.name, { count: known.count, lastTimestamp: timestamp(now) }), pod);
    },
    forget: (uid) => byPod.delete(uid),
  };
}

/** `web-0.18eab1d4afa4c6ca`: the time in nanoseconds, of which the clock has only the milliseconds. */
function eventName(pod: string, now: Date, random: () => number): string {
  const nanoseconds = BigInt(now.getTime()) * 1_000_000n + BigInt(Math.floor(random() * 1_000_000));
  const suffix = `.${nanoseconds.toString(16)}`;
  return `${pod.slice(0, MAX_NAME_LENGTH - suffix.length)}${suffix}`;
}

interface EventParts {
  readonly pod: PodSpec;
  readonly name: string;
  readonly nodeName: string;
  readonly reason: string;
  readonly message: string;
  readonly time: string;
}

function eventOf({ pod, name, nodeName, reason, message, time }: EventParts): KubeObject {
  const { namespace, name: podName, uid } = pod;
  return {
    apiVersion: 'v1',
    kind: 'Event',
    metadata: { name, namespace },
    involvedObject: { apiVersion: 'v1', kind: 'Pod', namespace, name: podName, uid },
    reason,
    message,
    source: { component: 'kubelet', host: nodeName },
    firstTimestamp: time,
    lastTimestamp: time,
    count: 1,
    type: 'Warning',
    eventTime: null,
    reportingComponent: 'kubelet',
    reportingInstance: nodeName,
  };
}
