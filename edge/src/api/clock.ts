import { startTimer } from '@hawser/settings';

/** Time as the API sees it, so that tests can drive it. */
export interface Clock {
  now(): Date;
  /** Calls `callback` once after so many milliseconds. Returns the way to call it off. */
  after(milliseconds: number, callback: () => void): () => void;
}

export const systemClock: Clock = {
  now: () => new Date(),
  after: (milliseconds, callback) => startTimer(milliseconds, callback, { keepsAlive: true }),
};

/** RFC 3339 in whole seconds, the form of metadata times. */
export function timestamp(date: Date): string {
  return `${date.toISOString().slice(0, 19)}Z`;
}
