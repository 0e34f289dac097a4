import { isJsonObject, type JsonValue, parseJson } from '@hawser/protocol';
import type { Reading } from '../autonomy/index.ts';

/**
 * How far the clock may be before the least that it can be, in milliseconds: steps of a time service, and certificates that begin the
 * moment they are made.
 */
export const CLOCK_SLACK_MS = 10 * 60_000;

/** A time that had come when the device's other clock said `uptimeMs` in the boot `bootId`. */
export interface NotedTime {
  readonly timeMs: number;
  readonly bootId: string;
  readonly uptimeMs: number;
}

/**
 * What is to be thought of the device's clock.
 *
 * | verdict | because | what follows |
 * |---|---|---|
 * | right | nothing says otherwise | certificates are checked with its time |
 * | behind | it says less than what has passed for certain | the time is left out of the check of a relay's chain, and only the time |
 * | ahead | a relay has taken a certificate that would have ended long since | renewals go by the time that has passed for certain |
 */
export type ClockVerdict = 'right' | 'behind' | 'ahead';

/**
 * The least that the time can be: what was noted, and what has passed since by the clock that nobody can set. Over a boot of the machine
 * it tells nothing, and none has passed.
 * @param certified the latest beginning of the certificates that are held: an authority that we trust has seen that time
 */
export function leastTime(noted: NotedTime | undefined, now: Reading, certified: number): number {
  if (noted === undefined) return certified;
  const passed = noted.bootId === now.bootId ? Math.max(0, now.uptimeMs - noted.uptimeMs) : 0;
  return Math.max(noted.timeMs + passed, certified);
}

/** @param mostMs the most that the time can be: see `mostTime` */
export function judgeClock(wallMs: number, leastMs: number, mostMs: number): ClockVerdict {
  if (wallMs < leastMs - CLOCK_SLACK_MS) return 'behind';
  return wallMs > mostMs + CLOCK_SLACK_MS ? 'ahead' : 'right';
}

/** The end of a certificate that a relay took at that moment: its time was before it. */
export interface TakenCertificate {
  readonly endsMs: number;
  readonly at: Pick<Reading, 'bootId' | 'uptimeMs'>;
}

/** No bound where no relay has taken a certificate since the machine was booted. */
export function mostTime(taken: TakenCertificate | undefined, now: Reading): number {
  if (taken === undefined || taken.at.bootId !== now.bootId) return Number.POSITIVE_INFINITY;
  return taken.endsMs + Math.max(0, now.uptimeMs - taken.at.uptimeMs);
}

export function writeNotedTime({ timeMs, bootId, uptimeMs }: NotedTime): string {
  return JSON.stringify({ time: new Date(timeMs).toISOString(), bootId, uptimeMs });
}

/** Undefined for what is no such note. */
export function readNotedTime(text: string | undefined): NotedTime | undefined {
  if (text === undefined || text === '') return undefined;
  let value: JsonValue;
  try {
    value = parseJson(text);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
  if (!isJsonObject(value)) return undefined;
  const { time, bootId, uptimeMs } = value;
  const timeMs = typeof time === 'string' ? Date.parse(time) : Number.NaN;
  if (!Number.isFinite(timeMs) || typeof bootId !== 'string') return undefined;
  if (typeof uptimeMs !== 'number' || !Number.isFinite(uptimeMs) || uptimeMs < 0) return undefined;
  return { timeMs, bootId, uptimeMs };
}
