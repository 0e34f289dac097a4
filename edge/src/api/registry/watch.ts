import { apiVersionOf, type KubeObject } from '@hawser/protocol';
import { heldBy } from '../held.ts';
import { compareKeys, type ItemKey } from '../keys.ts';
import { ApiError, expired, internal } from '../status.ts';
import { type Change, CompactedError, type Held } from '../storage.ts';
import type { ApiContext, Target } from './context.ts';
import { compileSelection } from './list.ts';
import { parseWatchVersion, validateWatchOptions, type WatchOptions } from './list-options.ts';
import { fromStored, storageIdOf } from './views.ts';
import { isForeign, waitForRevision } from './wait.ts';

export interface WatchEvent {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK' | 'ERROR';
  /** Of a BOOKMARK only kind, apiVersion and metadata; of an ERROR a Status. */
  readonly object: KubeObject;
  /** The object as JSON, where there is such a text: reading `object` is work then. */
  readonly json?: string | undefined;
}

/** Where a watch delivers to. `end` comes once, last, and never after the receiver has called `stop`. */
export interface WatchSink {
  event(event: WatchEvent): void;
  /** For who passes events on as lines of JSON: many ADDED at once. Optional. */
  joined?(lines: Uint8Array): void;
  end(): void;
}

/** Ends a watch from the receiver's side. May be called at any time, repeatedly. */
export type StopWatch = () => void;

/** A bookmark comes so often, in milliseconds, and once shortly before the watch times out. */
export const BOOKMARK_INTERVAL_MS = 60_000;
const BOOKMARK_BEFORE_END_MS = 1_500;
/** Soon after the initial events a bookmark tells how far the watch is, if anything happened meanwhile. */
const BOOKMARK_AFTER_INITIAL_MS = 1_000;
/** Watches so short that only the initial bookmark is worth it. */
const NO_BOOKMARKS_BELOW_MS = 2_000;
/** A watch without a timeout of its own ends after 30 to 60 minutes, drawn at random so that clients do not come back together. */
export const DEFAULT_WATCH_TIMEOUT_MS = 30 * 60_000;
/** Longest timeout taken from a client, in milliseconds; beyond, timers would overflow. */
const MAX_WATCH_TIMEOUT_MS = 7 * 24 * 3600_000;

/** So many initial events go out before the others are read, where they are only passed on: 50 KB of ConfigMaps, a millisecond. */
export const EVENTS_AHEAD = 32;

/**
 * Watches a collection. Which events come first depends on resourceVersion and sendInitialEvents:
 *
 * 1. neither, or resourceVersion 0: ADDED for all that exists, and a marked bookmark if bookmarks are allowed;
 * 2. sendInitialEvents=true: the same, once the resourceVersion has been reached (ERROR 504 after 3 s);
 * 3. a resourceVersion of the past: the changes since, or ERROR 410 if they are no longer known;
 * 4. one of the future: nothing until it is passed; where there can be none, ERROR 410 as in 3.
 *
 * Resolves when the watch is set up, which is when the API server sends headers.
 * @throws ApiError for options that are refused; everything later is an ERROR event.
 */
export async function watch(context: ApiContext, target: Target, options: WatchOptions, sink: WatchSink): Promise<StopWatch> {
  validateWatchOptions(options);
  const from = parseWatchVersion(options.resourceVersion);
  const running = new RunningWatch(context, target, options, sink);
  if (isForeign(context, from)) {
    running.fail(expired(new CompactedError(from, storageNow(context)).message));
  } else if (options.sendInitialEvents === true) {
    try {
      await waitForRevision(context, from);
    } catch (cause) {
      running.fail(cause);
      return running.stop;
    }
    running.start('initialEvents', storageNow(context));
  } else if (options.sendInitialEvents === undefined && from === 0) {
    running.start('initialEvents', storageNow(context));
  } else {
    running.start('changes', from === 0 ? storageNow(context) : from);
  }
  return running.stop;
}

function storageNow(context: ApiContext): number {
  return context.storage.revision();
}

