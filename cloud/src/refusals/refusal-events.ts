import { isJsonObject, type JsonObject, type JsonValue, parseJson } from '@hawser/protocol';
import type { Logger } from 'pino';
import { createBackoff, pause } from '../apiserver/index.ts';
import type { Clock } from '../clock.ts';
import type { RefusedObject } from '../downstream/index.ts';
import { type Answer, type NodeApi, readAnswer } from '../upstream/index.ts';
import type { Occurrences } from '../warning-event.ts';
import { countedEvent, type EventPlan, newEvent, planEvent } from './event.ts';

/**
 * Events that wait to be written. A bad object that 5,000 devices refuse at once is told for the last thousand of them; the oldest
 * go, and are counted.
 */
const MAX_WAITING = 1_000;
/** Between two Events: at most five a second are written, whatever the devices refuse. In milliseconds. */
const PAUSE_MS = 200;
/** Others may count the same Event up, or the API server forget it, between two calls; after so many tries it waits its turn again. */
const MAX_TRIES = 4;
/** In milliseconds. */
const CALL_TIMEOUT_MS = 10_000;

export interface RefusalEventsOptions {
  readonly api: NodeApi;
  readonly clock: Clock;
  /** From 0 to 1, 1 excluded. */
  readonly random: () => number;
  readonly logger: Logger;
  /** Told which relay writes: its host's name. */
  readonly instance: string;
  readonly apiCall: (verb: string, status: number | 'none') => void;
  /**
   * - created, counted: the Event is there, or one more stands in it
   * - dropped: over MAX_WAITING
   * - failed: the API server has refused it for good
   */
  readonly onResult: (result: 'created' | 'counted' | 'dropped' | 'failed') => void;
}

/** Tells the cluster which objects its devices cannot take, one Event for each object, node and reason. */
export interface RefusalEvents {
  /** Never waits and never throws: what there is no room for is dropped. */
  add(refusal: RefusedObject): void;
  waiting(): number;
  /** What waits is dropped; resolves when nothing runs. */
  stop(): Promise<void>;
}

interface Waiting {
  readonly plan: EventPlan;
  readonly occurrences: Occurrences;
}

type Written = 'created' | 'counted' | 'failed' | { readonly retryAfterMs: number | undefined; readonly why: string };

