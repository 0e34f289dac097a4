import type { RenewalState } from './renewal.ts';

/**
 * What a renewal is doing, in a line for `hawser-agent status`.
 * @param why the last attempt has failed; empty where none has
 * @param renewMs when it is due, in milliseconds since 1970
 */
export function renewalText(state: RenewalState, why: string, renewMs: number): string {
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
      return `the certificate has ended${because}`;
  }
}
