import type { Clock } from '../clock.ts';

/** A timer that fires so much too late says that this process slept; what the other side sent is then still unread. */
const LATE_MS = 1_000;

export interface KeepAliveOptions {
  readonly intervalMs: number;
  readonly clock: Clock;
  readonly ping: () => void;
  /** While true the link is not read, so its silence says nothing. */
  readonly isPaused: () => boolean;
  readonly onDead: () => void;
}

/**
 * Notices a half-open link: it is dead when nothing was heard between two pings. From the last sign of life to the notice
 * it takes two intervals at most. The agent hears the pings and so needs none of its own.
 */
export interface KeepAlive {
  /** Anything came from the other side. */
  heard(): void;
  stop(): void;
}

export function keepAlive({ intervalMs, clock, ping, isPaused, onDead }: KeepAliveOptions): KeepAlive {
  let hasHeard = true;
  let due = 0;
  let cancel = arm();

  function arm(): () => void {
    due = clock.now().getTime() + intervalMs;
    return clock.after(intervalMs, tick);
  }

  function tick(): void {
    const isLate = clock.now().getTime() - due > LATE_MS;
    if (!hasHeard && !isLate && !isPaused()) {
      onDead();
      return;
    }
    hasHeard = false;
    cancel = arm();
    ping();
  }

  return {
    heard: () => {
      hasHeard = true;
    },
    stop: () => cancel(),
  };
}
