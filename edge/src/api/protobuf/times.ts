/** Seconds before 1970 of the year 1, which Go takes for "no time". */
const GO_ZERO_SECONDS = -62_135_596_800;
/** The last second of the year 9999, after which RFC 3339 has no notation. */
const LAST_SECONDS = 253_402_300_799;
const NANOS_PER_MICRO = 1000;
const NANOS_PER_SECOND = 1_000_000_000;

/** A point in time as the API's messages have it. */
export interface Timestamp {
  readonly seconds: number;
  readonly nanos: number;
}

/** As JSON shows it: whole seconds, or with six decimals; null for no time, undefined for what has no notation. */
export function showTime({ seconds, nanos }: Timestamp, micro: boolean): string | null | undefined {
  if (nanos < 0 || nanos >= NANOS_PER_SECOND || seconds < GO_ZERO_SECONDS || seconds > LAST_SECONDS) return undefined;
  if (seconds === GO_ZERO_SECONDS && nanos === 0) return null;
  const whole = new Date(seconds * 1000).toISOString().slice(0, 19);
  if (!micro) return `${whole}Z`;
  return `${whole}.${String(Math.floor(nanos / NANOS_PER_MICRO)).padStart(6, '0')}Z`;
}

const RFC_3339 = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.(\d{1,9}))?(?:Z|[+-]\d\d:\d\d)$/;

/** Reads RFC 3339; undefined for anything else. What is finer than the type shows is cut off, as Go does. */
export function readTime(text: string, micro: boolean): Timestamp | undefined {
  const match = RFC_3339.exec(text);
  const milliseconds = match === null ? Number.NaN : Date.parse(text);
  if (Number.isNaN(milliseconds) || !isDay(text)) return undefined;
  const seconds = Math.floor(milliseconds / 1000);
  const micros = micro ? Number((match?.[1] ?? '').padEnd(6, '0').slice(0, 6)) : 0;
  return { seconds, nanos: micros * NANOS_PER_MICRO };
}

/** JavaScript takes the 30th of February for the 2nd of March. */
function isDay(text: string): boolean {
  const day = Number(text.slice(8, 10));
  return day <= 28 || day <= new Date(Date.UTC(Number(text.slice(0, 4)), Number(text.slice(5, 7)), 0)).getUTCDate();
}
