import type { KeyObject, X509Certificate } from 'node:crypto';
import type { KeyHash, RefusalReason, RenewalOutcome } from '@hawser/protocol';

/** Certificate and key with which the link and the enrolment endpoint listen, PEM. */
export interface ServingMaterial {
  /** The server's certificate, and what leads from it to each authority that devices may trust: cross-certificates, never the root. */
  readonly cert: string;
  readonly key: string;
  /** All authorities whose client certificates are let in. */
  readonly clientCa: string;
  readonly validTo: Date;
}

/** With what the relay listens. It may be replaced at any time: connections that are open stay as they are. */
export interface Serving {
  /** Undefined until it is there: nobody can be let in before. */
  current(): ServingMaterial | undefined;
  /** Calls `listener` after each change. Returns the end of the subscription. */
  onChange(listener: () => void): () => void;
}

/** A device's certificate, and those between it and the authority. */
export type IssuedChain = readonly [X509Certificate, ...X509Certificate[]];

/** Signs devices' certificates: the authority of the relay's Secret, or an operator's own issuer from files. */
export interface Issuer {
  /** All authorities that devices are to verify relays with, the newest first; empty until the first is known. */
  trusted(): readonly X509Certificate[];
  /**
   * Subject, names, usages and lifetime are ours alone: `O=system:nodes, CN=system:node:NAME`, client authentication.
   * @throws HawserError `unreachable` while no authority is known
   */
  issue(nodeName: string, publicKey: KeyObject): Promise<IssuedChain>;
  /** Calls `listener` when `trusted` is another. Returns the end of the subscription. */
  onChange(listener: () => void): () => void;
}

/**
 * What the cluster keeps about one enrolled device: one ConfigMap in the relay's namespace, watched by every replica.
 *
 * | key | may |
 * |---|---|
 * | `key` | link and renew |
 * | `nextKey` | link, and becomes `key` by it: it was certified by a renewal |
 */
export interface DeviceRecord {
  readonly nodeName: string;
  readonly key: KeyHash;
  readonly nextKey: KeyHash | undefined;
  readonly enrolledAt: Date;
  /** When the last certificate that was issued ends. */
  readonly validTo: Date;
  readonly revoked: Revocation | undefined;
}

export interface Revocation {
  readonly at: Date;
  readonly reason: string;
}

export type DeviceVerdict =
  /**
   * - unknown: there is no record; certificates of an operator's own authority need none
   * - newer: another key than the record's, of a certificate that was issued after all that the record knows of: the API server was
   *   restored from a backup of before
   */
  | { readonly type: 'admitted'; readonly as: 'key' | 'nextKey' | 'unknown' | 'newer' }
  /** `unreadable`: there is a record, and it says nothing for sure. */
  | { readonly type: 'refused'; readonly why: 'revoked' | 'otherKey' | 'notSynced' | 'unreadable'; readonly text: string };

/** Outcome of a write to a record; a refusal says why in the words of the enrolment endpoint. */
export type RecordOutcome =
  | { readonly type: 'written' }
  | { readonly type: 'refused'; readonly reason: RefusalReason; readonly message: string };

/** The records of all devices, from a watch. Writes are conditional on what was read, so that of two replicas one wins. */
export interface Devices {
  /**
   * Whether the device with this key may have a link. In memory, no I/O.
   * @param issuedAt when its certificate begins; without it, it is not newer than anything
   */
  verdict(nodeName: string, key: KeyHash, issuedAt?: Date): DeviceVerdict;
  /** Reads the record from the API server, since the watch may lag behind what another replica has written. Bounded; never rejects. */
  lookAgain(nodeName: string): Promise<void>;
  /**
   * Gives the name to a joining device's key. The same key again is `written`; the name of another living device, or of a Node
   * without a record, is `nameHeld` unless `mayReplace`, which is told as an Event. A revoked key stays out.
   * @throws HawserError `unreachable` when the API server cannot be asked
   */
  enrol(request: EnrolRequest): Promise<RecordOutcome>;
  /** Lets `nextKey` in beside `key`, for a certificate that ends at `validTo`. `issuedAt` as in `verdict`, of `key`. @throws as `enrol` */
  renewing(nodeName: string, key: KeyHash, nextKey: KeyHash, validTo: Date, issuedAt?: Date): Promise<RecordOutcome>;
  /** A link was opened with `nextKey`, or a newer key: it is the key from now on. Returns at once, is tried until it is written. */
  linked(nodeName: string, key: KeyHash, issuedAt?: Date): void;
  /** Calls `listener` with each node whose verdict may have become a refusal. Returns the end of the subscription. */
  onChange(listener: (nodeName: string) => void): () => void;
}

export interface EnrolRequest {
  readonly nodeName: string;
  readonly key: KeyHash;
  readonly validTo: Date;
  /** The device asks for it and its token allows it. */
  readonly mayReplace: boolean;
  /** Where the device dialled from, for the Event. */
  readonly remote: string;
}

/** The authorities that devices are to verify relays with, as they are told. */
export interface Announced {
  /** `authoritiesDigest` of them. */
  readonly digest: string;
  /** In DER, at least one. */
  readonly certificates: readonly Uint8Array[];
}

/** Answers the renewal of a device that has a link. Never rejects. */
export type Renew = (device: LinkedDevice, publicKey: Uint8Array, proof: Uint8Array) => Promise<RenewalOutcome>;

export interface LinkedDevice {
  readonly nodeName: string;
  /** Of the link, verified by TLS. */
  readonly certificate: X509Certificate;
}
