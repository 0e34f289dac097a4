import { type ApiResource, HawserError, type ObjectKey, resourceById } from '@hawser/protocol';
import type { Logger } from 'pino';
import {
  type ApiClient,
  createReflector,
  type HowFar,
  howFarFrom,
  type IdentityCheck,
  type Reflector,
} from './apiserver/index.ts';
import type { Clock } from './clock.ts';
import type { Downstream } from './downstream/index.ts';
import type { ReflectorStatus } from './merge/change.ts';

interface Watched {
  readonly resource: string;
  readonly fieldSelector?: string;
}

/**
 * Everything that the relay watches, and what of it the server leaves out for us; one stage begins when the one before is
 * synced. Nodes, pods and then volumes say which of the other objects an edge node needs: when those come, their bodies are kept
 * at once and need not be asked for again.
 */
const STAGES: readonly (readonly Watched[])[] = [
  [{ resource: 'nodes' }, { resource: 'pods' }],
  [{ resource: 'persistentvolumeclaims' }, { resource: 'persistentvolumes' }, { resource: 'storage.k8s.io/volumeattachments' }],
  [
    { resource: 'namespaces' },
    { resource: 'serviceaccounts' },
    { resource: 'configmaps' },
    // Helm keeps each release as a Secret of up to 1 MB; no pod refers to one.
    { resource: 'secrets', fieldSelector: 'type!=helm.sh/release.v1' },
    { resource: 'services' },
    { resource: 'endpoints' },
    { resource: 'discovery.k8s.io/endpointslices' },
    { resource: 'node.k8s.io/runtimeclasses' },
    { resource: 'storage.k8s.io/csidrivers' },
  ],
];

export const WATCHED: readonly Watched[] = STAGES.flat();

export interface WatchingOptions {
  readonly client: ApiClient;
  readonly downstream: Pick<Downstream, 'apply' | 'setSynced' | 'wantsText'>;
  readonly clock: Clock;
  /** From 0 to 1, 1 excluded. */
  readonly random: () => number;
  readonly logger: Logger;
  readonly onChange: (type: 'upsert' | 'delete', resource: string) => void;
  /** After the change has reached `downstream`. */
  readonly onApplied: (key: ObjectKey) => void;
  readonly onListed: (resource: string) => void;
  readonly identity: IdentityCheck;
  /** The API server is behind where it was with a resource. */
  readonly onRestored: (detail: string) => void;
  readonly onWatch: (resource: string) => void;
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
  /** Lists one resource, or all, once more; see Reflector.listAnew. */
  listAnew(resource: string, detail: string): Promise<void>;
  beginEpoch(detail: string): Promise<void>;
  /** How far the API server is with a resource, see apiserver/how-far.ts. @throws as there */
  howFar(resource: string, reached: string, signal: AbortSignal): Promise<HowFar>;
}

export function createWatching(options: WatchingOptions): Watching {
  const { client, downstream, clock, random, logger, onChange, onApplied, onListed, onWatch, onStatus, identity, onRestored } =
    options;
  let started = 0;
  const stages: readonly (readonly Reflector[])[] = STAGES.map((stage) => stage.map(reflect));
  const reflectors = stages.flat();

  function reflect({ resource, fieldSelector }: Watched): Reflector {
    return createReflector({
      resource: inTable(resource),
      client,
      ...(fieldSelector === undefined ? {} : { fieldSelector }),
      clock,
      random,
      logger,
      wantsText: (key) => downstream.wantsText(key),
      emit(change) {
        onChange(change.type, resource);
        downstream.apply(change);
        onApplied(change.type === 'delete' ? change.key : change.object.key);
      },
      onListed: () => onListed(resource),
      identity,
      confirmsEmpty: true,
      onRestored,
      onWatch: () => onWatch(resource),
      onStatus() {
        downstream.setSynced(statuses());
        onStatus();
        startNextStage();
      },
    });
  }

  /** Begins the stage whose turn it is, once everything before it is synced. */
  function startNextStage(): void {
    const next = stages[started];
    if (next === undefined || !stages.slice(0, started).flat().every(isSynced)) return;
    started += 1;
    for (const reflector of next) reflector.start();
  }

  function statuses(): readonly ReflectorStatus[] {
    return reflectors.map((reflector) => reflector.status());
  }

  return {
    start: startNextStage,
    async stop() {
      await Promise.all(reflectors.map((reflector) => reflector.stop()));
    },
    statuses,
    async listAnew(resource, detail) {
      const known = reflectors.filter((reflector) => reflector.status().resource === resource);
      logger.warn({ resource, detail }, 'listing anew');
      await Promise.all(known.map((reflector) => reflector.listAnew('again', detail)));
    },
    async beginEpoch(detail) {
      await Promise.all(reflectors.map((reflector) => reflector.listAnew('newEpoch', detail)));
    },
    howFar: (resource, reached, signal) =>
      howFarFrom({ client, target: { resource: inTable(resource), namespace: '' }, clock, signal }, reached),
    waitingFor: () => waitingForAny(statuses()),
  };
}

/** Of those that are not synced, one line each, for people. */
export function waitingForAny(statuses: readonly ReflectorStatus[]): readonly string[] {
  return statuses
    .filter((status) => !isSyncedStatus(status))
    .map(({ resource, state, detail }) => `${resource}: ${state}${detail === '' ? '' : ` (${detail})`}`);
}

function isSynced(reflector: Reflector): boolean {
  return isSyncedStatus(reflector.status());
}

/** What the server does not serve has nothing to wait for. */
function isSyncedStatus({ state }: ReflectorStatus): boolean {
  return state === 'synced' || state === 'notServed';
}

function inTable(id: string): ApiResource {
  const resource = resourceById(id);
  if (resource === undefined) throw new HawserError('unsupported', `no resource ${id} in the resource table`);
  return resource;
}
