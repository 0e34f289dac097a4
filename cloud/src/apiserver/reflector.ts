import { type ApiResource, HawserError } from '@hawser/protocol';
import type { Logger } from 'pino';
import type { Clock } from '../clock.ts';
import type { Change, ReflectorStatus } from '../merge/change.ts';
import { createMerge } from '../merge/merge.ts';
import { createBackoff, pause } from './backoff.ts';
import type { ApiClient } from './client.ts';
import { isServed } from './discovery.ts';
import { createIntake } from './intake.ts';
import { createListChecks, type IdentityCheck } from './list-checks.ts';
import type { WantsText } from './observe.ts';
import { errorOutcome, type Outcome } from './outcome.ts';
import { createPump } from './pump.ts';
import { initialStatus, nextStatus, type StatusEvent } from './reflector-status.ts';
import { listInPages, type Requests, WATCH_SILENCE_MS, watchFrom, watchList } from './requests.ts';

/** A resource that the server does not have is asked for again after this, and up to as much again. */
const NOT_SERVED_MS = 3 * 60_000;
/** A watch that brought something or lived so long worked: what ends it is no reason for a longer wait than the first. */
const WORKED_AFTER_MS = 5_000;

/**
 * A position that is older is not resumed from: the API server keeps what has changed for about so long (the interval at which it
 * has etcd compacted), and one that was restored meanwhile may have passed the position again without our seeing it. In ms.
 */
const RESUME_WITHIN_MS = 5 * 60_000;
export interface ReflectorOptions {
  readonly resource: ApiResource;
  readonly client: ApiClient;
  /** Default: all namespaces. */
  readonly namespace?: string;
  /** What the server is to leave out: `type!=helm.sh/release.v1`. */
  readonly fieldSelector?: string;
  /** What it is to send, by label: `hawser.dev/lease`. */
  readonly labelSelector?: string;
  /** A watch that brings nothing for so long, bookmarks included, is cut and resumed. Default: WATCH_SILENCE_MS. */
  readonly watchSilenceMs?: number;
  readonly clock: Clock;
  /** From 0 to 1, 1 excluded. */
  readonly random: () => number;
  readonly logger: Logger;
  /** Called from turns of its own, some changes in each; order per key is kept. What it throws is logged. */
  readonly emit: (change: Change) => void;
  /** Whenever the status changes, also when only its resourceVersion moves on: after everything up to it was emitted. */
  readonly onStatus: (status: ReflectorStatus) => void;
  /** Whether the text of an object is to come with its change. Default: always. Asked when the object is read. */
  readonly wantsText?: WantsText;
  /** A complete list has come in: the first, or one after a position was lost. */
  readonly onListed?: () => void;
  /** Asked before each list and each resumed watch, and before a list is taken as complete. Default: nobody is. */
  readonly identity?: IdentityCheck;
  /** Make a first list that is empty once more before it is taken: there is nothing known to hold against it. Default: false. */
  readonly confirmsEmpty?: boolean;
  /** The server is behind where it was: it was restored from a backup. The reflector begins an epoch of its own and lists anew. */
  readonly onRestored?: (detail: string) => void;
  /** A watch is about to begin: after a list, or after another that ended. Watches that are part of a WatchList do not count. */
  readonly onWatch?: () => void;
}

/** Keeps watching one resource until it is stopped: nothing that the server does or sends ends it. */
export interface Reflector {
  /** To be called once. */
  start(): void;
  /** Ends requests, timers and emitting; resolves when nothing is left. */
  stop(): Promise<void>;
  status(): ReflectorStatus;
  /**
   * Gives up what is under way and lists. Resolves when a list that began after the call has been handed on, and never rejects: it
   * is tried until it works, or the reflector is stopped.
   * - again: what was handed on stands meanwhile
   * - newEpoch: the server was restored. What was handed on and what is known of its place says nothing any more; the status is
   *   `listing` until that list has been handed on, and everything in it is handed on anew
   */
  listAnew(why: 'again' | 'newEpoch', detail: string): Promise<void>;
}

