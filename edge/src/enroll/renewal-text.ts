import type { RenewalState } from './renewal.ts';

export interface RenewalFacts {
  /** Why the last attempt has failed; empty where none has. */
  readonly why: string;
  /** When it is due, in milliseconds since 1970. */
  readonly renewMs: number;
  /** Whether the certificate is over: relays may also not take one that is not. */
  readonly hasEnded: boolean;
}

/** What a renewal is doing, in a line for `hawser-agent status`. */
export function renewalText(state: RenewalState, { why, renewMs, hasEnded }: RenewalFacts): string {
  const because = why === '' ? '' : `: ${why}`;
  switch (state.name) {
    case 'idle':
      return `due ${new Date(renewMs).toISOString()}`;
    case 'asked':
      return 'asked for';
    case 'waiting':
      return `to be asked for again${because}`;
    case 'nextThere':
    case 'tryingNext':
      return 'the next certificate is here, and is used with the next link';
    case 'fallenBack':
      return 'the relay did not take the next certificate';
    case 'ended':
    case 'endedWaiting':
      return `the certificate ${hasEnded ? 'has ended' : 'is taken by no relay'}${because}`;
  }
}
