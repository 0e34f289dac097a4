import type { Finding } from './types.ts';
import { problem } from './types.ts';

/** Messages of ours that end in the command that mends it say so in these words. */
const TO_MEND = /[.:;]?\s+(?:To mend: |(?=Join it with ))/;

/** A message of a HawserError as a problem: what it says to do becomes the remedy. */
export function problemOf(message: string, remedy: string, subject: string | null = null): Finding {
  const [text = message, mend] = message.replaceAll('\n', ' ').replaceAll(/ {2,}/g, ' ').split(TO_MEND, 2);
  return problem(text, mend ?? remedy, subject);
}

export function milliseconds(value: number): string {
  return value < 10 ? `${value.toFixed(1)} ms` : `${Math.round(value)} ms`;
}
