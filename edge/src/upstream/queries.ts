import {
  type CancelQuery,
  HawserError,
  MAX_OPEN_QUERIES,
  MAX_QUERY_MS,
  type QueryAnswer,
  type QueryMessage,
  type Question,
  type StatusText,
} from '@hawser/protocol';
import type { Logger } from 'pino';
import type { Clock } from '../api/clock.ts';
import { answerBody, describeQuestion } from './answer-body.ts';

/** How long an asker waits who does not say, in milliseconds: shorter than the patience of kubectl and the kubelet. */
export const DEFAULT_QUERY_MS = 10_000;
/** Askers at most, those that share a question among them; one more is told `unavailable` at once. */
export const MAX_ASKERS = 1_024;
/** Characters of the bodies that are held for sending, though always one body; at the bound as above. */
export const MAX_HELD_SIZE = 8 * 1024 * 1024;
/** After that long it is worth asking again, where the relay has not said, in milliseconds. */
const RETRY_AFTER_MS = 1_000;

/** Asks the cloud over the link. Keeps nothing: `lookup.ts` does. */
export interface CloudQueries {
  /**
   * Never rejects but with the signal's reason. The same question asked twice at once is sent once, if asking is all that it does.
   * @param options.deadlineMs 1 to MAX_QUERY_MS, default DEFAULT_QUERY_MS; the time in the queue counts
   */
  ask(question: Question, options?: AskOptions): Promise<CloudAnswer>;
}

export interface AskOptions {
  readonly deadlineMs?: number;
  readonly signal?: AbortSignal;
}

export type CloudAnswer =
  /** `body` is JSON text. `cached`: from the relay's cache; else read from the API server for this question. */
  | { readonly type: 'found'; readonly cached: boolean; readonly body: string }
  | ({ readonly type: 'notFound' } & StatusText)
  | ({ readonly type: 'forbidden' | 'refused' } & StatusText)
  /** There is a link and no answer now: the relay or API server could not, or the deadline passed. */
  | { readonly type: 'unavailable'; readonly retryAfterMs: number; readonly message: string }
  /** There is no link, or it was lost before the answer: nothing is known. */
  | { readonly type: 'offline' }
  /** Of what is not asked twice (`isRepeatable`): it was sent, and nobody can say whether it was done. */
  | { readonly type: 'unknownOutcome'; readonly message: string };

export interface QueriesOptions {
  /** @throws HawserError `too_large` for what no frame can hold */
  readonly send: (message: QueryMessage | CancelQuery) => void;
  readonly clock: Pick<Clock, 'after'>;
  readonly logger: Logger;
}

/**
 * The client of all sessions of a process.
 *
 * | state of a question | meaning | left by |
 * |---|---|---|
 * | waiting | for room among MAX_OPEN_QUERIES, or for a link | room → open; the last asker gone → over |
 * | open | sent under an id of this session | answer → over; the last asker gone → cancelled, over; link lost → waiting, or over with `unknownOutcome` |
 *
 * A question that was open when the link was lost is asked again in the next session where asking twice does no more than asking
 * once (`isRepeatable`); nobody knows of any other what has come of it, which is what its asker is told. So is one whose deadline passes.
 */
export interface Queries extends CloudQueries {
  /** A relay has welcomed us: ids begin anew. */
  up(): void;
  /** The session is gone. */
  down(): void;
  /**
   * Answers that nobody waits for any more are ignored.
   * @throws HawserError `protocol` for a body that cannot be read; whoever asked is told `unavailable` before
   */
  answer(id: number, answer: QueryAnswer): void;
  stats(): QueriesStats;
  /** Everybody is told `offline`, also whoever asks later. */
  close(): void;
}

export interface QueriesStats {
  /** Questions now that were sent and have no answer. */
  readonly open: number;
  /** Questions now that wait for room or for a link. */
  readonly waiting: number;
  /** Since the process began, as all that follows. By askers: */
  readonly asked: number;
  readonly answered: Readonly<Record<CloudAnswer['type'], number>>;
  /** Askers who went before there was an answer. */
  readonly abandoned: number;
  /** By messages: */
  readonly sent: number;
  readonly cancelled: number;
  /** Answers that nobody waited for. */
  readonly ignored: number;
}

