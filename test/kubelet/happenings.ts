import type { Clock } from '@hawser/edge';

/** One thing that has happened: what is printed as a line of JSON, and what tests wait for. */
export interface Happening {
  /** Milliseconds since the start of the kubelet. */
  readonly atMs: number;
  readonly event: string;
  readonly [field: string]: unknown;
}

/** Tells what has happened. Names and numbers only: contents of mounts and tokens are told by nobody. */
export type Happen = (what: { readonly event: string; readonly [field: string]: unknown }) => void;

export interface Happenings {
  readonly happen: Happen;
  /** The newest, at most {@link MAX_KEPT} of them. */
  readonly kept: readonly Happening[];
  /** The first that matches, past (of those that are kept) or to come. @throws when the time is up */
  expect(what: string, matches: (happening: Happening) => boolean, timeoutMs?: number): Promise<Happening>;
}

/** The oldest go: a test that looks for something waits for it while it is new. */
export const MAX_KEPT = 10_000;

/** @param tell called with each, as it happens */
export function happenings(clock: Clock, tell: (happening: Happening) => void): Happenings {
  const startedAt = clock.now().getTime();
  const kept: Happening[] = [];
  const waiting = new Set<(happening: Happening) => void>();
  return {
    kept,
    happen(what) {
      const happening = { atMs: clock.now().getTime() - startedAt, ...what };
      kept.push(happening);
      if (kept.length > MAX_KEPT) kept.shift();
      tell(happening);
      for (const look of waiting) look(happening);
    },
    expect: (what, matches, timeoutMs = 60_000) =>
      new Promise((resolve, reject) => {
        const found = kept.find(matches);
        if (found !== undefined) {
          resolve(found);
          return;
        }
        const look = (happening: Happening) => {
          if (!matches(happening)) return;
          waiting.delete(look);
          clearTimeout(timer);
          resolve(happening);
        };
        const timer = setTimeout(() => {
          waiting.delete(look);
          const last = kept.slice(-10).map((happening) => JSON.stringify(happening));
          reject(new Error(`${what}: not within ${timeoutMs} ms; the last that happened:\n${last.join('\n')}`));
        }, timeoutMs);
        waiting.add(look);
      }),
  };
}
