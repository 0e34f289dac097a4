import type { Report, ReportOutcome } from '@hawser/protocol';
import { systemClock } from '../../clock.ts';
import { createReportQueue, type ReportQueue, type ReportQueueOptions } from '../report-queue.ts';

export interface PlainQueueOptions extends Partial<Pick<ReportQueueOptions<string>, 'bytesPerLane' | 'bytes' | 'onFull'>> {
  readonly concurrency: number;
  readonly reportsPerLane: number;
  readonly perform: (node: string, report: Report) => Promise<ReportOutcome>;
}

/** A queue whose pool of calls always has room. */
export function createPlainQueue(options: PlainQueueOptions): ReportQueue {
  return createReportQueue<string>({
    ...options,
    pool: { waitMs: () => 0, remainingMs: () => 0 },
    callsPerSecond: 1_000,
    clock: systemClock,
    random: () => 0,
    bytesPerLane: options.bytesPerLane ?? 1024 * 1024,
    bytes: options.bytes ?? 256 * 1024 * 1024,
    onFull: options.onFull ?? (() => undefined),
    openSession: (node) => node,
  });
}
