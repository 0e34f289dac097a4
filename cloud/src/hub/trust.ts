import type { KeyHash } from '@hawser/protocol';
import type { Clock } from '../clock.ts';
import type { Announced, Devices, DeviceVerdict, Renew } from '../enroll/index.ts';
import type { Ending } from './close-codes.ts';
import { createTelling } from './tell-all.ts';

/** What a hub has to know about devices and authorities. */
export interface Trust {
  readonly devices: Pick<Devices, 'verdict' | 'lookAgain' | 'linked' | 'onChange'>;
  readonly renew: Renew;
  readonly authorities: {
    /** Undefined while none is known, and where devices get them by other ways. */
    current(): Announced | undefined;
    /** Returns the end of the subscription. */
    onChange(listener: () => void): () => void;
  };
}

/** A link as far as trust is concerned. */
export interface TrustedLink {
  readonly node: string;
  readonly key: KeyHash;
  readonly issuedAt: Date;
  end(ending: Ending): void;
  tellAuthorities(): void;
}

/** Dialling again changes nothing before an administrator does. In milliseconds. */
const REVOKED_WAIT_MS = 3_600_000;
/** A record that somebody has broken will be mended sooner. */
const UNREADABLE_WAIT_MS = 5 * 60_000;
/** While records are read anew, after the API server was restored. */
const NOT_SYNCED_WAIT_MS = 5_000;

/** How a link ends whose device is not let in. */
export function endingOf({ why, text: detail }: Extract<DeviceVerdict, { type: 'refused' }>): Ending {
  switch (why) {
    case 'revoked':
    case 'otherKey':
      return { close: 'revoked', goodbye: 'revoked', detail, retryAfterMs: REVOKED_WAIT_MS };
    case 'unreadable':
      return { close: 'revoked', goodbye: 'revoked', detail, retryAfterMs: UNREADABLE_WAIT_MS };
    case 'notSynced':
      return { close: 'overloaded', goodbye: 'overloaded', detail, retryAfterMs: NOT_SYNCED_WAIT_MS };
  }
}

export interface TrustWatchOptions {
  readonly trust: Trust;
  readonly sessions: { find(node: string): TrustedLink | undefined; all(): readonly TrustedLink[] };
  readonly clock: Clock;
}

/**
 * Ends live sessions whose device is no longer let in, at once, and tells new authorities to all, a few at a time.
 * @returns ends it
 */
export function watchTrust({ trust: { devices, authorities }, sessions, clock }: TrustWatchOptions): () => void {
  const endDevices = devices.onChange((node) => {
    const link = sessions.find(node);
    const verdict = link === undefined ? undefined : devices.verdict(node, link.key, link.issuedAt);
    // Records that are read anew say nothing against whoever has a link.
    if (verdict?.type === 'refused' && verdict.why !== 'notSynced') link?.end(endingOf(verdict));
  });
  const telling = createTelling(sessions.all.bind(sessions), (link) => link.tellAuthorities(), clock);
  const endAuthorities = authorities.onChange(telling.begin);
  return () => {
    endDevices();
    endAuthorities();
    telling.stop();
  };
}
