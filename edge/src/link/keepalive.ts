import type { Clock } from '../api/clock.ts';

export interface KeepAliveOptions {
  /** Silence after which the other side is asked for a sign of life, in milliseconds; after twice that the link is cut. */
  readonly silenceMs: number;
  readonly clock: Clock;
  /** Bytes that have come in so far, before TLS, so that one large message on a slow link is no silence. */
  readonly bytesRead: () => number;
  /** Bytes that were sent so far: of messages, pings and pongs. */
  readonly bytesWritten: () => number;
  readonly ping: () => void;
  /** A sign of life that nobody asked for: an unsolicited pong (RFC 6455, section 5.5.3). */
  readonly pong: () => void;
  readonly onSilent: () => void;
}

/**
 * The relay pings every 8 s, so on a good link this one never has to; what is promised is that a half-open link is noticed
 * within 20 s, by both sides.
 */
export const DEFAULT_SILENCE_MS = 9_000;

/**
 * While bytes come in, the relay hears of it so often at least, in milliseconds: its ping may be queued behind a message that takes
 * minutes on a slow link, and it takes 8 s without a word for the end.
 */
const SIGN_OF_LIFE_MS = 3_000;

/** Looks so often within the silence, so that the deadline is kept to an eighth of it. */
const LOOKS = 8;

/** Watches for silence, and breaks its own where the relay might mistake it, until stopped. */
export function watchForSilence(options: KeepAliveOptions): () => void {
  const { silenceMs, clock, bytesRead, bytesWritten, ping, pong, onSilent } = options;
  const everyMs = Math.ceil(silenceMs / LOOKS);
  let bytes = bytesRead();
  let written = bytesWritten();
  let heardAt = clock.now().getTime();
  let saidAt = heardAt;
  let dueAt = heardAt + everyMs;
  let isAsked = false;
  let cancel = clock.after(everyMs, look);

  function look(): void {
    const now = clock.now().getTime();
    // A device that slept has not listened: what came meanwhile is still to be read. The silence begins with its waking.
    // A clock that was set back would not be there again for as long: it begins then, too.
    const slept = now - dueAt > silenceMs || now < heardAt;
    const comesIn = bytesRead() !== bytes;
    if (bytesWritten() !== written || now < saidAt) {
      written = bytesWritten();
      saidAt = now;
    }
    if (comesIn || slept) {
      bytes = bytesRead();
      heardAt = now;
      isAsked = false;
    }
    if (now - heardAt >= 2 * silenceMs) {
      onSilent();
      return;
    }
    if (now - heardAt >= silenceMs && !isAsked) {
      isAsked = true;
      ping();
    }
    if (comesIn && now - saidAt >= SIGN_OF_LIFE_MS) pong();
    dueAt = now + everyMs;
    cancel = clock.after(everyMs, look);
  }

  return () => cancel();
}
