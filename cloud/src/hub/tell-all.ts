import type { Clock } from '../clock.ts';

/** Links that are told something at once, and the time to the next ones: 20,000 within 40 s. */
const TOLD_AT_ONCE = 50;
const TOLD_EVERY_MS = 100;

export interface Telling {
  /** Tells all that there are now, a few at a time; a telling that is under way begins anew. */
  begin(): void;
  stop(): void;
}

export function createTelling<Link>(all: () => readonly Link[], tell: (link: Link) => void, clock: Clock): Telling {
  let waiting: readonly Link[] = [];
  let cancel = () => {};

  function tellSome(): void {
    for (const link of waiting.slice(0, TOLD_AT_ONCE)) tell(link);
    waiting = waiting.slice(TOLD_AT_ONCE);
    if (waiting.length > 0) cancel = clock.after(TOLD_EVERY_MS, tellSome);
  }

  return {
    begin() {
      cancel();
      waiting = all();
      tellSome();
    },
    stop: () => cancel(),
  };
}
