import type { Report, ReportOutcome } from '@hawser/protocol';

/**
 * Reports waiting for the API server, of all sessions.
 *
 * - At most `concurrency` run at a time; nodes take turns, so that one device with a full outbox does not hold up the others.
 * - Of one node, the reports of one object run one after the other in the order in which they came, also across a reconnect;
 *   those of different objects run side by side.
 * - A lane is full at `reportsPerLane` reports or MAX_LANE_BYTES of bodies; whoever feeds it stops reading then. What one read of
 *   the socket had already brought (64 KiB) is still taken.
 */
export interface ReportQueue {
  /** `onAnswer` is called once for each report unless the lane was closed before; `onRoom` after it was full and no longer is. */
  open(node: string, onAnswer: (number: number, outcome: ReportOutcome) => void, onRoom: () => void): ReportLane;
  counts(): { readonly waiting: number; readonly running: number };
  /** Resolves when nothing runs. Waiting reports are not begun any more: the agents keep them. */
  stop(): Promise<void>;
}

/** The reports of one session. */
export interface ReportLane {
  push(report: Report): void;
  isFull(): boolean;
  /** Drops what waits. What runs is finished, and its answer goes nowhere: the agent asks again. */
  close(): void;
}

/** Bodies of one session that wait or run, in characters. */
const MAX_LANE_BYTES = 1024 * 1024;

interface Node {
  readonly name: string;
  readonly lanes: Set<Lane>;
  readonly busy: Set<string>;
}

interface Lane {
  readonly node: Node;
  readonly waiting: Report[];
  running: number;
  size: number;
  wasFull: boolean;
  isOpen: boolean;
  readonly onAnswer: (number: number, outcome: ReportOutcome) => void;
  readonly onRoom: () => void;
}

export interface ReportQueueOptions {
  readonly concurrency: number;
  readonly reportsPerLane: number;
  /** Never rejects. */
  readonly perform: (node: string, report: Report) => Promise<ReportOutcome>;
}

export function createReportQueue({ concurrency, reportsPerLane, perform }: ReportQueueOptions): ReportQueue {
  const nodes = new Map<string, Node>();
  /** Lanes in which something may run, in the order of their turns. */
  const turns = new Set<Lane>();
  let running = 0;
  let waiting = 0;
  let onIdle: (() => void) | undefined;

  function isFull(lane: Lane): boolean {
    return lane.waiting.length + lane.running >= reportsPerLane || lane.size >= MAX_LANE_BYTES;
  }

  function next(lane: Lane): Report | undefined {
    const seen = new Set<string>();
    for (const [index, report] of lane.waiting.entries()) {
      const object = objectOf(report);
      if (!lane.node.busy.has(object) && !seen.has(object)) {
        lane.waiting.splice(index, 1);
        return report;
      }
      seen.add(object);
    }
    return undefined;
  }

  function fill(): void {
    while (running < concurrency && onIdle === undefined) {
      const lane = turns.values().next().value;
      if (lane === undefined) return;
      turns.delete(lane);
      const report = next(lane);
      if (report === undefined) continue;
      turns.add(lane);
      void run(lane, report);
    }
  }

  async function run(lane: Lane, report: Report): Promise<void> {
    const object = objectOf(report);
    lane.node.busy.add(object);
    lane.running += 1;
    running += 1;
    waiting -= 1;
    const outcome = await perform(lane.node.name, report);
    lane.node.busy.delete(object);
    lane.running -= 1;
    lane.size -= sizeOf(report);
    running -= 1;
    for (const other of lane.node.lanes) turns.add(other);
    if (lane.isOpen) lane.onAnswer(report.number, outcome);
    forget(lane.node);
    if (lane.wasFull && !isFull(lane)) {
      lane.wasFull = false;
      if (lane.isOpen) lane.onRoom();
    }
    if (running === 0) onIdle?.();
    fill();
  }

  function forget(node: Node): void {
    if (node.lanes.size === 0 && node.busy.size === 0) nodes.delete(node.name);
  }

  return {
    open(name, onAnswer, onRoom) {
      const node = nodes.get(name) ?? { name, lanes: new Set(), busy: new Set() };
      nodes.set(name, node);
      const lane: Lane = { node, waiting: [], running: 0, size: 0, wasFull: false, isOpen: true, onAnswer, onRoom };
      node.lanes.add(lane);
      return {
        push(report) {
          if (!lane.isOpen) return;
          lane.waiting.push(report);
          lane.size += sizeOf(report);
          waiting += 1;
          if (isFull(lane)) lane.wasFull = true;
          turns.add(lane);
          fill();
        },
        isFull: () => isFull(lane),
        close() {
          if (!lane.isOpen) return;
          lane.isOpen = false;
          waiting -= lane.waiting.length;
          lane.waiting.length = 0;
          turns.delete(lane);
          node.lanes.delete(lane);
          forget(node);
        },
      };
    },
    counts: () => ({ waiting, running }),
    stop: () =>
      new Promise((resolve) => {
        onIdle = resolve;
        if (running === 0) resolve();
      }),
  };
}

function objectOf({ resource, namespace, name }: Report): string {
  return `${resource}/${namespace}/${name}`;
}

function sizeOf({ operation }: Report): number {
  return operation.type === 'remove' ? 0 : operation.body.length;
}