interface Asker {
  readonly deadlineMs: number;
  readonly settle: (answer: CloudAnswer) => void;
}

interface Exchange {
  readonly question: Question;
  readonly key: string | undefined;
  readonly size: number;
  readonly askers: Set<Asker>;
  /** While it is open. */
  sent: { readonly id: number; readonly cancelExpiry: () => void } | undefined;
}

/** Submits that make nothing which would be there twice: a second token harms nobody. */
const REPEATABLE_SUBMITS: ReadonlySet<string> = new Set(['serviceaccounts/token']);

/**
 * Whether asking twice does no more than asking once. Of a submit only where it is known: a new object could be there twice, an
 * eviction could meet the next pod of that name.
 */
export function isRepeatable(question: Question): boolean {
  return question.type === 'get' || REPEATABLE_SUBMITS.has(`${question.resource}/${question.subresource}`);
}

export function createQueries({ send, clock, logger }: QueriesOptions): Queries {
  const waiting = new Set<Exchange>();
  const open = new Map<number, Exchange>();
  /** Of both, those that a further asker may join. */
  const shared = new Map<string, Exchange>();
  const answered: Record<CloudAnswer['type'], number> = {
    found: 0,
    notFound: 0,
    forbidden: 0,
    refused: 0,
    unavailable: 0,
    offline: 0,
    unknownOutcome: 0,
  };
  const counts = { asked: 0, abandoned: 0, sent: 0, cancelled: 0, ignored: 0 };
  let state: 'down' | 'up' | 'closed' = 'down';
  let nextId = 1;
  let askers = 0;
  let held = 0;

  function join(question: Question): Exchange | undefined {
    const key = isRepeatable(question) ? keyOf(question) : undefined;
    const size = question.type === 'submit' ? question.body.length : 0;
    const existing = key === undefined ? undefined : shared.get(key);
    if (existing !== undefined) return existing;
    if (size > 0 && held > 0 && held + size > MAX_HELD_SIZE) return undefined;
    const exchange: Exchange = { question, key, size, askers: new Set(), sent: undefined };
    if (key !== undefined) shared.set(key, exchange);
    held += size;
    waiting.add(exchange);
    return exchange;
  }

  function pump(): void {
    for (const exchange of waiting) {
      if (state !== 'up' || open.size >= MAX_OPEN_QUERIES) return;
      waiting.delete(exchange);
      transmit(exchange);
    }
  }

  /**
   * The relay is told the longest time that anybody waits, counted from now: who waits shorter is answered here, and when all are
   * gone the relay hears of it. So no clock is read, which a device may set whenever it learns the time.
   */
  function transmit(exchange: Exchange): void {
    const id = nextId++;
    const deadlineMs = Math.max(...[...exchange.askers].map((asker) => asker.deadlineMs));
    exchange.sent = { id, cancelExpiry: clock.after(deadlineMs, () => expire(exchange, id)) };
    open.set(id, exchange);
    counts.sent += 1;
    try {
      send({ type: 'query', query: { id, deadlineMs, question: exchange.question } });
    } catch (error) {
      if (!(error instanceof HawserError && error.code === 'too_large')) throw error;
      // It would never pass: the answer is the one that the API server would give.
      finish(exchange, { type: 'refused', code: 413, reason: 'RequestEntityTooLarge', message: error.message });
    }
  }

  /** The relay has given up by now, and somebody who came later still waits. */
  function expire(exchange: Exchange, id: number): void {
    cancel(exchange);
    logger.debug({ id, question: describeQuestion(exchange.question) }, 'query asked anew for who came later');
    waiting.add(exchange);
    pump();
  }

  function cancel(exchange: Exchange): void {
    const { sent } = exchange;
    if (sent === undefined) return;
    recall(exchange);
    counts.cancelled += 1;
    send({ type: 'cancelQuery', id: sent.id });
  }

  /** open → neither open nor waiting. */
  function recall(exchange: Exchange): void {
    const { sent } = exchange;
    if (sent === undefined) return;
    sent.cancelExpiry();
    open.delete(sent.id);
    exchange.sent = undefined;
  }

  function remove(exchange: Exchange): void {
    waiting.delete(exchange);
    if (exchange.key !== undefined) shared.delete(exchange.key);
    held -= exchange.size;
  }

  function finish(exchange: Exchange, answer: CloudAnswer): void {
    recall(exchange);
    remove(exchange);
    for (const { settle } of exchange.askers) settle(answer);
  }

  /** One asker waits no longer. */
  function leave(exchange: Exchange, asker: Asker): void {
    if (!exchange.askers.delete(asker) || exchange.askers.size > 0) return;
    cancel(exchange);
    remove(exchange);
    pump();
  }

  function late({ question, sent }: Exchange, deadlineMs: number): CloudAnswer {
    if (sent !== undefined && !isRepeatable(question)) return unknownOutcome(`there was no answer within ${deadlineMs} ms`);
    return state === 'up' ? unavailable(`no answer within ${deadlineMs} ms`) : { type: 'offline' };
  }

  function wait(exchange: Exchange, deadlineMs: number, signal: AbortSignal | undefined): Promise<CloudAnswer> {
    return new Promise((resolve, reject) => {
      const release = () => {
        askers -= 1;
        cancelDeadline();
        signal?.removeEventListener('abort', abandon);
      };
      const asker: Asker = {
        deadlineMs,
        settle(answer) {
          release();
          answered[answer.type] += 1;
          resolve(answer);
        },
      };
      const abandon = () => {
        release();
        counts.abandoned += 1;
        leave(exchange, asker);
        reject(signal?.reason);
      };
      const cancelDeadline = clock.after(deadlineMs, () => {
        asker.settle(late(exchange, deadlineMs));
        leave(exchange, asker);
      });
      askers += 1;
      exchange.askers.add(asker);
      signal?.addEventListener('abort', abandon, { once: true });
    });
  }

  function atOnce(answer: CloudAnswer): Promise<CloudAnswer> {
    answered[answer.type] += 1;
    return Promise.resolve(answer);
  }

  return {
    async ask(question, { deadlineMs = DEFAULT_QUERY_MS, signal } = {}) {
      signal?.throwIfAborted();
      counts.asked += 1;
      if (state !== 'up') return atOnce({ type: 'offline' });
      const exchange = askers < MAX_ASKERS ? join(question) : undefined;
      if (exchange === undefined) return atOnce(unavailable('too many questions at once on this device'));
      const answer = wait(exchange, Math.min(Math.max(1, deadlineMs), MAX_QUERY_MS), signal);
      pump();
      return answer;
    },
    up() {
      if (state !== 'down') return;
      state = 'up';
      nextId = 1;
      pump();
    },
    down() {
      if (state !== 'up') return;
      state = 'down';
      const later = [...waiting];
      waiting.clear();
      for (const exchange of [...open.values()]) {
        recall(exchange);
        if (isRepeatable(exchange.question)) waiting.add(exchange);
        else finish(exchange, unknownOutcome('the link was lost before the answer'));
      }
      for (const exchange of later) waiting.add(exchange);
    },
    answer(id, answer) {
      const exchange = open.get(id);
      if (exchange === undefined) {
        counts.ignored += 1;
        return;
      }
      try {
        finish(exchange, answer.type === 'found' ? { ...answer, body: answerBody(exchange.question, answer.body) } : answer);
      } catch (error) {
        const why = error instanceof Error ? error.message : String(error);
        finish(exchange, isRepeatable(exchange.question) ? unavailable(why) : unknownOutcome(why));
        throw error;
      } finally {
        pump();
      }
    },
    stats: () => ({ open: open.size, waiting: waiting.size, ...counts, answered: { ...answered } }),
    close() {
      state = 'closed';
      for (const exchange of [...open.values(), ...waiting]) {
        const isOpen = exchange.sent !== undefined && !isRepeatable(exchange.question);
        finish(exchange, isOpen ? unknownOutcome('the agent ends') : { type: 'offline' });
      }
    },
  };
}

function keyOf(question: Question): string {
  const { type, resource, namespace, name } = question;
  return JSON.stringify([type, resource, namespace, name, ...(type === 'submit' ? [question.subresource, question.body] : [])]);
}

function unknownOutcome(why: string): CloudAnswer {
  return { type: 'unknownOutcome', message: `whether it was done is not known: ${why}` };
}

function unavailable(message: string): CloudAnswer {
  return { type: 'unavailable', retryAfterMs: RETRY_AFTER_MS, message };
}
