import {
  type Change,
  createIntake,
  createMerge,
  initialStatus,
  type Merge,
  nextStatus,
  type Observed,
  type ReflectorStatus,
  type StatusEvent,
} from '@hawser/cloud';
import { type ObjectKey, parseObjectKey } from '@hawser/protocol';
import type { Logger } from 'pino';
import type { SimulatedClock } from './clock.ts';
import { type Cluster, type Stored, textOf, typeOf } from './cluster.ts';

/** A list or a watch that is under way, as a stream of which one piece is read at a time. */
type Stream =
  | { readonly type: 'none' }
  | { readonly type: 'list'; readonly items: Stored[]; readonly revision: number }
  | { readonly type: 'watch'; at: number };

export interface ReflectorOptions {
  readonly resource: string;
  readonly cluster: Cluster;
  readonly logger: Logger;
  readonly wantsText: (key: ObjectKey) => boolean;
  readonly emit: (change: Change) => void;
  readonly onStatus: () => void;
  /** The server is behind where it was. */
  readonly onRestored: (detail: string) => void;
  readonly clock: Pick<SimulatedClock, 'time'>;
}

/** As in the product's reflector: an older position is not resumed from, in ms. */
const RESUME_WITHIN_MS = 5 * 60_000;
/** As in the product's `createListChecks`. */
const UNLIKELY_FROM = 10;

/**
 * A reflector in slow motion: the product's merge, intake and status, and around them each request, each piece of an answer and
 * each taking as a step of its own. The order of requests is that of the table over the product's `createReflector`.
 */
export class SimulatedReflector {
  readonly resource: string;
  /** A complete list has been handed on. What the rules call synced, whatever the relay says. */
  hasSynced = false;
  readonly #options: ReflectorOptions;
  readonly #merge: Merge = createMerge();
  readonly #intake: ReturnType<typeof createIntake>;
  #stream: Stream = { type: 'none' };
  #status;
  #told: Merge['taken'];
  #lists = 0;
  /** The first list whose end makes the status synced. */
  #reliableFrom = 0;
  /** When the watch was lost; undefined while there is one. */
  #lostAt: number | undefined;
  #wasUnlikely = false;
  /** Who waits for a list that began later than this one. */
  #waiting: { readonly from: number; readonly done: () => void }[] = [];

