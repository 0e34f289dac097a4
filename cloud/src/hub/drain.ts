import type { Logger } from 'pino';
import type { Clock } from '../clock.ts';
import type { Ending } from './close-codes.ts';
import { planDrain } from './drain-plan.ts';

/** What a drain needs of a link. */
export interface Movable {
  /** Begins nothing new, and says goodbye when what is under way is answered. Does nothing the second time. */
  moveAway(ending: Ending): void;
}

export interface DrainOptions<Link extends Movable> {
  /** Those that live now. */
  readonly links: () => readonly Link[];
  readonly seconds: number;
  readonly clock: Clock;
  /** From 0 to 1, 1 excluded. */
  readonly random: () => number;
  readonly logger: Logger;
}

/**
 * | state | meaning | left by |
 * |---|---|---|
 * | telling | groups of sessions are told to move, by the plan | the last group → waiting |
 * | waiting | all have been told; what they had under way is being answered | nobody is left, or the time is over → over |
 * | over | | |
 */
type DrainState = 'telling' | 'waiting' | 'over';

/** Moves the sessions of a hub to other replicas, a few at a time. */
export class Drain<Link extends Movable> {
  /** Resolves when nobody is left or the time is over. */
  readonly over: Promise<void>;
  readonly #options: DrainOptions<Link>;
  readonly #waitMs: number;
  readonly #told = new WeakSet<Link>();
  readonly #timers: (() => void)[] = [];
  readonly #resolve: () => void;
  #state: DrainState = 'telling';

  constructor(options: DrainOptions<Link>) {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.over = promise;
    this.#resolve = resolve;
    this.#options = options;
    const { clock, links, logger, random, seconds } = options;
    const sessions = links().length;
    const { groups, waitMs } = planDrain(sessions, seconds, random);
    this.#waitMs = waitMs;
    logger.info({ sessions, seconds, groups: groups.length, waitMs }, 'sessions are told to move to other replicas');
    this.#timers.push(clock.after(seconds * 1000, () => this.#end()));
    for (const [index, { atMs, count }] of groups.entries()) {
      const isLast = index === groups.length - 1;
      const tell = () => this.#tellSome(isLast ? Number.POSITIVE_INFINITY : count, isLast);
      if (atMs === 0) tell();
      else this.#timers.push(clock.after(atMs, tell));
    }
    if (groups.length === 0) this.#tellSome(0, true);
  }

  /** A session has begun: its hello was on its way when the drain began. */
  begun(link: Link): void {
    if (this.#state === 'waiting') this.#tell(link);
  }

  /** A session has ended, this way or another. */
  ended(): void {
    if (this.#state === 'waiting' && this.#options.links().length === 0) this.#end();
  }

  stop(): void {
    this.#end();
  }

  /** Sessions that have ended by themselves meanwhile leave room in their group: the drain is over the sooner. */
  #tellSome(most: number, isLast: boolean): void {
    if (this.#state === 'over') return;
    if (isLast) this.#state = 'waiting';
    const links = this.#options.links().filter((link) => !this.#told.has(link));
    for (const link of links.slice(0, most)) this.#tell(link);
    this.ended();
  }

  #tell(link: Link): void {
    this.#told.add(link);
    link.moveAway({
      close: 'moved',
      goodbye: 'shuttingDown',
      detail: 'moved: the relay is stopping, another replica takes this device',
      retryAfterMs: Math.round(this.#options.random() * this.#waitMs),
    });
  }

  #end(): void {
    if (this.#state === 'over') return;
    this.#state = 'over';
    for (const cancel of this.#timers) cancel();
    const left = this.#options.links().length;
    if (left > 0) this.#options.logger.warn({ left, seconds: this.#options.seconds }, 'drain time over');
    this.#resolve();
  }
}
