import type { Clock } from '@hawser/edge';

interface Timer {
  readonly at: number;
  readonly sequence: number;
  readonly callback: () => void;
  isOff: boolean;
}

/** One clock for everything in a world. Time passes only in `advanceTo`; timers run at their time, in order. */
export class SimulatedClock {
  /** Milliseconds since the world began, whatever the wall clock says. */
  time = 0;
  #wall = Date.parse('2030-01-01T00:00:00Z');
  #sequence = 0;
  #timers: Timer[] = [];

  now(): Date {
    return new Date(this.#wall + this.time);
  }

  /** The wall clock is set; timers do not mind. */
  jump(milliseconds: number): void {
    this.#wall += milliseconds;
  }

  after(milliseconds: number, callback: () => void): () => void {
    this.#sequence += 1;
    const timer: Timer = { at: this.time + Math.max(0, milliseconds), sequence: this.#sequence, callback, isOff: false };
    let at = this.#timers.length;
    while (at > 0 && (this.#timers[at - 1]?.at ?? 0) > timer.at) at -= 1;
    this.#timers.splice(at, 0, timer);
    return () => {
      timer.isOff = true;
    };
  }

  get timers(): number {
    this.#timers = this.#timers.filter(({ isOff }) => !isOff);
    return this.#timers.length;
  }

  /** When the next timer is due; undefined without one. */
  nextDue(): number | undefined {
    while (this.#timers[0]?.isOff) this.#timers.shift();
    return this.#timers[0]?.at;
  }

  /** Runs what is due up to that time. @param afterEach called after each timer */
  advanceTo(time: number, afterEach: () => void = () => undefined): void {
    for (let due = this.nextDue(); due !== undefined && due <= time; due = this.nextDue()) {
      const timer = this.#timers.shift();
      this.time = Math.max(this.time, due);
      timer?.callback();
      afterEach();
    }
    this.time = Math.max(this.time, time);
  }
}

/** The clock as one process has it: when the process dies, its timers die with it. */
export class ProcessClock implements Clock {
  readonly #clock: SimulatedClock;
  readonly #armed = new Set<() => void>();
  #isDead = false;

  constructor(clock: SimulatedClock) {
    this.#clock = clock;
  }

  now(): Date {
    return this.#clock.now();
  }

  after(milliseconds: number, callback: () => void): () => void {
    if (this.#isDead) return () => undefined;
    const cancel = this.#clock.after(milliseconds, () => {
      this.#armed.delete(cancelThis);
      callback();
    });
    const cancelThis = () => {
      this.#armed.delete(cancelThis);
      cancel();
    };
    this.#armed.add(cancelThis);
    return cancelThis;
  }

  /** Timers that are armed. */
  get timers(): number {
    return this.#armed.size;
  }

  kill(): void {
    this.#isDead = true;
    for (const cancel of [...this.#armed]) cancel();
  }
}
