import type { Report, ReportOutcome } from '@hawser/protocol';
import type { Clock } from '../clock.ts';
import type { CallPool } from './call-pool.ts';
import { LaneOrder, objectOf, type Waiting } from './report-lane.ts';

/**
 * Reports waiting for the API server, of all sessions.
 *
 * - At most `concurrency` run at a time, and they begin as the pool of calls allows; nodes take turns, so that one device with a
 *   full outbox does not hold up the others by more than its turn.
 * - Of one node, the reports of one object run one after the other in the order in which they came, also across a reconnect;
 *   those of different objects run side by side.
 * - A lane is full at `reportsPerLane` reports or `bytesPerLane` of bodies, and where anything waits in it also while all lanes together have
 *   `bytes`; whoever feeds it stops reading then. What one read of the socket had already brought (64 KiB) is still taken.
 * - While the pool pauses for longer than MAX_HELD_MS, whatever waits or comes is answered `unavailable`: the agents' outboxes are
 *   the better place to wait, and their links are read meanwhile. Each is asked to wait for the pause and a random time more, over
 *   which all of them together come back at the rate of the pool.
 * - Where a report is answered `unavailable`, so is what waits behind it of the same object: the agent sends both again, in order.
 */
export interface ReportQueue {
  /** `onAnswer` is called once for each report unless the lane was closed before; `onRoom` after it was full and no longer is. */
  open(node: string, onAnswer: (number: number, outcome: ReportOutcome) => void, onRoom: () => void): ReportLane;
  counts(): { readonly waiting: number; readonly running: number };
  /** Bodies of what waits or runs, in characters. */
  bytes(): number;
  /** Resolves when nothing runs. Waiting reports are not begun any more: the agents keep them. */
  stop(): Promise<void>;
}

/** The reports of one session. */
export interface ReportLane {
  push(report: Report): void;
  isFull(): boolean;
  /** Reports without an answer. */
  outstanding(): number;
  /** Drops what waits. What runs is finished, and its answer goes nowhere: the agent asks again. */
  close(): void;
}

/** A pause of the pool that is shorter is waited for here: to send the reports once more costs the device bytes. In milliseconds. */
const MAX_HELD_MS = 5_000;
/** What an agent has in flight, at most: so much of each comes back after a pause. */
const IN_FLIGHT_PER_AGENT = 32;
/** Over so long at least and at most the agents come back after a pause, in milliseconds. */
const LEAST_SPREAD_MS = 1_000;
const MOST_SPREAD_MS = 60_000;

interface Node<Session> {
  readonly name: string;
  readonly lanes: Set<Lane<Session>>;
  readonly busy: Set<string>;
}

interface Lane<Session> {
  readonly node: Node<Session>;
  readonly session: Session;
  readonly order: LaneOrder;
  running: number;
  /** Characters of the bodies of what waits or runs. */
  size: number;
  isOpen: boolean;
  readonly onAnswer: (number: number, outcome: ReportOutcome) => void;
  readonly onRoom: () => void;
}

export type FullBecause = 'limits.reportsPerSession' | 'limits.reportBytesPerSession' | 'limits.reportBytes';

export interface ReportQueueOptions<Session> {
  readonly concurrency: number;
  readonly reportsPerLane: number;
  /** Bodies that wait or run, in characters: of one lane, and of all. */
  readonly bytesPerLane: number;
  readonly bytes: number;
  /** A lane has become full. */
  readonly onFull: (bound: FullBecause) => void;
  readonly pool: Pick<CallPool, 'waitMs' | 'remainingMs'>;
  /** Over time, of the pool. */
  readonly callsPerSecond: number;
  readonly clock: Clock;
  /** From 0 to 1, 1 excluded. */
  readonly random: () => number;
  /** What is remembered for as long as one lane is open. */
  readonly openSession: (node: string) => Session;
  /** Never rejects. */
  readonly perform: (session: Session, report: Report) => Promise<ReportOutcome>;
  /** A report begins that has waited so long. */
  readonly onBegun?: (waitedMs: number) => void;
}

export interface PooledReportQueue extends ReportQueue {
  /** To be called when the pool has changed its state. */
  poolChanged(reason: string): void;
}

