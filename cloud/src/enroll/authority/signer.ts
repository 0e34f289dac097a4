import type { KeyObject, X509Certificate } from 'node:crypto';

/** Who signs now, and how what it signs is verified. */
export interface Signer {
  readonly certificate: X509Certificate;
  readonly key: KeyObject;
  /** Sent behind a device's certificate: an operator's issuers up to their root, which is not among them. */
  readonly behindDevice: readonly X509Certificate[];
  /** Sent behind a relay's: the same, or the cross-certificates for devices that know an older authority alone. */
  readonly behindServer: readonly X509Certificate[];
  /** Whom devices verify relays with, and relays devices: signed by themselves, the newest first, at least one. */
  readonly trusted: readonly X509Certificate[];
}

/** Where the signer comes from: the relay's own Secret, or files of the operator. */
export interface SignerSource {
  /** Undefined until it is known. */
  current(): Signer | undefined;
  /** Calls `listener` when it is another. Returns the end of the subscription. */
  onChange(listener: () => void): () => void;
  /** Why there is none yet, for people; undefined when there is one. */
  waitingFor(): string | undefined;
}
