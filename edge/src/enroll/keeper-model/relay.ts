import { createPublicKey, X509Certificate } from 'node:crypto';
import {
  isSignedBy,
  type KeyHash,
  keyHash,
  type Renew,
  type RenewalOutcome,
  readDeviceKey,
  renewalProof,
} from '@hawser/protocol';
import type { CertificateAuthority } from '../../../../test/support/pki.ts';
import type { RenewalAttempt } from '../enrol-client.ts';

/** Keys that are let in: what the record of the device says. */
interface DeviceRecord {
  readonly key: KeyHash;
  readonly nextKey: KeyHash | undefined;
}

export type Verdict = 'welcomed' | 'forbidden' | 'ended';

/**
 * The relay as far as certificates go, with replicas whose view of the record may be an older one. The rules of the record are those of
 * the relay: a link with the next key makes it the key; a renewal lets its key in beside the one that it was asked with.
 */
export class ModelRelay {
  readonly #authority: CertificateAuthority;
  readonly #nowMs: () => number;
  readonly #lifeSeconds: number;
  /** The newest last; replicas that lag see one of the others. */
  readonly #records: DeviceRecord[];
  issued = 0;

  constructor(authority: CertificateAuthority, first: KeyHash, nowMs: () => number, lifeSeconds: number) {
    this.#authority = authority;
    this.#nowMs = nowMs;
    this.#lifeSeconds = lifeSeconds;
    this.#records = [{ key: first, nextKey: undefined }];
  }

  admits(key: KeyHash): boolean {
    const { key: current, nextKey } = this.#record();
    return key === current || key === nextKey;
  }

  /** @param lag by how many changes the replica is behind */
  dial(certificate: X509Certificate, lag: number): Verdict {
    if (certificate.validToDate.getTime() < this.#nowMs()) return 'ended';
    const key = keyHash(certificate.publicKey);
    const seen = this.#records.at(-1 - Math.min(lag, this.#records.length - 1)) ?? this.#record();
    if (key !== seen.key && key !== seen.nextKey) return 'forbidden';
    // Written later, to what the record is by then.
    if (key === seen.nextKey && this.#record().nextKey === key) this.#records.push({ key, nextKey: undefined });
    return 'welcomed';
  }

  async renew(certificate: X509Certificate, { publicKey, proof }: Renew): Promise<RenewalOutcome> {
    const nextKey = readDeviceKey(publicKey);
    if (!isSignedBy(renewalProof(certificate), proof, nextKey)) throw new Error('the proof is wrong');
    if (!this.#letIn(keyHash(certificate.publicKey), keyHash(nextKey))) {
      return { type: 'refused', code: 403, reason: 'Forbidden', message: 'another key holds the name' };
    }
    return { type: 'issued', certificates: [(await this.#issue(publicKey)).raw] };
  }

  /** Undefined: another key holds the name. */
  async renewLate({ credential, key }: RenewalAttempt): Promise<X509Certificate | undefined> {
    const [old] = credential.certificates;
    const nextKey = createPublicKey(key);
    if (!this.#letIn(keyHash(old.publicKey), keyHash(nextKey))) return undefined;
    return this.#issue(nextKey.export({ type: 'spki', format: 'der' }));
  }

  #letIn(key: KeyHash, nextKey: KeyHash): boolean {
    if (!this.admits(key)) return false;
    this.#records.push({ key, nextKey });
    return true;
  }

  async #issue(publicKey: Uint8Array): Promise<X509Certificate> {
    this.issued += 1;
    const begins = new Date(this.#nowMs());
    return new X509Certificate(await this.#authority.certifyNode('truck-1', publicKey, this.#lifeSeconds, begins));
  }

  #record(): DeviceRecord {
    const record = this.#records.at(-1);
    if (record === undefined) throw new Error('there is no record');
    return record;
  }
}
