import { startTimer } from '@hawser/settings';

/** Time as the relay sees it, so that tests can drive it. */
export interface Clock {
  now(): Date;
  /** Calls `callback` once after so many milliseconds, and keeps no process alive for it. Returns the way to call it off. */
  after(milliseconds: number, callback: () => void): () => void;
}

export const systemClock: Clock = {
  now: () => new Date(),
  after: (milliseconds, callback) => startTimer(milliseconds, callback, { keepsAlive: false }),
};
