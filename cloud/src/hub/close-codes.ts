import type { GoodbyeReason } from '@hawser/protocol';

/**
 * Codes with which the relay closes a link (RFC 6455, section 7.4). A goodbye with the reason in words goes before the close
 * frame wherever the link still takes one.
 *
 * | code | name | when | what the agent does |
 * |---|---|---|---|
 * | 1001 | goingAway | the relay stops, and its time to drain is over | dials again, another replica answers |
 * | 1002 | protocolError | bytes that are no message, or a message that may not come now | dials again after the goodbye's wait |
 * | 1003 | textMessage | a text message: the link is binary | as 1002 |
 * | 1009 | tooBig | a message over the bound; no goodbye, the socket refuses it unread | as 1002 |
 * | 1011 | internalError | a fault of the relay in this link; the others go on | dials again with backoff |
 * | 1013 | overloaded | the link took too little for too long | dials again after the goodbye's wait |
 * | 4001 | replaced | the same node has opened a newer link, here or at another replica | the same device: nothing; another: its operator is told |
 * | 4002 | wrongCluster | the agent's store belongs to another cluster | keeps its objects, tells its operator |
 * | 4003 | noCommonVersion | no protocol version in common | tells its operator |
 * | 4004 | newEpoch | the API server was restored from a backup: everything held is to be compared anew | dials again after the goodbye's wait |
 * | 4005 | revoked | the device was revoked, or another key holds its name | keeps its pods, tells its operator, dials rarely |
 * | 4006 | overBound | the agent went over a bound of the link, named in the goodbye | dials again after the goodbye's wait |
 * | 4008 | helloTimeout | no hello in time | dials again with backoff |
 * | 4009 | stalled | an ack or an inventory that was waited for did not come | dials again after the goodbye's wait |
 * | 4010 | moved | the relay stops, and what was under way is answered | dials again after the goodbye's wait, and counts no failure |
 */
export const CLOSE_CODES = {
  goingAway: 1001,
  protocolError: 1002,
  textMessage: 1003,
  tooBig: 1009,
  internalError: 1011,
  overloaded: 1013,
  replaced: 4001,
  wrongCluster: 4002,
  noCommonVersion: 4003,
  newEpoch: 4004,
  revoked: 4005,
  overBound: 4006,
  helloTimeout: 4008,
  stalled: 4009,
  moved: 4010,
} as const;

export type CloseName = keyof typeof CLOSE_CODES;

/** Why the relay ends a link. */
export interface Ending {
  readonly close: CloseName;
  readonly goodbye: GoodbyeReason;
  readonly detail: string;
  /** How long the agent should wait before it dials again; 0 leaves that to its backoff. */
  readonly retryAfterMs: number;
}
