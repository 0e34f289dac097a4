import type { Clock } from '../clock.ts';

/** So long a relay may be behind an agent before it is asked why, and so often after that; in ms. */
const OVERDUE_MS = 30_000;

/** Sessions whose agents hold something newer than this relay has seen: few, and as a rule for a moment. */
export class BehindSessions<Session> {
  readonly #clock: Clock;
  readonly #onOverdue: (session: Session) => void;
  readonly #timers = new Map<Session, () => void>();

  /** @param onOverdue called every 30 s for a session that has been behind without a break */
  constructor(clock: Clock, onOverdue: (session: Session) => void) {
    this.#clock = clock;
    this.#onOverdue = onOverdue;
  }

  [Symbol.iterator](): Iterator<Session> {
    return this.#timers.keys();
  }

  note(session: Session, isBehind: boolean): void {
    if (isBehind && !this.#timers.has(session)) this.#arm(session);
    if (!isBehind) this.delete(session);
  }

  delete(session: Session): void {
    this.#timers.get(session)?.();
    this.#timers.delete(session);
  }

  #arm(session: Session): void {
    const cancel = this.#clock.after(OVERDUE_MS, () => {
      this.#arm(session);
      this.#onOverdue(session);
    });
    this.#timers.set(session, cancel);
  }
}
