import type { KubeObject } from '@hawser/protocol';
import type { Logger } from 'pino';
import type { Clock } from '../../api/clock.ts';
import type { Identity } from '../../api/policy.ts';
import type { Target } from '../../api/registry/context.ts';
import type { Registry } from '../../api/registry/registry.ts';
import type { WatchEvent } from '../../api/registry/watch.ts';
import { isUnavailable } from './client.ts';

export interface FollowOptions {
  readonly registry: Registry;
  readonly identity: Identity;
  /** A collection. */
  readonly target: Target;
  readonly fieldSelector: string;
  readonly clock: Clock;
  readonly logger: Logger;
  /** The object is there; called at least once for each change of it. */
  readonly onObject: (object: KubeObject) => void;
  readonly onGone: (namespace: string, name: string) => void;
}

/** After a watch that could not be opened or ended in an error, in milliseconds. */
const RETRY_MS = 1_000;
const INITIAL_EVENTS_END = 'k8s.io/initial-events-end';

/** Watches a collection until stopped, over the ends of single watches: what went meanwhile is told too. Keeps names only. */
export function follow(options: FollowOptions): () => void {
  const { registry, identity, target, clock, logger } = options;
  const known = new Map<string, { readonly namespace: string; readonly name: string }>();
  let isStopped = false;
  let stopWatch = () => {};
  let cancelRetry = () => {};

  function gone(id: string): void {
    const key = known.get(id);
    if (key === undefined) return;
    known.delete(id);
    options.onGone(key.namespace, key.name);
  }

  function again(delayMs: number): void {
    if (!isStopped) cancelRetry = clock.after(delayMs, () => void open());
  }

  async function open(): Promise<void> {
    /** Names of the first events; undefined once all have come. */
    let first: Set<string> | undefined = new Set();
    let hasFailed = false;

    const event = ({ type, object }: WatchEvent) => {
      const { namespace = '', name = '', annotations = {} } = object.metadata;
      const id = `${namespace}/${name}`;
      switch (type) {
        case 'ADDED':
        case 'MODIFIED':
          first?.add(id);
          known.set(id, { namespace, name });
          options.onObject(object);
          return;
        case 'DELETED':
          gone(id);
          return;
        case 'BOOKMARK':
          if (annotations[INITIAL_EVENTS_END] !== 'true') return;
          for (const other of known.keys()) if (first?.has(other) === false) gone(other);
          first = undefined;
          return;
        case 'ERROR':
          hasFailed = true;
          return;
      }
    };

    try {
      const stop = await registry.watch(
        identity,
        target,
        {
          fieldSelector: options.fieldSelector,
          sendInitialEvents: true,
          resourceVersionMatch: 'NotOlderThan',
          allowWatchBookmarks: true,
        },
        { event, end: () => again(hasFailed ? RETRY_MS : 0) },
      );
      if (isStopped) stop();
      else stopWatch = stop;
    } catch (err) {
      // Before the device has ever had all its objects, as of a server that has just started.
      if (isUnavailable(err)) logger.debug({ resource: target.resource.id }, 'nothing to watch yet');
      else logger.error({ err, resource: target.resource.id }, 'local watch failed');
      again(RETRY_MS);
    }
  }

  void open();
  return () => {
    isStopped = true;
    cancelRetry();
    stopWatch();
  };
}
