import { authoritiesDigest } from '@hawser/protocol';
import type { Announced, Issuer } from '../types.ts';

/** What agents are told of the authorities of an issuer: worked out once for each change. */
export function announcedBy(issuer: Pick<Issuer, 'trusted' | 'onChange'>): {
  current(): Announced | undefined;
  onChange: Issuer['onChange'];
} {
  let announced: Announced | undefined;
  let isStale = true;
  issuer.onChange(() => {
    isStale = true;
  });
  return {
    current() {
      if (!isStale) return announced;
      isStale = false;
      const trusted = issuer.trusted();
      announced =
        trusted.length === 0 ? undefined : { digest: authoritiesDigest(trusted), certificates: trusted.map(({ raw }) => raw) };
      return announced;
    },
    onChange: (listener) => issuer.onChange(listener),
  };
}
