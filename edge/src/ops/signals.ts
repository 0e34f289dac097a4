import type { EventEmitter } from 'node:events';

const SIGNALS = ['SIGTERM', 'SIGINT'] as const;

/** Resolves with the first signal to stop. The second calls `onImpatience`: whoever sends it will not wait for a clean end. */
export function untilStopped(process: Pick<EventEmitter, 'on'>, onImpatience: () => void): Promise<string> {
  return new Promise((resolve) => {
    let isStopping = false;
    for (const signal of SIGNALS) {
      process.on(signal, () => {
        if (isStopping) onImpatience();
        isStopping = true;
        resolve(signal);
      });
    }
  });
}
