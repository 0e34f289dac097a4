import {
  encodeBody,
  HawserError,
  MAX_OPEN_QUERIES,
  type Query,
  type QueryAnswer,
  type Question,
  type StaticDictionary,
} from '@hawser/protocol';
import type { Clock } from '../../clock.ts';
import type { Answered } from './answer-query.ts';

/**
 * Queries of all sessions on their way to an answer.
 *
 * - At most `concurrency` are at the API server at a time; sessions take turns, so that one that asks much does not hold up the others.
 * - Of one session at most MAX_OPEN_QUERIES are open; one more is answered `unavailable` at once.
 * - A query whose deadline has passed, that was cancelled, or whose session has ended is not begun, and ended where it has begun.
 */
export interface QueryDesk {
  /** @param dictionary that the agent has too, for the bodies of answers */
  open(node: string, dictionary: StaticDictionary | undefined, onAnswer: (id: number, answer: QueryAnswer) => void): QueryLane;
  counts(): { readonly waiting: number; readonly running: number };
  /** What runs is ended. Nothing is begun any more. */
  stop(): void;
}

/** The queries of one session. */
export interface QueryLane {
  /** `onAnswer` is called at most once for each: not for those that nobody waits for any more. @throws HawserError `protocol` for an id that does not rise */
  ask(query: Query): void;
  /** Does nothing where the answer was given. */
  cancel(id: number): void;
  close(): void;
}

export interface QueryDeskOptions {
  readonly concurrency: number;
  readonly clock: Clock;
  /** Never rejects. */
  readonly answer: (node: string, question: Question, signal: AbortSignal) => Promise<Answered>;
  /** `milliseconds` from when the query was read. Called for answers that were given. */
  readonly onAnswered: (question: Question, answer: QueryAnswer['type'], milliseconds: number) => void;
}

/** An agent that asks more than it may side by side; in milliseconds. */
const TOO_MANY_RETRY_MS = 1_000;

interface Lane {
  readonly node: string;
  readonly waiting: Open[];
  readonly open: Map<number, Open>;
  lastId: number;
}

interface Open {
  readonly query: Query;
  readonly lane: Lane;
  readonly since: number;
  readonly ending: AbortController;
  readonly give: (answer: Answered) => void;
  readonly cancelDeadline: () => void;
}

export function createQueryDesk({ concurrency, clock, answer, onAnswered }: QueryDeskOptions): QueryDesk {
  /** Lanes in which something waits, in the order of their turns. */
  const turns = new Set<Lane>();
  const running = new Set<Open>();
  let isStopped = false;
  const nowMs = () => clock.now().getTime();

  function fill(): void {
    while (running.size < concurrency && !isStopped) {
      const lane = turns.values().next().value;
      if (lane === undefined) return;
      turns.delete(lane);
      const next = lane.waiting.shift();
      if (next === undefined) continue;
      if (lane.waiting.length > 0) turns.add(lane);
      void run(next);
    }
  }

  async function run(one: Open): Promise<void> {
    running.add(one);
    const answered = await answer(one.lane.node, one.query.question, one.ending.signal);
    running.delete(one);
    settle(one, answered);
    fill();
  }

  function settle(one: Open, answered: Answered): void {
    if (!forget(one)) return;
    onAnswered(one.query.question, answered.type, nowMs() - one.since);
    one.give(answered);
  }

  /** @returns whether somebody still waited for it */
  function forget(one: Open): boolean {
    one.cancelDeadline();
    return one.lane.open.delete(one.query.id);
  }

  function drop(one: Open): void {
    if (!forget(one)) return;
    const { waiting } = one.lane;
    const index = waiting.indexOf(one);
    if (index >= 0) waiting.splice(index, 1);
    if (waiting.length === 0) turns.delete(one.lane);
    one.ending.abort();
  }

  return {
    open(node, dictionary, onAnswer) {
      const lane: Lane = { node, waiting: [], open: new Map(), lastId: 0 };
      let isOpen = true;
      return {
        ask(query) {
          if (!isOpen || isStopped) return;
          const { id, deadlineMs } = query;
          if (id <= lane.lastId) throw new HawserError('protocol', `query ${id} after query ${lane.lastId}`);
          lane.lastId = id;
          if (lane.open.size >= MAX_OPEN_QUERIES) {
            const message = `${MAX_OPEN_QUERIES} queries of this session are open`;
            onAnswer(id, { type: 'unavailable', retryAfterMs: TOO_MANY_RETRY_MS, message });
            onAnswered(query.question, 'unavailable', 0);
            return;
          }
          const one: Open = {
            query,
            lane,
            since: nowMs(),
            ending: new AbortController(),
            give: (answered) => onAnswer(id, encoded(answered, dictionary)),
            cancelDeadline: clock.after(deadlineMs, () => drop(one)),
          };
          lane.open.set(id, one);
          lane.waiting.push(one);
          turns.add(lane);
          fill();
        },
        cancel(id) {
          const one = lane.open.get(id);
          if (one !== undefined) drop(one);
        },
        close() {
          isOpen = false;
          for (const one of [...lane.open.values()]) drop(one);
        },
      };
    },
    counts() {
      let waiting = 0;
      for (const lane of turns) waiting += lane.waiting.length;
      return { waiting, running: running.size };
    },
    stop() {
      isStopped = true;
      for (const one of running) one.ending.abort();
    },
  };
}

function encoded(answered: Answered, dictionary: StaticDictionary | undefined): QueryAnswer {
  return answered.type === 'found' ? { ...answered, body: encodeBody(answered.body, dictionary) } : answered;
}
