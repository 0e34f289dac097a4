import type { X509Certificate } from 'node:crypto';
import { HawserError, type RelayMessage, type Renew } from '@hawser/protocol';
import type { LinkPeer } from './link-context.ts';
import type { Trust } from './trust.ts';

export interface LinkTrustOptions {
  readonly peer: Pick<LinkPeer, 'node' | 'certificate'>;
  readonly trust: Pick<Trust, 'renew' | 'authorities'>;
  /** Does nothing on a link that has ended. */
  readonly send: (message: RelayMessage) => void;
}

/** What a live link says of certificates: the next one of its device, and whom relays are to be verified with. */
export class LinkTrust {
  readonly #options: LinkTrustOptions;
  /** Digest of those that the agent verifies relays with; undefined where these are not ours to change. */
  #authorities: string | undefined;
  #isRenewing = false;

  /** @param authorities of the hello */
  constructor(options: LinkTrustOptions, authorities: string | undefined) {
    this.#options = options;
    this.#authorities = authorities;
  }

  /** Sends those that relays are to be verified with, unless the agent has just these. */
  tellAuthorities(): void {
    const { trust, send } = this.#options;
    const current = trust.authorities.current();
    if (this.#authorities === undefined || current === undefined || current.digest === this.#authorities) return;
    this.#authorities = current.digest;
    send({ type: 'authorities', certificates: current.certificates });
  }

  /** @throws HawserError `protocol` for a second one while one is under way */
  renew({ publicKey, proof }: Renew): void {
    if (this.#isRenewing) throw new HawserError('protocol', 'a second renewal while one is under way');
    const { peer, trust, send } = this.#options;
    const certificate: X509Certificate | undefined = peer.certificate();
    if (certificate === undefined) return;
    this.#isRenewing = true;
    void trust.renew({ nodeName: peer.node, certificate }, publicKey, proof).then((outcome) => {
      this.#isRenewing = false;
      send({ type: 'renewed', outcome });
    });
  }
}
