/** What a link says of the time and hears of it, once a dial. */
export interface LinkTimes {
  /** The device's clock, right or wrong: the relay compares it with its own. */
  now(): Date;
  /** What the relay's clock says, in milliseconds since 1970. Only of a relay that is trusted. */
  heard(timeMs: number): void;
}

/** Half of a second, which is what a date without fractions is off by in the middle. */
const HALF_SECOND_MS = 500;

/**
 * The time in an answer's header `Date` (RFC 9110, section 6.6.1), in milliseconds since 1970, to half a second and the way that it took here.
 * Undefined for what is no date.
 */
export function timeIn(header: string | undefined): number | undefined {
  const timeMs = Date.parse(header ?? '');
  return Number.isNaN(timeMs) ? undefined : timeMs + HALF_SECOND_MS;
}