class RunningWatch {
  readonly #context: ApiContext;
  readonly #target: Target;
  readonly #sink: WatchSink;
  readonly #matches: (object: KubeObject) => boolean;
  readonly #selection: ReturnType<typeof compileSelection>;
  readonly #bookmarks: boolean;
  readonly #lifetimeMs: number;
  readonly #cleanups: (() => void)[] = [];
  #ended = false;
  /** Changes up to this revision have been delivered or were not asked for. */
  #position = 0;

  constructor(context: ApiContext, target: Target, options: WatchOptions, sink: WatchSink) {
    this.#context = context;
    this.#target = target;
    this.#sink = sink;
    this.#selection = compileSelection(target, options);
    this.#matches = compileNamespaceFilter(target, this.#selection.matches);
    this.#bookmarks = options.allowWatchBookmarks ?? false;
    const asked = options.timeoutSeconds ?? 0;
    this.#lifetimeMs =
      asked > 0 ? Math.min(asked * 1000, MAX_WATCH_TIMEOUT_MS) : DEFAULT_WATCH_TIMEOUT_MS * (1 + context.random());
  }

  /** Ends without telling the sink. */
  readonly stop: StopWatch = () => {
    this.#ended = true;
    for (const cleanup of this.#cleanups.splice(0)) cleanup();
  };

  fail(cause: unknown): void {
    if (!(cause instanceof ApiError)) throw cause;
    this.#emit('ERROR', cause.toStatus());
    this.#end();
  }

  start(mode: 'initialEvents' | 'changes', from: number): void {
    const { storage, clock } = this.#context;
    const id = storageIdOf(this.#target.resource);
    this.#position = from;
    this.#cleanups.push(clock.after(this.#lifetimeMs, () => this.#end()));
    // Storage reads are synchronous: nothing can happen between what is read here and the subscription.
    if (mode === 'initialEvents') {
      const next = this.#firstEvents();
      if (next !== undefined) {
        this.#followUp(next);
        return;
      }
      this.#endInitialEvents();
    } else if (from < storage.revision()) {
      try {
        for (const change of storage.changesAfter(id, from)) this.#deliver(change);
      } catch (cause) {
        if (!(cause instanceof CompactedError)) throw cause;
        this.fail(expired(cause.message));
        return;
      }
    }
    if (this.#ended) return;
    this.#cleanups.push(storage.subscribe(id, (change) => this.#deliver(change)));
    this.#goOn();
  }

  #goOn(): void {
    this.#bookmarkOnce(this.#lifetimeMs - BOOKMARK_BEFORE_END_MS, 'always');
    this.#bookmarkEvery(BOOKMARK_INTERVAL_MS);
  }

  /** ADDED for what is there. @returns the key from which on they are still due, where there are many */
  #firstEvents(): ItemKey | undefined {
    const { storage } = this.#context;
    const { name, filter } = this.#selection;
    const { namespace, resource } = this.#target;
    const id = storageIdOf(resource);
    const within = namespace !== '' ? namespace : resource.namespaced || name === undefined ? undefined : '';
    if (this.#sink.joined !== undefined && filter === undefined && name === undefined && id === resource.id) {
      const next = storage.keyAt?.(id, within, EVENTS_AHEAD);
      const joined = storage.joined?.(id, within, 'added', next === undefined ? {} : { before: next });
      if (joined !== undefined) {
        this.#sink.joined(joined);
        return next;
      }
    }
    for (const held of heldBy(storage, id, within, name)) {
      if (filter === undefined || filter(held.object)) this.#emitHeld(held);
    }
    return undefined;
  }

  /**
   * The rest of the initial events, in another turn, so that the first are on their way by then. It is read as it is then: what changes
   * meanwhile is in it, and is delivered only of objects that went out already.
   */
  #followUp(next: ItemKey): void {
    const { storage, clock } = this.#context;
    const { namespace, resource } = this.#target;
    let meanwhile: Change[] | undefined = [];
    this.#cleanups.push(
      storage.subscribe(resource.id, (change) => {
        if (meanwhile === undefined) this.#deliver(change);
        else if (compareKeys(change.key, next) < 0) meanwhile.push(change);
      }),
      clock.after(0, () => {
        try {
          const within = namespace === '' ? undefined : namespace;
          const joined = storage.joined?.(resource.id, within, 'added', { from: next });
          if (joined !== undefined) this.#sink.joined?.(joined);
          else
            for (const held of heldBy(storage, resource.id, within, undefined))
              if (compareKeys(held, next) >= 0) this.#emitHeld(held);
        } catch {
          // As a list then says, and whoever keeps the store looks for by itself.
          this.fail(internal('what is stored cannot be read'));
          return;
        }
        const changes = meanwhile ?? [];
        meanwhile = undefined;
        for (const change of changes) this.#deliver(change);
        this.#endInitialEvents();
        this.#goOn();
      }),
    );
  }

  #endInitialEvents(): void {
    if (this.#bookmarks) this.#bookmark({ 'k8s.io/initial-events-end': 'true' });
    this.#bookmarkOnce(BOOKMARK_AFTER_INITIAL_MS, 'ifMoved');
  }

  #deliver(change: Change): void {
    if (change.revision <= this.#position || this.#ended) return;
    // Opened while listeners are being told, it hears of what it has read from the log once more.
    this.#position = change.revision;
    const is = change.type !== 'DELETED' && this.#matches(change.object);
    const was = change.previous !== undefined && this.#matches(change.previous);
    if (is) this.#emit(was ? 'MODIFIED' : 'ADDED', this.#shown(change.object));
    // The last content that matched, with the revision at which it ceased to.
    else if (was && change.previous !== undefined)
      this.#emit('DELETED', this.#shown(withRevision(change.previous, change.revision)));
  }

  #shown(object: KubeObject): KubeObject {
    return fromStored(this.#target.resource, object);
  }

  #emit(type: WatchEvent['type'], object: KubeObject): void {
    if (!this.#ended) this.#sink.event({ type, object });
  }

  #emitHeld(held: Held): void {
    if (this.#ended) return;
    const { resource } = this.#target;
    if (held.json === undefined || storageIdOf(resource) !== resource.id) this.#emit('ADDED', this.#shown(held.object));
    else this.#sink.event(new HeldEvent(held));
  }

  #end(): void {
    if (this.#ended) return;
    this.stop();
    this.#sink.end();
  }

  #bookmark(annotations?: Record<string, string>): void {
    const revision = this.#context.storage.revision();
    // A watch from the future has nothing to tell before it is reached.
    if (revision < this.#position) return;
    const { resource } = this.#target;
    this.#emit('BOOKMARK', {
      kind: resource.kind,
      apiVersion: apiVersionOf(resource),
      metadata: { resourceVersion: String(revision), ...(annotations === undefined ? {} : { annotations }) },
    });
  }

  #bookmarkOnce(inMs: number, when: 'always' | 'ifMoved'): void {
    if (!this.#bookmarks || this.#lifetimeMs <= NO_BOOKMARKS_BELOW_MS) return;
    const since = this.#context.storage.revision();
    this.#cleanups.push(
      this.#context.clock.after(inMs, () => {
        if (when === 'always' || this.#context.storage.revision() > since) this.#bookmark();
      }),
    );
  }

  #bookmarkEvery(intervalMs: number): void {
    if (!this.#bookmarks || this.#lifetimeMs <= intervalMs) return;
    let cancel = () => {};
    const again = () => {
      cancel = this.#context.clock.after(intervalMs, () => {
        this.#bookmark();
        again();
      });
    };
    again();
    this.#cleanups.push(() => cancel());
  }
}

/** Of an object that is read when, and if, somebody looks at it. */
class HeldEvent implements WatchEvent {
  readonly type = 'ADDED';
  readonly #held: Held;
  #object: KubeObject | undefined;

  constructor(held: Held) {
    this.#held = held;
  }

  get json(): string | undefined {
    return this.#held.json;
  }

  get object(): KubeObject {
    this.#object ??= this.#held.object;
    return this.#object;
  }
}

function compileNamespaceFilter(
  target: Target,
  filter: ((object: KubeObject) => boolean) | undefined,
): (object: KubeObject) => boolean {
  const { namespace } = target;
  if (namespace === '' || !target.resource.namespaced) return filter ?? (() => true);
  return (object) => object.metadata.namespace === namespace && (filter === undefined || filter(object));
}

function withRevision(object: KubeObject, revision: number): KubeObject {
  return { ...object, metadata: { ...object.metadata, resourceVersion: String(revision) } };
}
