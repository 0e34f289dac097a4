import type { LinkState } from '../link/index.ts';

export interface LinkedTime {
  changed(state: LinkState): void;
  /** How long the link has been open without a break, in milliseconds; 0: it is not. */
  linkedForMs(): number;
}

/** @param now milliseconds from any beginning, by a clock that nobody sets: a device's own is often set when the link is there */
export function createLinkedTime(now: () => number): LinkedTime {
  let since: number | undefined;
  return {
    changed({ name }) {
      since = name === 'open' ? (since ?? now()) : undefined;
    },
    linkedForMs: () => (since === undefined ? 0 : now() - since),
  };
}
