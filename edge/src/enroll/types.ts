import type { KeyObject, X509Certificate } from 'node:crypto';

/**
 * What a joined device is, in the folder `identity` of its data folder, mode 0700, each file 0600:
 *
 * | file | holds |
 * |---|---|
 * | device.pem | key (PKCS #8) and certificates, leaf first, that links are made with |
 * | next.pem | the same of a renewal, until a relay has taken it; then it takes the place of device.pem |
 * | key.pem | a key that a certificate was asked for and has not come for: the same is asked for again |
 * | authorities.pem | whom relays are verified with |
 * | device.json | Node's name and addresses of relays |
 * | joined.json | all that a join has brought, until it is in the files above: while it is there, it is the identity |
 *
 * Each file is written beside its place, synced, and renamed into it: at whatever step a process ends, the folder reads as before the
 * change or as after it. Another process may change it at any time (`hawser-agent join` beside a running agent): nothing is kept in memory.
 */
export interface IdentityFolder {
  /** Undefined for a device that has not joined. @throws HawserError `bad_config` for files that are wrong, or readable by others */
  read(): Identity | undefined;
  /** The key of a request: the one of an earlier attempt, or a new one, which is written first. */
  requestKey(): KeyObject;
  /** What a join has brought, for a key that is in the folder: replaces all that was there. @throws HawserError `malformed_request` for another key */
  writeJoined(joined: Joined): void;
  /** What a renewal has brought, for the key of `requestKey`: `next` from now on. @throws HawserError `malformed_request` for another key */
  writeNext(certificates: readonly X509Certificate[]): void;
  /** A relay has taken `next`: it is the current one. Nothing else ends a `next` but another one: see `RenewalState`. */
  promoteNext(): void;
  /** Atomic, never empty. */
  writeAuthorities(certificates: readonly X509Certificate[]): void;
}

export interface Identity {
  readonly nodeName: string;
  /** `wss://HOST:PORT`, tried in turn. */
  readonly relays: readonly string[];
  readonly authorities: readonly X509Certificate[];
  readonly current: Credential;
  readonly next: Credential | undefined;
}

export interface Credential {
  readonly key: KeyObject;
  /** Leaf first. */
  readonly certificates: readonly [X509Certificate, ...X509Certificate[]];
}

export interface Joined {
  readonly nodeName: string;
  readonly relays: readonly string[];
  readonly certificates: readonly X509Certificate[];
  readonly authorities: readonly X509Certificate[];
}
