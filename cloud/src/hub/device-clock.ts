import { timeIn } from '@hawser/protocol';

/** Certificates begin five minutes before they are made: with a clock that is further behind a new one is not taken. In ms. */
export const CLOCK_OFF_MS = 5 * 60_000;

/**
 * A device's clock less ours, in ms, by the header `Date` of its dial: to a second and the way that it took here.
 * Undefined for what is no date: agents of older versions say none.
 */
export function clockOffsetOf(header: string | undefined, nowMs: number): number | undefined {
  const timeMs = timeIn(header);
  return timeMs === undefined ? undefined : timeMs - nowMs;
}

export function isClockOff(offsetMs: number | undefined): boolean {
  return offsetMs !== undefined && Math.abs(offsetMs) > CLOCK_OFF_MS;
}
