import type { Ending } from './close-codes.ts';

/** A live session as other replicas need to know it. */
export interface Claimant {
  readonly node: string;
  readonly remote: string;
  /** Of the hello. */
  readonly storeId: string;
  readonly agentVersion: string;
  /** Says goodbye and closes; does nothing once it has ended. */
  end(ending: Ending): void;
}

/** Who has to know of this hub's sessions: the other replicas, and who renews the Leases of their nodes. May end a session. */
export interface SessionClaims {
  /** It is its node's session from now on; the one before, if any, has ended. Returns at once. */
  opened(session: Claimant): void;
  /** Also for sessions that another one has replaced here. Unknown ones change nothing. */
  ended(session: Claimant): void;
}

/** Two devices that take turns in replacing each other should do so slowly; the same device has dialled anew already. */
const OTHER_DEVICE_WAIT_MS = 60_000;

/** How the older of two sessions of one node ends. */
export function replaced(isSameDevice: boolean, where: string): Ending {
  return {
    close: 'replaced',
    goodbye: 'replaced',
    detail: isSameDevice
      ? `this node has opened a newer link${where}`
      : `another device has linked under the name of this node${where}`,
    retryAfterMs: isSameDevice ? 0 : OTHER_DEVICE_WAIT_MS,
  };
}
