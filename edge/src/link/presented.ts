import type { X509Certificate } from 'node:crypto';
import type { TLSSocket } from 'node:tls';
import { MAX_CERTIFICATES } from '@hawser/protocol';

/** What a relay has shown in its handshake. */
export interface PresentedRelay {
  /** The name or address that was dialled, which its certificate must be for. */
  readonly host: string;
  /** In the relay's order, its own first; at most MAX_CERTIFICATES are looked at. */
  readonly certificates: readonly X509Certificate[];
}

export function presentedBy(socket: TLSSocket): readonly X509Certificate[] {
  const chain: X509Certificate[] = [];
  // `issuerCertificate` is simply the next one that was sent.
  for (let next = socket.getPeerX509Certificate(); next !== undefined && chain.length < MAX_CERTIFICATES; ) {
    chain.push(next);
    next = next.issuerCertificate;
  }
  return chain;
}
