import type { LinkFailure } from './failure.ts';

/**
 * | state | meaning | left by |
 * |---|---|---|
 * | idle | not started | start → dialling |
 * | dialling | TCP, TLS and the WebSocket's handshake are under way | connected → greeting, failed → waiting |
 * | greeting | the link stands and our Hello is out | welcomed → open, failed → waiting |
 * | open | the relay has welcomed us | failed → waiting |
 * | waiting | the last link failed; the next is dialled at `until` | time → dialling |
 * | closed | for good: the agent ends | — |
 *
 * From every state, close → closed.
 */
export type LinkState =
  | { readonly name: 'idle' }
  | { readonly name: 'dialling'; readonly url: string; readonly since: Date }
  | { readonly name: 'greeting'; readonly url: string; readonly since: Date }
  | { readonly name: 'open'; readonly url: string; readonly since: Date }
  | { readonly name: 'waiting'; readonly url: string; readonly since: Date; readonly until: Date; readonly reason: LinkFailure }
  | { readonly name: 'closed' };
