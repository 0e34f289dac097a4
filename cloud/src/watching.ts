import { type ApiResource, HawserError, resourceById } from '@hawser/protocol';
import type { Logger } from 'pino';
import { type ApiClient, createReflector, type Reflector } from './apiserver/index.ts';
import type { Clock } from './clock.ts';
import type { Downstream } from './downstream/index.ts';
import type { ReflectorStatus } from './merge/change.ts';

/** Everything that the relay watches, and what of it the server leaves out for us. */
export const WATCHED: readonly { readonly resource: string; readonly fieldSelector?: string }[] = [
  { resource: 'nodes' },
  { resource: 'pods' },
  { resource: 'configmaps' },
  // Helm keeps each release as a Secret of up to 1 MB; no pod refers to one.
  { resource: 'secrets', fieldSelector: 'type!=helm.sh/release.v1' },
];

export interface WatchingOptions {
  readonly client: ApiClient;
  readonly downstream: Pick<Downstream, 'apply' | 'setSynced'>;
  readonly clock: Clock;
  /** From 0 to 1, 1 excluded. */
  readonly random: () => number;
  readonly logger: Logger;
  readonly onChange: (type: 'upsert' | 'delete', resource: string) => void;
  readonly onListed: (resource: string) => void;
  /** After the status has reached `downstream`. */
  readonly onStatus: () => void;
}

/** The reflectors of all watched resources, as one. */
export interface Watching {
  start(): void;
  stop(): Promise<void>;
  statuses(): readonly ReflectorStatus[];
  /** What is not synced, one line each, for people. Empty when all is. */
  waitingFor(): readonly string[];
}

export function createWatching(options: WatchingOptions): Watching {
  const { client, downstream, clock, random, logger, onChange, onListed, onStatus } = options;
  const reflectors: readonly Reflector[] = WATCHED.map(({ resource, fieldSelector }) =>
    createReflector({
      resource: inTable(resource),
      client,
      ...(fieldSelector === undefined ? {} : { fieldSelector }),
      clock,
      random,
      logger,
      emit(change) {
        onChange(change.type, resource);
        downstream.apply(change);
      },
      onListed: () => onListed(resource),
      onStatus() {
        downstream.setSynced(statuses());
        onStatus();
      },
    }),
  );

  function statuses(): readonly ReflectorStatus[] {
    return reflectors.map((reflector) => reflector.status());
  }

  return {
    start() {
      for (const reflector of reflectors) reflector.start();
    },
    async stop() {
      await Promise.all(reflectors.map((reflector) => reflector.stop()));
    },
    statuses,
    waitingFor: () =>
      statuses()
        .filter(({ state }) => state !== 'synced' && state !== 'notServed')
        .map(({ resource, state, detail }) => `${resource}: ${state}${detail === '' ? '' : ` (${detail})`}`),
  };
}

function inTable(id: string): ApiResource {
  const resource = resourceById(id);
  if (resource === undefined) throw new HawserError('unsupported', `no resource ${id} in the resource table`);
  return resource;
}
