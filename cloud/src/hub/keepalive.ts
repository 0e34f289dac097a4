import type { Clock } from '../clock.ts';

/** A timer that fires so much too late says that this process slept; what the other side sent is then still unread. */
const LATE_MS = 1_000;

export interface KeepAliveOptions {
  readonly intervalMs: number;
  readonly clock: Clock;
  /** Bytes that came in so far, before TLS: a large message on a slow link is a sign of life long before it is whole. */
  readonly bytesRead: () => number;
  readonly ping: () => void;
  /** While true the link is not read, so its silence says nothing. */
  readonly isPaused: () => boolean;
  readonly onDead: () => void;
}

/**
 * Watches until stopped. Notices a half-open link: it is dead when nothing was heard between two pings. From the last sign of life to the notice
 * it takes two intervals at most. The agent hears the pings and so needs none of its own; one that is receiving a long message
 * behind which the ping waits speaks up unasked.
 */
export function keepAlive({ intervalMs, clock, bytesRead, ping, isPaused, onDead }: KeepAliveOptions): () => void {
  let bytes = -1;
  let due = 0;
  let cancel = arm();

  function arm(): () => void {
    due = clock.now().getTime() + intervalMs;
    return clock.after(intervalMs, tick);
  }

  function tick(): void {
    const isLate = clock.now().getTime() - due > LATE_MS;
    if (bytesRead() === bytes && !isLate && !isPaused()) {
      onDead();
      return;
    }
    bytes = bytesRead();
    cancel = arm();
    ping();
  }

  return () => cancel();
}
