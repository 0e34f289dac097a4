import type { X509Certificate } from 'node:crypto';
import { type ChainVerdict, checkChain, type KeyHash, keyHash, publicKeyOf } from '@hawser/protocol';
import { failure, type LinkFailure } from '../link/index.ts';

/** By what a relay's certificate is trusted at the enrolment endpoint. */
export type RelayTrust =
  /** Authorities whose public keys have one of these hashes; the relay presents them itself. */
  | { readonly type: 'keyHashes'; readonly hashes: readonly KeyHash[] }
  | { readonly type: 'authorities'; readonly authorities: readonly X509Certificate[] };

export interface PresentedChain {
  /** The relay's address: `host:port` for messages, and the name or address that its certificate must be for. */
  readonly address: string;
  readonly host: string;
  /** As the relay sent it, its own certificate first. */
  readonly certificates: readonly X509Certificate[];
  readonly trust: RelayTrust;
  readonly at: Date | 'anyTime';
}

/** Undefined for a relay that may be told secrets; otherwise why not, and what to do. */
export function distrust({ address, host, certificates, trust, at }: PresentedChain): LinkFailure | undefined {
  const [leaf, ...others] = certificates;
  if (leaf === undefined) return failure('relayCertificate', `${address} has shown no certificate`);
  const roots =
    trust.type === 'authorities' ? trust.authorities : others.filter((certificate) => isHashed(certificate, trust.hashes));
  if (roots.length === 0) {
    return failure(
      'relayCertificate',
      `no authority of ${address} has the key with the given hash: is --ca-hash the one that "hawser-relay token create" printed? ` +
        'If it is, somebody else answers in place of the relay. Nothing was sent',
    );
  }
  const verdict = checkChain({ leaf, intermediates: others, roots, usage: 'server', at, host });
  return verdict.type === 'trusted' ? undefined : failure('relayCertificate', describe(verdict, address, host, at));
}

function isHashed(certificate: X509Certificate, hashes: readonly KeyHash[]): boolean {
  const key = certificate.ca ? publicKeyOf(certificate) : undefined;
  return key !== undefined && hashes.includes(keyHash(key));
}

function describe(
  { why }: ChainVerdict & { readonly type: 'refused' },
  address: string,
  host: string,
  at: Date | 'anyTime',
): string {
  switch (why) {
    case 'wrongHost':
      return `the certificate of ${address} is not for ${host}: dial the relay by a name of its setting link.names, or add this one there`;
    case 'outOfTime': {
      const now = at === 'anyTime' ? '' : ` ${at.toISOString()}`;
      return `the certificate of ${address} is not valid at this device's time,${now}: is the clock right?`;
    }
    case 'wrongUsage':
      return `the certificate of ${address} is not one of a server: something else than a relay answers there`;
    case 'untrusted':
      return `the certificate of ${address} is not signed by a trusted authority: somebody else answers in place of the relay. Nothing was sent`;
  }
}