/**
 * How the next request is chosen:
 *
 * | after | with a position to resume from | without |
 * |---|---|---|
 * | the start, or 410 | | list: as a WatchList, or in pages where the server refuses that |
 * | 410 on a page | | list in one answer |
 * | a complete list | watch | |
 * | the end or silence of a watch | watch | |
 * | a failure | watch, after a wait | list, after a wait |
 * | 404, and discovery agrees | | list, after some minutes |
 * | a list that lacks most of what is known, or is the first and empty | | list in pages, which is taken |
 * | `listAnew`, or a server that is behind where it was | | list |
 *
 * Before a list or a watch that does not follow from one at once the server is asked who it is and how far: another cluster is
 * listed nothing of, and one that went back gets no watch from a place that it has yet to come to, in which it would be silent.
 */
export function createReflector(options: ReflectorOptions): Reflector {
  const { resource, client, clock, random, emit, onStatus } = options;
  const logger = options.logger.child({ resource: resource.id });
  const stopping = new AbortController();
  const { signal } = stopping;
  const merge = createMerge();
  const pump = createPump({
    merge,
    emit,
    onTaken(taken) {
      if (taken.list >= reliableFrom) tell({ type: 'taken', resourceVersion: taken.resourceVersion });
      settle(taken.list);
    },
    logger,
  });
  const intake = createIntake(merge, pump, logger, () => options.onListed?.());
  const backoff = createBackoff(random);
  const target = {
    resource,
    namespace: options.namespace ?? '',
    fieldSelector: options.fieldSelector,
    labelSelector: options.labelSelector,
  };
  const checks = createListChecks({
    client,
    target,
    intake,
    identity: options.identity,
    confirmsEmpty: options.confirmsEmpty ?? false,
    clock,
    logger,
  });
  const requests: Omit<Requests, 'signal' | 'judge'> = {
    target,
    client,
    intake,
    wantsText: options.wantsText ?? (() => true),
    clock,
    random,
    onAnswered() {
      lostMs = undefined;
      tell({ type: 'answered' });
    },
    watchSilenceMs: options.watchSilenceMs ?? WATCH_SILENCE_MS,
  };
  /** Of what is under way. */
  let attempting = new AbortController();
  /** Someone wants a list: what is under way is given up. */
  let isInterrupted = false;
  /** Those who wait for a list, by the first that will do. */
  let waiting: { readonly from: number; readonly resolve: () => void }[] = [];
  /** The first list whose end makes the status synced. */
  let reliableFrom = 0;
  /** When the watch was lost; undefined while there is one. In ms. */
  let lostMs: number | undefined;
  let isJustListed = false;

  let status = initialStatus(resource.id);
  let how: 'watchList' | 'pages' | 'whole' = 'watchList';
  let hasWatchList = true;

  function tell(event: StatusEvent): void {
    if (signal.aborted) return;
    const before = status.status;
    status = nextStatus(status, event);
    const { state, detail, resourceVersion } = status.status;
    if (state !== before.state) logger.info({ state, detail, resourceVersion }, 'reflector state');
    const isNews = state !== before.state || detail !== before.detail || resourceVersion !== before.resourceVersion;
    if (isNews) onStatus(status.status);
  }

  function settle(list: number): void {
    const done = waiting.filter(({ from }) => from <= list);
    waiting = waiting.filter(({ from }) => from > list);
    for (const { resolve } of done) resolve();
  }

  async function attempt(): Promise<Outcome> {
    const { signal: attemptSignal } = attempting;
    try {
      if (lostMs !== undefined && clock.now().getTime() - lostMs > RESUME_WITHIN_MS) intake.losePosition();
      const obstacle = isJustListed ? undefined : await checks.before(attemptSignal);
      if (obstacle !== undefined || attemptSignal.aborted) return obstacle ?? { type: 'ended' };
      const judge = (resourceVersion: string) => checks.complete(resourceVersion, attemptSignal);
      const all = { ...requests, signal: attemptSignal, judge };
      if (intake.position !== undefined) {
        options.onWatch?.();
        return await watchFrom(all, intake.position);
      }
      return how === 'watchList' ? await watchList(all) : await listInPages(all, how === 'whole');
    } catch (error) {
      const isDamaged = error instanceof HawserError && (error.code === 'malformed_object' || error.code === 'too_large');
      // The same line would come again from the same place.
      if (isDamaged) intake.losePosition();
      return errorOutcome(error);
    }
  }

  async function confirmNotServed(): Promise<Outcome> {
    try {
      if (!(await isServed(client, resource, signal))) return { type: 'notServed' };
    } catch (error) {
      return errorOutcome(error);
    }
    return { type: 'failed', detail: '404 for a resource that discovery lists', isForbidden: false, retryAfterMs: undefined };
  }

  /** Takes in how an attempt went. Returns the wait before the next one, in milliseconds. */
  async function follow(outcome: Outcome, worked: boolean): Promise<number> {
    if (worked) backoff.reset();
    const wasPaging = how === 'pages' && intake.position === undefined;
    how = hasWatchList ? 'watchList' : 'pages';
    switch (outcome.type) {
      case 'listed':
        return 0;
      case 'ended':
        return worked ? 0 : backoff.next();
      case 'expired':
        logger.info({ position: intake.position }, 'resource version expired, listing again');
        intake.losePosition();
        if (wasPaging) how = 'whole';
        return backoff.next();
      case 'watchListRefused':
        logger.info({ detail: outcome.detail }, 'no streaming lists, listing in pages');
        hasWatchList = false;
        how = 'pages';
        return 0;
      case 'unlikely':
        logger[intake.reached === undefined ? 'info' : 'warn'](
          { detail: outcome.detail },
          'list not taken before a second one says the same',
        );
        how = 'pages';
        // A first list that is empty is the usual thing: the start of a relay does not wait for it.
        return intake.reached === undefined ? 0 : backoff.next();
      case 'restored':
        logger.warn({ detail: outcome.detail }, 'the API server is behind where it was');
        void listAnew('newEpoch', outcome.detail);
        options.onRestored?.(outcome.detail);
        return 0;
      case 'notServed': {
        const confirmed = await confirmNotServed();
        if (confirmed.type !== 'notServed') return follow(confirmed, false);
        empty();
        tell({ type: 'notServed' });
        settle(merge.lists);
        return NOT_SERVED_MS * (1 + random());
      }
      case 'failed': {
        const waitMs = backoff.next(outcome.retryAfterMs);
        if (!signal.aborted) logger.warn({ detail: outcome.detail, waitMs }, 'list or watch failed');
        tell({ type: 'failed', detail: outcome.detail, isForbidden: outcome.isForbidden });
        return waitMs;
      }
    }
  }

  /** A resource that is no longer served has no objects. */
  function empty(): void {
    const last = intake.reached ?? merge.taken?.resourceVersion;
    intake.beginList();
    if (last !== undefined) intake.endList(last);
    intake.losePosition();
  }

  function listAnew(why: 'again' | 'newEpoch', detail: string): Promise<void> {
    intake.losePosition();
    if (why === 'newEpoch') {
      intake.beginEpoch();
      reliableFrom = merge.lists + 1;
      tell({ type: 'listsAnew', detail });
    }
    isInterrupted = true;
    attempting.abort();
    return new Promise((resolve) => waiting.push({ from: merge.lists + 1, resolve }));
  }

  async function run(): Promise<void> {
    while (!signal.aborted) {
      if (isInterrupted) how = 'pages';
      isInterrupted = false;
      attempting = new AbortController();
      const from = intake.position;
      const beganMs = clock.now().getTime();
      const outcome = await attempt();
      if (signal.aborted) return;
      isJustListed = outcome.type === 'listed' && !isInterrupted;
      if (!isJustListed) {
        lostMs ??= clock.now().getTime();
        options.identity?.doubt();
      }
      if (isInterrupted) continue;
      const hasMoved = from !== undefined && intake.position !== from;
      const hasLived = clock.now().getTime() - beganMs >= WORKED_AFTER_MS;
      // A list alone proves little: a server may give one each time and then answer the watch with 410.
      const worked = intake.position !== undefined && outcome.type !== 'listed' && (hasMoved || hasLived);
      await pause(clock, await follow(outcome, worked), attempting.signal);
    }
  }

  let running = Promise.resolve();
  return {
    start() {
      running = run();
    },
    async stop() {
      stopping.abort();
      attempting.abort();
      pump.stop();
      await running;
    },
    status: () => status.status,
    listAnew,
  };
}
