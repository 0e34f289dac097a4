import { X509Certificate } from 'node:crypto';
import { checkChain } from '@hawser/protocol';
import type { LinkFailureKind, LinkTls, PresentedRelay } from '../link/index.ts';
import type { ClockWatch } from './clock-watch.ts';

/**
 * How a relay's certificate is checked, by what is thought of the clock:
 *
 * | the clock | check |
 * |---|---|
 * | is right, as far as we know | TLS's own, with the time |
 * | is right as far as we know, and the last relay's certificate had not begun | ours, at the moment in which it begins: who has signed it knew that time, so our clock is behind |
 * | is behind | ours, without time; it takes in a relay's certificate that has ended, which no device can tell that does not know the time |
 * | is ahead | TLS's own: the relay's certificate seems to have ended, and one that has must not be taken |
 */
export interface RelayClock {
  /** With the check that is due now, for one dial. */
  apply(tls: LinkTls): LinkTls;
  /** The link of that dial is open. @returns whether the relay's certificate was valid at what our clock said */
  opened(): boolean;
  failed(kind: LinkFailureKind): void;
}

export function createRelayClock(watch: ClockWatch): RelayClock {
  let hadNotBegun = false;
  let isInTime = true;

  /** Undefined when the relay is trusted. */
  function distrust({ certificates, host }: PresentedRelay, authorities: readonly X509Certificate[]): string | undefined {
    const [leaf, ...intermediates] = certificates;
    if (leaf === undefined) return 'it has shown no certificate';
    const begins = leaf.validFromDate.getTime();
    const now = watch.trusted();
    const check = { leaf, intermediates, roots: authorities, usage: 'server', host } as const;
    const verdict = checkChain({ ...check, at: now === undefined ? 'anyTime' : new Date(Math.max(now.getTime(), begins)) });
    if (verdict.type === 'refused') return WORDS[verdict.why];
    isInTime = checkChain({ ...check, at: watch.wall() }).type === 'trusted';
    watch.certified(begins);
    return undefined;
  }

  return {
    apply(tls) {
      isInTime = true;
      if (watch.verdict() !== 'behind' && !hadNotBegun) return tls;
      const authorities = certificatesIn(tls.ca);
      return { ...tls, distrust: (relay) => distrust(relay, authorities) };
    },
    opened() {
      hadNotBegun = false;
      return isInTime;
    },
    failed(kind) {
      if (kind === 'relayNotBegun') hadNotBegun = true;
    },
  };
}

const WORDS = {
  wrongUsage: 'it is not one of a server',
  wrongHost: 'it is not for this name or address',
  untrusted: 'it is not signed by an authority that this device knows',
  outOfTime: 'it has ended',
} as const;

/** All that stand in a PEM text that was read before. */
function certificatesIn(pem: string): X509Certificate[] {
  return (pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? []).map((text) => new X509Certificate(text));
}
