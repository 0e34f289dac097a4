import { encodeBody, HawserError, type Query, type QueryAnswer, type Question, type StaticDictionary } from '@hawser/protocol';
import type { Clock } from '../../clock.ts';
import { monotonic } from '../../monotonic.ts';
import { Pace } from '../../pace.ts';
import type { Answered } from './answer-query.ts';

/**
 * Queries of all sessions on their way to an answer.
 *
 * - At most `concurrency` are at the API server at a time; sessions take turns, so that one that asks much does not hold up the others.
 * - Of one session at most `perLane` are open, with MAX_LANE_SIZE of bodies; one more is answered `unavailable` at once.
 * - Of one session so many begin in a second as LANE_GAP_MS says; the others wait for it. Without that one which asks and cancels without
 *   end would have the API server open a connection for each.
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
  /** Queries without an answer that somebody waits for. */
  outstanding(): number;
  close(): void;
}

export interface QueryDeskOptions {
  readonly concurrency: number;
  /** Without an answer, of one session. */
  readonly perLane: number;
  /** One more was refused. */
  readonly onOverBound: (bound: 'limits.queriesPerSession' | 'queryBytes') => void;
  readonly clock: Clock;
  /** Never rejects. */
  readonly answer: (node: string, question: Question, signal: AbortSignal) => Promise<Answered>;
  /** `milliseconds` from when the query was read. Called for answers that were given. */
  readonly onAnswered: (question: Question, answer: QueryAnswer['type'], milliseconds: number) => void;
}

/** An agent that asks more than it may side by side; in milliseconds. */
const TOO_MANY_RETRY_MS = 1_000;
/** Bodies of one session's questions that wait or run, in characters, though always one: a TokenRequest has some 500. */
const MAX_LANE_SIZE = 256 * 1024;
/** Over time one question of a session begins in so many milliseconds, 50 in a second. */
const LANE_GAP_MS = 20;
/** So many begin at once after a quiet time: the tokens of a device full of pods (110 by default) that has just started. */
const LANE_BURST = 128;

interface Lane {
  readonly node: string;
  readonly waiting: Open[];
  readonly open: Map<number, Open>;
  readonly pace: Pace;
  lastId: number;
  /** Of the bodies of what waits or runs, those that run for nobody any more included. */
  size: number;
  /** While it has begun what it may: calls off the end of that. */
  cancelRest: (() => void) | undefined;
}

interface Open {
  readonly query: Query;
  readonly lane: Lane;
  readonly since: number;
  readonly ending: AbortController;
  readonly give: (answer: Answered) => void;
  readonly cancelDeadline: () => void;
}

export function createQueryDesk({ concurrency, perLane, onOverBound, clock, answer, onAnswered }: QueryDeskOptions): QueryDesk {
  /** Lanes in which something waits, in the order of their turns. */
  const turns = new Set<Lane>();
  /** Lanes in which something may wait, and nothing may begin for a moment. */
  const resting = new Set<Lane>();
  const running = new Set<Open>();
  let isStopped = false;
  const nowMs = () => clock.now().getTime();
  const steadyMs = monotonic(clock);

  function fill(): void {
    while (running.size < concurrency && !isStopped) {
      const lane = turns.values().next().value;
      if (lane === undefined) return;
      turns.delete(lane);
      const restMs = lane.pace.nextAtMs() - steadyMs();
      if (restMs > 0) {
        rest(lane, restMs);
        continue;
      }
      const next = lane.waiting.shift();
      if (next === undefined) continue;
      lane.pace.done(steadyMs());
      if (lane.waiting.length > 0) turns.add(lane);
      void run(next);
    }
  }

  function rest(lane: Lane, milliseconds: number): void {
    resting.add(lane);
    lane.cancelRest = clock.after(Math.ceil(milliseconds), () => {
      wake(lane);
      if (lane.waiting.length > 0) turns.add(lane);
      fill();
    });
  }

  function wake(lane: Lane): void {
    lane.cancelRest?.();
    lane.cancelRest = undefined;
    resting.delete(lane);
  }

  async function run(one: Open): Promise<void> {
    running.add(one);
    const answered = await answer(one.lane.node, one.query.question, one.ending.signal);
    running.delete(one);
    one.lane.size -= sizeOf(one.query.question);
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
    if (index >= 0) {
      waiting.splice(index, 1);
      one.lane.size -= sizeOf(one.query.question);
    }
    if (waiting.length === 0) turns.delete(one.lane);
    one.ending.abort();
  }

  return {
    open(node, dictionary, onAnswer) {
      const lane: Lane = {
        node,
        waiting: [],
        open: new Map(),
        pace: new Pace(LANE_GAP_MS, LANE_BURST),
        lastId: 0,
        size: 0,
        cancelRest: undefined,
      };
      let isOpen = true;
      const refuse = ({ id, question }: Query, message: string) => {
        onAnswer(id, { type: 'unavailable', retryAfterMs: TOO_MANY_RETRY_MS, message });
        onAnswered(question, 'unavailable', 0);
      };
      return {
        ask(query) {
          if (!isOpen || isStopped) return;
          const { id, deadlineMs } = query;
          if (id <= lane.lastId) throw new HawserError('protocol', `query ${id} after query ${lane.lastId}`);
          lane.lastId = id;
          if (lane.open.size >= perLane) {
            onOverBound('limits.queriesPerSession');
            refuse(query, `${perLane} queries of this session are open`);
            return;
          }
          const size = sizeOf(query.question);
          if (size > 0 && lane.size > 0 && lane.size + size > MAX_LANE_SIZE) {
            onOverBound('queryBytes');
            refuse(query, `the open queries of this session have bodies of ${lane.size} characters`);
            return;
          }
          lane.size += size;
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
          if (lane.cancelRest === undefined) turns.add(lane);
          fill();
        },
        cancel(id) {
          const one = lane.open.get(id);
          if (one !== undefined) drop(one);
        },
        outstanding: () => lane.open.size,
        close() {
          isOpen = false;
          for (const one of [...lane.open.values()]) drop(one);
          wake(lane);
        },
      };
    },
    counts() {
      let waiting = 0;
      for (const lanes of [turns, resting]) for (const lane of lanes) waiting += lane.waiting.length;
      return { waiting, running: running.size };
    },
    stop() {
      isStopped = true;
      for (const lane of [...resting]) wake(lane);
      for (const one of running) one.ending.abort();
    },
  };
}

function sizeOf(question: Question): number {
  return question.type === 'submit' ? question.body.length : 0;
}

function encoded(answered: Answered, dictionary: StaticDictionary | undefined): QueryAnswer {
  return answered.type === 'found' ? { ...answered, body: encodeBody(answered.body, dictionary) } : answered;
}
