import type { X509Certificate } from 'node:crypto';
import { checkChain } from '@hawser/protocol';
import type { Issuer } from '../types.ts';

/** Authorities that are remembered: far more than are retired while a relay runs. Over it the oldest are forgotten. */
const MAX_KNOWN = 64;

/**
 * Authorities that were trusted since this relay began and are not any more. A link that was made while its certificate's authority was
 * trusted stays open when that is retired; it must not become a certificate of the next one, or whoever found the older one's key stays.
 */
export class RetiredAuthorities {
  readonly #issuer: Pick<Issuer, 'trusted'>;
  #known: readonly X509Certificate[] = [];

  constructor(issuer: Pick<Issuer, 'trusted' | 'onChange'>) {
    this.#issuer = issuer;
    this.#note();
    issuer.onChange(() => this.#note());
  }

  /** Whether one of them has signed it itself. */
  haveSigned(leaf: X509Certificate): boolean {
    const trusted = this.#issuer.trusted();
    const roots = this.#known.filter((known) => !trusted.some(({ publicKey }) => publicKey.equals(known.publicKey)));
    return checkChain({ leaf, intermediates: [], roots, usage: 'client', at: 'anyTime' }).type === 'trusted';
  }

  #note(): void {
    const isNew = ({ fingerprint256 }: X509Certificate) => !this.#known.some((known) => known.fingerprint256 === fingerprint256);
    this.#known = [...this.#known, ...this.#issuer.trusted().filter(isNew)].slice(-MAX_KNOWN);
  }
}
