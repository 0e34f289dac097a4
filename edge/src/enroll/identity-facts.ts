import { keyHash } from '@hawser/protocol';
import type { Logger } from 'pino';
import type { RenewalNews } from './keeper.ts';

/** Names of the facts in the store about the certificate of the device. Times are RFC 3339; empty where there is nothing to say. */
export const IDENTITY_FACTS = {
  /** When the certificate ends that links are made with. */
  ends: 'identity.ends',
  /** What its renewal is doing, in a line; empty for files of an operator. */
  renewal: 'identity.renewal',
  /** When a relay last took a renewed one. */
  renewed: 'identity.renewed',
  /** Hashes of the public keys of those that relays are verified with, with spaces between. */
  authorities: 'identity.authorities',
} as const;

export function noteIdentity(
  store: { setFacts(facts: Readonly<Record<string, string>>): void },
  { endsMs, authorities, text, renewedMs }: RenewalNews,
  logger: Pick<Logger, 'error'>,
): void {
  try {
    store.setFacts({
      [IDENTITY_FACTS.ends]: new Date(endsMs).toISOString(),
      [IDENTITY_FACTS.renewal]: text,
      [IDENTITY_FACTS.authorities]: authorities.map(({ publicKey }) => keyHash(publicKey)).join(' '),
      ...(renewedMs === undefined ? {} : { [IDENTITY_FACTS.renewed]: new Date(renewedMs).toISOString() }),
    });
  } catch (err) {
    // A full disk is no reason to lose the link.
    logger.error({ err }, 'state of the certificate not noted');
  }
}
