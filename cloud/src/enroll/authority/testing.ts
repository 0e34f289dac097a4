import type { X509Certificate } from 'node:crypto';
import { Listeners } from '../listeners.ts';
import { type Authority, rotated, trustedBy } from './authority.ts';
import { makeAuthority, makeCross } from './certificates.ts';
import type { Signer, SignerSource } from './signer.ts';

/** The authority after `before`, as `hawser-relay ca rotate` makes it. */
export async function rotate(before: Authority, now: Date): Promise<Authority> {
  const next = await makeAuthority(now);
  return rotated(before, next, await makeCross(before, next.certificate, now));
}

/** A source whose signer a test replaces. */
export class TestSource implements SignerSource {
  readonly #listeners = new Listeners();
  #signer: Signer | undefined;

  set(authority: Authority): void {
    const { certificate, key, crosses } = authority;
    this.#signer = { certificate, key, behindDevice: [], behindServer: crosses, trusted: trustedBy(authority) };
    this.#listeners.tell();
  }
  current = () => this.#signer;
  onChange = (listener: () => void) => this.#listeners.add(listener);
  waitingFor = () => (this.#signer === undefined ? 'the test' : undefined);
}

export const namesOf = (certificates: readonly X509Certificate[]) => certificates.map(({ subject }) => subject);
