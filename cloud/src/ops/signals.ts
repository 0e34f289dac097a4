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

/**
 * The first signal ends the process as it would have without this, but between two turns of the event loop: what is being written to a
 * terminal is whole then, also to one that takes seconds for it.
 */
export function endBetweenTurns(process: Pick<EventEmitter, 'once'>, kill: (signal: (typeof SIGNALS)[number]) => void): void {
  for (const signal of SIGNALS) process.once(signal, () => kill(signal));
}
