import type { Clock } from '@hawser/edge';

/** A clock that runs faster than the wall's, so that minutes of waiting in a recording take seconds. */
export function fastClock(factor: number): Clock {
  const start = Date.now();
  return {
    now: () => new Date(start + (Date.now() - start) * factor),
    after: (milliseconds, callback) => {
      const timer = setTimeout(callback, milliseconds / factor);
      return () => clearTimeout(timer);
    },
  };
}
