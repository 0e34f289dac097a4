import { compareResourceVersions, type ObjectKey } from '@hawser/protocol';
import { isLocatedByText } from '../../locating/index.ts';
import type { Change, Observed, ReflectorStatus } from '../../merge/change.ts';
import { resourceOf } from '../../store/index.ts';
import { createDownstream } from '../downstream.ts';
import type { DownstreamLimits } from '../limits.ts';
import { WATCHED_RESOURCES } from '../sync-status.ts';
import type { Downstream, RefusedObject } from '../types.ts';
import type { ManualClock } from './manual-clock.ts';
import type { ModelCluster } from './model-cluster.ts';
import { silentLogger } from './silent-logger.ts';

interface ModelReflector {
  /** Of the first list, what has not been emitted. */
  listed: Observed[];
  isSynced: boolean;
  /** Of the cluster's history, what has been looked at. */
  position: number;
  reached: string;
}

/** A relay whose reflectors, fetches and statuses move when a test says so. */
export class ModelRelay {
  readonly downstream: Downstream;
  readonly refusals: RefusedObject[] = [];
  /** What came from the watches, apart from what the downstream made of it. */
  readonly watched = new Map<ObjectKey, Observed>();
  /** What was answered to its requests: the newest of each key. */
  readonly fetched = new Map<ObjectKey, Observed>();
  /** What it was told not to be there, and has not seen since. */
  readonly gone = new Set<ObjectKey>();
  readonly requests: ObjectKey[] = [];
  /** Every so many objects that are not located by their text were read before somebody wanted them. 0: none. */
  earlyEvery = 0;
  readonly #cluster: ModelCluster;
  readonly #reflectors: ReadonlyMap<string, ModelReflector>;

  constructor(
    cluster: ModelCluster,
    clock: ManualClock,
    limits: Partial<DownstreamLimits> = {},
    onDelivered: (milliseconds: number) => void = () => undefined,
  ) {
    this.#cluster = cluster;
    this.downstream = createDownstream({
      logger: silentLogger,
      clock,
      limits,
      requestBody: (key) => {
        if (this.requests.includes(key)) throw new Error(`${key} was asked for twice`);
        this.requests.push(key);
      },
      onRefused: (refusal) => this.refusals.push(refusal),
      onDelivered,
    });
    this.#reflectors = new Map(WATCHED_RESOURCES.map((resource) => [resource, this.#list(resource)]));
  }

  /** The newest that it was told of an object that its watch has not seen go. */
  newest(key: ObjectKey): Observed | undefined {
    const [watched, fetched] = [this.watched.get(key), this.fetched.get(key)];
    if (watched === undefined || fetched === undefined) return watched;
    return compareResourceVersions(fetched.resourceVersion, watched.resourceVersion) > 0 ? fetched : watched;
  }

  get isSynced(): boolean {
    return [...this.#reflectors.values()].every(({ isSynced }) => isSynced);
  }

  /** One step of one reflector. Returns false when it had nothing to do. */
  step(resource: string): boolean {
    const reflector = this.#reflector(resource);
    const listed = reflector.listed.pop();
    if (listed !== undefined) {
      this.#apply({ type: 'upsert', object: listed });
      return true;
    }
    if (!reflector.isSynced) {
      reflector.isSynced = true;
      return true;
    }
    while (reflector.position < this.#cluster.history.length) {
      const change = this.#cluster.history[reflector.position];
      reflector.position += 1;
      if (change === undefined || resourceOf(keyOf(change)) !== resource) continue;
      this.#apply(change);
      reflector.reached = change.type === 'upsert' ? change.object.resourceVersion : change.resourceVersion;
      return true;
    }
    return false;
  }

  /** Everything that happened so far comes in, but nobody is told how far that is. */
  read(except?: string): void {
    for (const resource of WATCHED_RESOURCES) while (resource !== except && this.step(resource));
  }

  /** The reflector has come to the present, and what lay between was handed on by the test, or not at all. */
  skip(resource: string): void {
    const reflector = this.#reflectors.get(resource);
    if (reflector === undefined) throw new Error(`no reflector of ${resource}`);
    reflector.position = this.#cluster.history.length;
    reflector.reached = this.#cluster.resourceVersion;
  }

  /** Tells how far the reflectors are; a bookmark when everything was seen. */
  tell(): void {
    const statuses = Array.from(this.#reflectors, ([resource, { isSynced, reached }]): ReflectorStatus => {
      return isSynced
        ? { resource, state: 'synced', detail: '', resourceVersion: reached }
        : { resource, state: 'listing', detail: '', resourceVersion: undefined };
    });
    this.downstream.setSynced(statuses);
  }

  answerOne(): boolean {
    const key = this.requests.shift();
    if (key === undefined) return false;
    const found = this.#cluster.observed(key);
    if (found === undefined) this.gone.add(key);
    else this.fetched.set(key, found);
    this.downstream.provideBody(found ?? { notFound: key });
    return true;
  }

  /** Everything that happened so far comes in. */
  catchUp(): void {
    this.read();
    for (const reflector of this.#reflectors.values()) reflector.reached = this.#cluster.resourceVersion;
    this.tell();
    while (this.answerOne());
  }

  #reflector(resource: string): ModelReflector {
    const reflector = this.#reflectors.get(resource);
    if (reflector === undefined) throw new Error(`${resource} is not watched`);
    return reflector;
  }

  #list(resource: string): ModelReflector {
    const listed = [...this.#cluster.objects.keys()].filter((key) => resourceOf(key) === resource);
    return {
      listed: listed.flatMap((key) => this.#cluster.observed(key) ?? []),
      isSynced: false,
      position: this.#cluster.history.length,
      reached: this.#cluster.resourceVersion,
    };
  }

  /** As a reflector hands it on: without the text that nobody wanted when it was read. */
  #asRead(object: Observed): Observed {
    const isEarly = !isLocatedByText(object.key) && this.earlyEvery > 0 && Number(object.resourceVersion) % this.earlyEvery === 0;
    return this.downstream.wantsText(object.key) && !isEarly ? object : { ...object, text: undefined };
  }

  #apply(change: Change): void {
    if (change.type === 'upsert') this.watched.set(change.object.key, change.object);
    else this.watched.delete(change.key);
    if (change.type === 'upsert') this.gone.delete(change.object.key);
    this.downstream.apply(change.type === 'upsert' ? { type: 'upsert', object: this.#asRead(change.object) } : change);
  }
}

function keyOf(change: Change): ObjectKey {
  return change.type === 'upsert' ? change.object.key : change.key;
}