export function createReportQueue<Session>(options: ReportQueueOptions<Session>): PooledReportQueue {
  const { concurrency, reportsPerLane, bytesPerLane, pool, clock, random, perform } = options;
  const nodes = new Map<string, Node<Session>>();
  const open = new Set<Lane<Session>>();
  /** Lanes in which something may run, in the order of their turns. */
  const turns = new Set<Lane<Session>>();
  /** Lanes that were full when they were looked at last, and whose sessions have to be told. */
  const full = new Set<Lane<Session>>();
  let running = 0;
  let waiting = 0;
  let bytes = 0;
  let cancelTimer: (() => void) | undefined;
  let pausedFor = '';
  let onIdle: (() => void) | undefined;

  function fullBecause(lane: Lane<Session>): FullBecause | undefined {
    const reports = lane.order.size + lane.running;
    if (reports >= reportsPerLane) return 'limits.reportsPerSession';
    if (lane.size >= bytesPerLane) return 'limits.reportBytesPerSession';
    return bytes >= options.bytes && reports > 0 ? 'limits.reportBytes' : undefined;
  }

  function count(lane: Lane<Session>, by: number): void {
    const wereTooMany = bytes >= options.bytes;
    lane.size += by;
    bytes += by;
    if (wereTooMany && bytes < options.bytes) for (const other of [...full]) tellRoom(other);
  }

  function fill(): void {
    while (running < concurrency && onIdle === undefined) {
      const lane = turns.values().next().value;
      if (lane === undefined) return;
      const waitMs = pool.waitMs();
      if (waitMs === undefined) return;
      if (waitMs > 0) {
        fillAfter(waitMs);
        return;
      }
      turns.delete(lane);
      const next = lane.order.next();
      if (next === undefined) continue;
      void run(lane, next);
      if (lane.order.hasReady()) turns.add(lane);
    }
  }

  function fillAfter(waitMs: number): void {
    if (cancelTimer !== undefined) return;
    cancelTimer = clock.after(waitMs, () => {
      cancelTimer = undefined;
      fill();
    });
  }

  async function run(lane: Lane<Session>, { report, sinceMs }: Waiting): Promise<void> {
    const object = objectOf(report);
    setBusy(lane.node, object);
    lane.running += 1;
    running += 1;
    waiting -= 1;
    options.onBegun?.(Math.max(0, clock.now().getTime() - sinceMs));
    const outcome = await perform(lane.session, report);
    lane.node.busy.delete(object);
    lane.running -= 1;
    running -= 1;
    answer(lane, report, outcome);
    if (outcome.type === 'unavailable') {
      for (const other of lane.order.takeAll(object)) putOff(lane, other.report, outcome.message, outcome.retryAfterMs);
    }
    for (const other of lane.node.lanes) {
      other.order.free(object);
      if (other.order.hasReady()) turns.add(other);
    }
    forget(lane.node);
    tellRoom(lane);
    if (running === 0) onIdle?.();
    fill();
  }

  function setBusy(node: Node<Session>, object: string): void {
    node.busy.add(object);
    for (const lane of node.lanes) lane.order.busy(object);
  }

  function answer(lane: Lane<Session>, report: Report, outcome: ReportOutcome): void {
    count(lane, -sizeOf(report));
    if (!lane.isOpen) return;
    const { number } = report;
    if (outcome.type !== 'unavailable') lane.onAnswer(number, outcome);
    else lane.onAnswer(number, { ...outcome, retryAfterMs: spread(Math.max(outcome.retryAfterMs, pool.remainingMs())) });
  }

  /** Answers what waited without having been tried. */
  function putOff(lane: Lane<Session>, report: Report, message: string, retryAfterMs: number): void {
    waiting -= 1;
    answer(lane, report, { type: 'unavailable', retryAfterMs, message });
  }

  function spread(waitMs: number): number {
    const allMs = (open.size * IN_FLIGHT_PER_AGENT * 1000) / options.callsPerSecond;
    return Math.round(waitMs + random() * Math.min(Math.max(allMs, LEAST_SPREAD_MS), MOST_SPREAD_MS));
  }

  function tellRoom(lane: Lane<Session>): void {
    if (!full.has(lane) || fullBecause(lane) !== undefined) return;
    full.delete(lane);
    if (lane.isOpen) lane.onRoom();
  }

  function forget(node: Node<Session>): void {
    if (node.lanes.size === 0 && node.busy.size === 0) nodes.delete(node.name);
  }

  return {
    open(name, onAnswer, onRoom) {
      const node: Node<Session> = nodes.get(name) ?? { name, lanes: new Set(), busy: new Set() };
      nodes.set(name, node);
      const lane: Lane<Session> = {
        node,
        session: options.openSession(name),
        order: new LaneOrder(),
        running: 0,
        size: 0,
        isOpen: true,
        onAnswer,
        onRoom,
      };
      node.lanes.add(lane);
      open.add(lane);
      return {
        push(report) {
          if (!lane.isOpen) return;
          waiting += 1;
          count(lane, sizeOf(report));
          if (pool.remainingMs() > MAX_HELD_MS) {
            putOff(lane, report, pausedFor, 0);
            return;
          }
          lane.order.add({ report, sinceMs: clock.now().getTime() }, node.busy.has(objectOf(report)));
          const because = full.has(lane) ? undefined : fullBecause(lane);
          if (because !== undefined) {
            full.add(lane);
            options.onFull(because);
          }
          if (lane.order.hasReady()) turns.add(lane);
          fill();
        },
        isFull: () => fullBecause(lane) !== undefined,
        outstanding: () => lane.order.size + lane.running,
        close() {
          if (!lane.isOpen) return;
          lane.isOpen = false;
          waiting -= lane.order.size;
          full.delete(lane);
          for (const { report } of lane.order.clear()) count(lane, -sizeOf(report));
          turns.delete(lane);
          open.delete(lane);
          node.lanes.delete(lane);
          forget(node);
        },
      };
    },
    counts: () => ({ waiting, running }),
    bytes: () => bytes,
    poolChanged(reason) {
      pausedFor = reason;
      if (pool.remainingMs() > MAX_HELD_MS) {
        for (const lane of [...open]) {
          turns.delete(lane);
          for (const { report } of lane.order.clear()) putOff(lane, report, reason, 0);
          tellRoom(lane);
        }
      }
      fill();
    },
    stop: () =>
      new Promise((resolve) => {
        cancelTimer?.();
        onIdle = resolve;
        if (running === 0) resolve();
      }),
  };
}

function sizeOf({ operation }: Report): number {
  return operation.type === 'remove' ? 0 : operation.body.length;
}
