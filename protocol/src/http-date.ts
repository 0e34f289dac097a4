/** Half of a second, which is what a date without fractions is off by in the middle. */
const HALF_SECOND_MS = 500;

/**
 * The time in a header `Date` (RFC 9110, section 6.6.1), in milliseconds since 1970, to half a second and the way that it took here.
 * Undefined for what is no date.
 */
export function timeIn(header: string | undefined): number | undefined {
  const timeMs = Date.parse(header ?? '');
  return Number.isNaN(timeMs) ? undefined : timeMs + HALF_SECOND_MS;
}
