/** On a Node: for how long its pods are kept from eviction while only its link is down. `72h`, `1d12h`, or `forever`. */
export const AUTONOMY_ANNOTATION = 'hawser.dev/autonomy';
/** On a Node: after how long without a link its device ends its pods by itself. `71h`. */
export const STOP_AFTER_ANNOTATION = 'hawser.dev/autonomy-stop-after';

/** Seconds, or without end. */
export type Span = number | 'forever';

const SECONDS = { d: 86_400, h: 3_600, m: 60, s: 1 } as const;
const GRAMMAR = /^(?:(\d{1,9})d)?(?:(\d{1,9})h)?(?:(\d{1,9})m)?(?:(\d{1,9})s)?$/;
/** Ten years. Kubernetes counts in nanoseconds of 64 bits, 292 years. */
export const MAX_SPAN_SECONDS = 3_650 * SECONDS.d;

/**
 * span := [days "d"] [hours "h"] [minutes "m"] [seconds "s"], at least one of them, whole numbers.
 * @returns seconds from 1 to MAX_SPAN_SECONDS; undefined for anything else
 */
export function parseSpan(text: string): number | undefined {
  const parts = GRAMMAR.exec(text);
  if (parts === null) return undefined;
  const [, d = '0', h = '0', m = '0', s = '0'] = parts;
  const seconds = Number(d) * SECONDS.d + Number(h) * SECONDS.h + Number(m) * SECONDS.m + Number(s);
  return seconds >= 1 && seconds <= MAX_SPAN_SECONDS ? seconds : undefined;
}

/** A span, or the word `forever`. */
export function parseAutonomy(text: string): Span | undefined {
  return text === 'forever' ? 'forever' : parseSpan(text);
}

export function longerSpan(a: Span, b: Span): Span {
  return a === 'forever' || b === 'forever' ? 'forever' : Math.max(a, b);
}