  constructor(options: ReflectorOptions) {
    this.resource = options.resource;
    this.#options = options;
    this.#status = initialStatus(options.resource);
    const pump = { wake: () => undefined, room: () => undefined, stop: () => undefined };
    this.#intake = createIntake(this.#merge, pump, options.logger, () => {
      this.#lists += 1;
    });
  }

  get status(): ReflectorStatus {
    return this.#status.status;
  }

  get lists(): number {
    return this.#lists;
  }

  /** One piece of what the API server says. Returns false when there is nothing to do but wait. */
  read(): boolean {
    switch (this.#stream.type) {
      case 'none':
        this.#begin();
        return true;
      case 'list':
        return this.#readList(this.#stream);
      case 'watch':
        return this.#readWatch(this.#stream);
    }
  }

  /** One change to the relay. Returns false when none waits. */
  take(): boolean {
    const isWaiting = this.#merge.waiting > 0;
    for (const change of this.#merge.take()) this.#options.emit(change);
    const { taken } = this.#merge;
    if (taken === undefined || taken === this.#told) return isWaiting;
    this.#told = taken;
    if (taken.list >= this.#reliableFrom) {
      this.hasSynced = true;
      this.#tell({ type: 'taken', resourceVersion: taken.resourceVersion });
    }
    const done = this.#waiting.filter(({ from }) => from <= taken.list);
    this.#waiting = this.#waiting.filter(({ from }) => from > taken.list);
    for (const one of done) one.done();
    return true;
  }

  /** What is under way is given up, and everything listed; `done` is called when it has been handed on. */
  listAnew(done: () => void): void {
    this.cut();
    this.#intake.losePosition();
    this.#waiting.push({ from: this.#merge.lists + 1, done });
  }

  /** The server was restored: everything is listed anew, and `done` is called when it has been handed on. */
  beginEpoch(detail: string, done: () => void): void {
    this.cut();
    this.#intake.losePosition();
    this.#intake.beginEpoch();
    this.#reliableFrom = this.#merge.lists + 1;
    this.hasSynced = false;
    this.#tell({ type: 'listsAnew', detail });
    this.#waiting.push({ from: this.#merge.lists + 1, done });
  }

  /** A watch is open and all that it brought has been taken: nothing happens before something changes in the cluster. */
  get isAtRest(): boolean {
    return this.#stream.type === 'watch' && this.#merge.waiting === 0;
  }

  /** Everything that there is comes in. */
  catchUp(): void {
    // Twice, as the first of a watch's pieces may say that a list is needed.
    for (let round = 0; round < 2; round += 1) while (this.read());
    this.bookmark();
    while (this.take());
  }

  /** The server says how far its watch cache is, where a watch is open and has shown all before. */
  bookmark(): void {
    const { cluster } = this.#options;
    if (this.#stream.type !== 'watch' || cluster.nextEvent(this.resource, this.#stream.at) !== undefined) return;
    // A watch from the future is silent until the server has got there.
    if (this.#stream.at > cluster.revision) return;
    this.#stream.at = cluster.revision;
    this.#intake.event({ type: 'bookmark', resourceVersion: String(cluster.revision), endsInitialEvents: false });
  }

  /** The stream breaks: a list counts for nothing, a watch is resumed where it was. */
  cut(): void {
    if (this.#stream.type === 'list') this.#merge.abandonList();
    if (this.#stream.type === 'watch') this.#lostAt ??= this.#options.clock.time;
    this.#stream = { type: 'none' };
  }

  /** The stream breaks, and the next request fails. */
  fail(isForbidden: boolean): void {
    this.cut();
    this.#tell({ type: 'failed', detail: isForbidden ? 'simulated 403' : 'simulated 500', isForbidden });
  }

  #begin(): void {
    const { cluster, clock, onRestored } = this.#options;
    if (this.#lostAt !== undefined && clock.time - this.#lostAt > RESUME_WITHIN_MS) this.#intake.losePosition();
    const { position, reached } = this.#intake;
    if (reached !== undefined && cluster.revision < Number(reached)) {
      onRestored(`${this.resource} were at ${reached} and are at ${cluster.revision}`);
      return;
    }
    if (position === undefined) {
      this.#intake.beginList();
      const items = [...cluster.objects.values()].filter(({ key }) => parseObjectKey(key).resource === this.resource);
      this.#stream = { type: 'list', items, revision: cluster.revision };
    } else if (Number(position) < cluster.compacted) {
      this.#intake.losePosition();
    } else {
      this.#stream = { type: 'watch', at: Number(position) };
      this.#lostAt = undefined;
      this.#tell({ type: 'answered' });
    }
  }

  #readList(list: Extract<Stream, { type: 'list' }>): boolean {
    const item = list.items.shift();
    if (item !== undefined) {
      this.#intake.listed({ type: 'observed', object: this.#observed(item) });
      return true;
    }
    const { known, unnamed } = this.#intake.unnamed();
    const isUnlikely = known >= UNLIKELY_FROM && unnamed * 2 > known;
    if (isUnlikely && !this.#wasUnlikely) {
      this.cut();
      this.#wasUnlikely = true;
      return true;
    }
    this.#wasUnlikely = false;
    this.#intake.endList(String(list.revision));
    this.#lostAt = undefined;
    this.#tell({ type: 'answered' });
    this.#stream = { type: 'watch', at: list.revision };
    return true;
  }

  #readWatch(watch: Extract<Stream, { type: 'watch' }>): boolean {
    const event = this.#options.cluster.nextEvent(this.resource, watch.at);
    if (event === undefined) return false;
    watch.at = event.revision;
    const { key, uid } = event.object;
    if (event.type === 'remove') {
      this.#intake.event({ type: 'delete', head: { key, uid, resourceVersion: String(event.revision) } });
    } else {
      this.#intake.event({ type: 'upsert', observation: { type: 'observed', object: this.#observed(event.object) } });
    }
    return true;
  }

  #observed(object: Stored): Observed {
    return observedOf(object, this.#options.wantsText(object.key));
  }

  #tell(event: StatusEvent): void {
    const before = this.#status.status;
    this.#status = nextStatus(this.#status, event);
    const { state, detail, resourceVersion } = this.#status.status;
    if (state === before.state && detail === before.detail && resourceVersion === before.resourceVersion) return;
    this.#options.onStatus();
  }
}

export function observedOf(object: Stored, isWanted: boolean): Observed {
  const { key, uid, revision } = object;
  const type = typeOf(parseObjectKey(key).resource);
  return { key, uid, resourceVersion: String(revision), text: isWanted ? textOf(object) : undefined, type };
}
