import { type ApiResource, HawserError } from '@hawser/protocol';
import type { Logger } from 'pino';
import type { Clock } from '../clock.ts';
import type { Change, ReflectorStatus } from '../merge/change.ts';
import { createMerge } from '../merge/merge.ts';
import { createBackoff, pause } from './backoff.ts';
import type { ApiClient } from './client.ts';
import { isServed } from './discovery.ts';
import { createIntake } from './intake.ts';
import type { WantsText } from './observe.ts';
import { errorOutcome, type Outcome } from './outcome.ts';
import { createPump } from './pump.ts';
import { initialStatus, nextStatus, type StatusEvent } from './reflector-status.ts';
import { listInPages, type Requests, watchFrom, watchList } from './requests.ts';

/** A resource that the server does not have is asked for again after this, and up to as much again. */
const NOT_SERVED_MS = 3 * 60_000;
/** A watch that brought something or lived so long worked: what ends it is no reason for a longer wait than the first. */
const WORKED_AFTER_MS = 5_000;

export interface ReflectorOptions {
  readonly resource: ApiResource;
  readonly client: ApiClient;
  /** Default: all namespaces. */
  readonly namespace?: string;
  /** What the server is to leave out: `type!=helm.sh/release.v1`. */
  readonly fieldSelector?: string;
  /** What it is to send, by label: `hawser.dev/lease`. */
  readonly labelSelector?: string;
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
}

/** Keeps watching one resource until it is stopped: nothing that the server does or sends ends it. */
export interface Reflector {
  /** To be called once. */
  start(): void;
  /** Ends requests, timers and emitting; resolves when nothing is left. */
  stop(): Promise<void>;
  status(): ReflectorStatus;
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
    onTaken: (resourceVersion) => tell({ type: 'taken', resourceVersion }),
    logger,
  });
  const intake = createIntake(merge, pump, logger, () => options.onListed?.());
  const backoff = createBackoff(random);
  const requests: Requests = {
    target: {
      resource,
      namespace: options.namespace ?? '',
      fieldSelector: options.fieldSelector,
      labelSelector: options.labelSelector,
    },
    client,
    intake,
    wantsText: options.wantsText ?? (() => true),
    clock,
    random,
    signal,
    onAnswered: () => tell({ type: 'answered' }),
  };
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

  async function attempt(): Promise<Outcome> {
    try {
      if (intake.position !== undefined) return await watchFrom(requests, intake.position);
      return how === 'watchList' ? await watchList(requests) : await listInPages(requests, how === 'whole');
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
      case 'notServed': {
        const confirmed = await confirmNotServed();
        if (confirmed.type !== 'notServed') return follow(confirmed, false);
        empty();
        tell({ type: 'notServed' });
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
    const last = intake.position ?? merge.taken?.resourceVersion;
    intake.beginList();
    if (last !== undefined) intake.endList(last);
    intake.losePosition();
  }

  async function run(): Promise<void> {
    while (!signal.aborted) {
      const from = intake.position;
      const beganMs = clock.now().getTime();
      const outcome = await attempt();
      if (signal.aborted) return;
      const hasMoved = from !== undefined && intake.position !== from;
      const hasLived = clock.now().getTime() - beganMs >= WORKED_AFTER_MS;
      // A list alone proves little: a server may give one each time and then answer the watch with 410.
      const worked = intake.position !== undefined && outcome.type !== 'listed' && (hasMoved || hasLived);
      await pause(clock, await follow(outcome, worked), signal);
    }
  }

  let running = Promise.resolve();
  return {
    start() {
      running = run();
    },
    async stop() {
      stopping.abort();
      pump.stop();
      await running;
    },
    status: () => status.status,
  };
}
