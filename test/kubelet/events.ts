import { timestamp } from '@hawser/edge';
import type { KubeObject } from '@hawser/protocol';
import type { Surroundings } from './reflector.ts';
import { bell, wait } from './wait.ts';

export interface About {
  readonly kind: 'Node' | 'Pod';
  readonly object: KubeObject;
  /** `spec.containers{main}` */
  readonly fieldPath?: string;
}

/** Sends Events beside everything else, in order; the same again counts up the first. */
export interface Recorder {
  record(about: About, type: 'Normal' | 'Warning', reason: string, message: string): void;
}

/** As in client-go: what comes when so many wait is lost. */
const MAX_WAITING = 1_000;
/** As in client-go: an Event is given up after so many tries, ten seconds apart. */
const MAX_TRIES = 12;
const RETRY_MS = 10_000;
/** Events that can still be counted up. */
const MAX_KNOWN = 4_096;

interface Known {
  readonly name: string;
  count: number;
}

export function createRecorder(around: Surroundings, node: string): Recorder {
  const { client, clock, happen, signal } = around;
  const queue: { about: About; type: string; reason: string; message: string }[] = [];
  const known = new Map<string, Known>();
  const rings = bell();
  let serial = 0;

  const send = async ({ about, type, reason, message }: (typeof queue)[number]): Promise<boolean> => {
    const { namespace = 'default', name = '' } = about.object.metadata;
    const path = `/api/v1/namespaces/${namespace}/events`;
    const id = JSON.stringify([about.kind, namespace, name, about.object.metadata.uid, about.fieldPath, type, reason, message]);
    const now = timestamp(clock.now());
    const earlier = known.get(id);
    if (earlier !== undefined) {
      const patch = { count: earlier.count + 1, lastTimestamp: now, message };
      const { status } = await client.call('PATCH', `${path}/${earlier.name}`, { patch });
      if (status === 200) earlier.count++;
      if (status !== 404) return status < 500;
      known.delete(id);
    }
    // Unique as the kubelet's: the time in nanoseconds, in hex.
    const nanoseconds = BigInt(clock.now().getTime()) * 1_000_000n + BigInt(serial++);
    const body = eventOf(node, about, { type, reason, message, now, name: `${name}.${nanoseconds.toString(16)}` });
    const { status, object } = await client.call('POST', path, { body });
    if (status === 201) remember(id, { name: object?.metadata.name ?? body.metadata.name ?? '', count: 1 });
    else happen({ event: 'eventRefused', reason, status });
    return status < 500;
  };
  const remember = (id: string, event: Known) => {
    known.set(id, event);
    const [oldest] = known.keys();
    if (known.size > MAX_KNOWN && oldest !== undefined) known.delete(oldest);
  };

  const run = async () => {
    for (;;) {
      const next = queue.shift();
      if (next === undefined) await rings.heard(clock, RETRY_MS, signal);
      else {
        for (let tries = 1; tries <= MAX_TRIES; tries++) {
          // No connection: the same Event again later.
          if (await send(next).catch(() => false)) break;
          await wait(clock, RETRY_MS, signal);
        }
      }
    }
  };
  run().catch((error: unknown) => {
    if (!signal.aborted) throw error;
  });

  return {
    record(about, type, reason, message) {
      if (queue.length >= MAX_WAITING) return;
      queue.push({ about, type, reason, message });
      rings.ring();
    },
  };
}

interface Said {
  readonly name: string;
  readonly type: string;
  readonly reason: string;
  readonly message: string;
  readonly now: string;
}

function eventOf(node: string, { kind, object, fieldPath }: About, { name, type, reason, message, now }: Said): KubeObject {
  const { name: about, namespace, uid, resourceVersion } = object.metadata;
  const place = kind === 'Node' ? {} : { namespace, uid };
  const version = kind === 'Node' ? {} : { resourceVersion };
  return {
    kind: 'Event',
    apiVersion: 'v1',
    metadata: { name, namespace: namespace ?? 'default' },
    involvedObject: {
      ...{ kind, ...place, name: about, apiVersion: 'v1', ...version },
      ...(fieldPath === undefined ? {} : { fieldPath }),
    },
    ...{ reason, message, source: { component: 'kubelet', host: node } },
    ...{ firstTimestamp: now, lastTimestamp: now, count: 1, type, eventTime: null },
    ...{ reportingComponent: 'kubelet', reportingInstance: node },
  };
}