export function createRefusalEvents(options: RefusalEventsOptions): RefusalEvents {
  const { api, clock, random, logger, instance, apiCall, onResult } = options;
  const stopping = new AbortController();
  const backoff = createBackoff(random);
  /** By path, the oldest first. */
  const waiting = new Map<string, Waiting>();
  let isRunning = false;
  let running = Promise.resolve();

  async function run(): Promise<void> {
    isRunning = true;
    for (let next = first(); next !== undefined && !stopping.signal.aborted; next = first()) {
      const { path, entry } = next;
      waiting.delete(path);
      const result = await write(entry);
      if (typeof result === 'string') {
        backoff.reset();
        onResult(result);
        await pause(clock, PAUSE_MS, stopping.signal);
        continue;
      }
      if (stopping.signal.aborted) return;
      putBack(path, entry);
      const waitMs = Math.max(PAUSE_MS, backoff.next(result.retryAfterMs));
      logger.warn({ why: result.why, waitMs, waiting: waiting.size }, 'event of a refused object not written yet');
      await pause(clock, waitMs, stopping.signal);
    }
    isRunning = false;
  }

  function first() {
    for (const [path, entry] of waiting) return { path, entry };
    return undefined;
  }

  /** At the end of the queue, and together with what has come meanwhile. */
  function putBack(path: string, entry: Waiting): void {
    const later = waiting.get(path);
    waiting.delete(path);
    push(path, later === undefined ? entry : joined(entry, later));
  }

  function push(path: string, entry: Waiting): void {
    waiting.set(path, entry);
    if (waiting.size <= MAX_WAITING) return;
    const oldest = first();
    if (oldest !== undefined) waiting.delete(oldest.path);
    onResult('dropped');
  }

  /** Creates the Event, or counts the one that is there up. */
  async function write({ plan, occurrences }: Waiting): Promise<Written> {
    for (let tries = 0; tries < MAX_TRIES; tries++) {
      const created = await call('POST', plan.collection, newEvent(plan, occurrences, instance));
      if (created.answer.type === 'object') return 'created';
      if (created.answer.type !== 'alreadyExists') return failure(plan, created.answer);
      const counted = await count(plan, occurrences);
      if (counted !== 'gone') return counted;
    }
    return { retryAfterMs: undefined, why: 'the Event comes and goes' };
  }

  /** A patch that changes nothing reads the Event: so the right to read all Events of the cluster is not needed. */
  async function count(plan: EventPlan, occurrences: Occurrences): Promise<Written | 'gone'> {
    const path = `${plan.collection}/${plan.name}`;
    for (let tries = 0; tries < MAX_TRIES; tries++) {
      const { answer, body } = await call('PATCH', path, {});
      if (isGone(answer)) return 'gone';
      if (answer.type !== 'object') return failure(plan, answer);
      const current = { count: numberOf(body?.count), resourceVersion: answer.object.resourceVersion };
      const patched = await call('PATCH', path, countedEvent(plan, occurrences, current));
      if (patched.answer.type === 'object') return 'counted';
      if (isGone(patched.answer)) return 'gone';
      if (patched.answer.type !== 'conflict') return failure(plan, patched.answer);
    }
    return { retryAfterMs: undefined, why: 'others count the same Event' };
  }

  function failure(plan: EventPlan, answer: Exclude<Answer, { type: 'object' }>): Written {
    switch (answer.type) {
      case 'unavailable':
        return { retryAfterMs: answer.retryAfterMs, why: answer.message };
      case 'relayRefused':
        return { retryAfterMs: undefined, why: answer.message };
      case 'success':
        return { retryAfterMs: undefined, why: 'the API server answered without the Event' };
      default: {
        const { code, reason, message } = answer.status;
        logger.warn({ object: plan.involvedObject, code, reason, message }, 'event of a refused object not taken');
        return 'failed';
      }
    }
  }

  async function call(method: string, path: string, body: JsonObject): Promise<{ answer: Answer; body: JsonObject | undefined }> {
    const contentType = method === 'PATCH' ? { contentType: 'application/merge-patch+json' } : {};
    const { signal } = stopping;
    try {
      const request = { method, path, body: JSON.stringify(body), ...contentType, signal, timeoutMs: CALL_TIMEOUT_MS };
      const { status, headers, text } = await api.request(request);
      apiCall(method, status);
      return { answer: readAnswer({ status, retryAfter: headers['retry-after'], text }), body: parse(text) };
    } catch (error) {
      apiCall(method, 'none');
      const message = error instanceof Error ? error.message : String(error);
      return { answer: { type: 'unavailable', code: undefined, message, retryAfterMs: undefined }, body: undefined };
    }
  }

  return {
    add(refusal) {
      const plan = planEvent(refusal);
      if (plan === undefined || stopping.signal.aborted) return;
      const now = clock.now();
      const path = `${plan.collection}/${plan.name}`;
      const entry = { plan, occurrences: { first: now, last: now, count: 1 } };
      const before = waiting.get(path);
      if (before === undefined) push(path, entry);
      else waiting.set(path, joined(before, entry));
      if (!isRunning) running = run();
    },
    waiting: () => waiting.size,
    async stop() {
      stopping.abort();
      waiting.clear();
      await running;
    },
  };
}

function joined(before: Waiting, { plan, occurrences }: Waiting): Waiting {
  const { first, count } = before.occurrences;
  return { plan, occurrences: { first, last: occurrences.last, count: count + occurrences.count } };
}

function isGone(answer: Answer): boolean {
  return answer.type === 'refused' && answer.status.code === 404;
}

/** Events that others wrote need not have been counted. */
function numberOf(value: JsonValue | undefined): number {
  return typeof value === 'number' ? value : 1;
}

function parse(text: string): JsonObject | undefined {
  try {
    const value: JsonValue = parseJson(text);
    return isJsonObject(value) ? value : undefined;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}
