import type { SessionState } from '@hawser/protocol';
import type { Logger } from 'pino';
import type { SessionStats } from '../downstream/index.ts';
import { replaced } from './claims.ts';
import { isClockOff } from './device-clock.ts';
import type { Link } from './link.ts';

/** Counters over all sessions since the start, ended ones included. */
export type SessionTotals = { readonly [Name in (typeof TOTALS)[number]]: number };

const TOTALS = [
  'batches',
  'upserts',
  'deltas',
  'touches',
  'deletes',
  'deltaBytes',
  'staticBytes',
  'zstdBytes',
  'identityBytes',
  'deltaRetries',
  'inventories',
  'recalled',
  'digestMismatches',
  'checkMismatches',
] as const;

const LOADS = ['known', 'refused', 'waiting', 'ahead', 'inflightBatches', 'inflightBytes'] as const;

export type SessionLoad = Pick<SessionStats, (typeof LOADS)[number]>;

export interface NodeLag {
  readonly node: string;
  readonly lagMs: number;
}

/** The live links, one per node: the newest wins. */
export class Sessions {
  readonly #links = new Map<string, Link>();
  readonly #logger: Logger;
  readonly #ended = new Map<(typeof TOTALS)[number], number>();

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  get count(): number {
    return this.#links.size;
  }

  find(node: string): Link | undefined {
    return this.#links.get(node);
  }

  has(node: string): boolean {
    return this.#links.has(node);
  }

  /** Makes this the node's link and ends the one before. */
  take(link: Link): void {
    const older = this.#links.get(link.node);
    this.#links.set(link.node, link);
    if (older === undefined) return;
    const fields = {
      node: link.node,
      remote: link.remote,
      storeId: link.storeId,
      olderRemote: older.remote,
      olderStoreId: older.storeId,
    };
    const isSameDevice = older.storeId === link.storeId;
    if (isSameDevice) this.#logger.info(fields, 'session replaced');
    else this.#logger.warn(fields, 'two devices under one node name');
    older.end(replaced(isSameDevice, ''));
  }

  /** A link has ended. One that was replaced is no longer the node's. */
  drop(link: Link, stats: SessionStats | undefined): void {
    if (this.#links.get(link.node) === link) this.#links.delete(link.node);
    if (stats === undefined) return;
    for (const name of TOTALS) this.#ended.set(name, (this.#ended.get(name) ?? 0) + stats[name]);
  }

  all(): readonly Link[] {
    return [...this.#links.values()];
  }

  byState(): ReadonlyMap<SessionState, number> {
    const counts = new Map<SessionState, number>();
    for (const link of this.#links.values()) {
      const status = link.status();
      if (status !== undefined) counts.set(status.state, (counts.get(status.state) ?? 0) + 1);
    }
    return counts;
  }

  /** Live sessions whose devices had a clock that is off when they dialled. */
  clocksOff(): number {
    let count = 0;
    for (const link of this.#links.values()) if (isClockOff(link.clockOffsetMs)) count += 1;
    return count;
  }

  dirtyKeys(): number {
    let sum = 0;
    for (const link of this.#links.values()) sum += link.stats()?.dirty ?? 0;
    return sum;
  }

  /** Gauges of all live sessions together. */
  load(): SessionLoad {
    const load = { known: 0, refused: 0, waiting: 0, ahead: 0, inflightBatches: 0, inflightBytes: 0 };
    for (const link of this.#links.values()) {
      const stats = link.stats();
      if (stats === undefined) continue;
      for (const name of LOADS) load[name] += stats[name];
    }
    return load;
  }

  /** Nodes whose devices have lacked something for at least so long, in ms; those that have for longest, and no more than `most`. */
  lagging(leastMs: number, most: number): readonly NodeLag[] {
    const lags: NodeLag[] = [];
    for (const link of this.#links.values()) {
      const lagMs = link.stats()?.lagMs ?? 0;
      if (lagMs >= leastMs) lags.push({ node: link.node, lagMs });
    }
    return lags.sort((a, b) => b.lagMs - a.lagMs).slice(0, most);
  }

  totals(): SessionTotals {
    const live = this.all().map((link) => link.stats());
    const total = (name: (typeof TOTALS)[number]) =>
      live.reduce((sum, stats) => sum + (stats?.[name] ?? 0), this.#ended.get(name) ?? 0);
    return {
      batches: total('batches'),
      upserts: total('upserts'),
      deltas: total('deltas'),
      touches: total('touches'),
      deletes: total('deletes'),
      deltaBytes: total('deltaBytes'),
      staticBytes: total('staticBytes'),
      zstdBytes: total('zstdBytes'),
      identityBytes: total('identityBytes'),
      deltaRetries: total('deltaRetries'),
      inventories: total('inventories'),
      recalled: total('recalled'),
      digestMismatches: total('digestMismatches'),
      checkMismatches: total('checkMismatches'),
    };
  }
}
