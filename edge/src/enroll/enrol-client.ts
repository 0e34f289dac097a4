import { createPublicKey, type KeyObject, type X509Certificate } from 'node:crypto';
import {
  type BootstrapToken,
  decodeEnrolled,
  decodeNonce,
  decodeRefusal,
  ENROL_PATHS,
  encodeJoinRequest,
  encodeLateRenewalRequest,
  HawserError,
  joinProof,
  lateRenewalProof,
  publicKeyOf,
  type RefusalReason,
  readCertificate,
  signProof,
} from '@hawser/protocol';
import type { Clock } from '../api/clock.ts';
import { answerFailure, failure, type LinkFailure } from '../link/index.ts';
import { type Answer, type EnrolConnection, type Failed, openEnrolConnection } from './enrol-connection.ts';
import { nodeNameIn } from './identity-files.ts';
import type { RelayTrust } from './relay-check.ts';
import type { Credential } from './types.ts';

export type { RelayTrust } from './relay-check.ts';

export interface EnrolClientOptions {
  readonly trust: RelayTrust;
  /** When the relay's certificates must be valid; `'anyTime'` for a device whose clock is known to be wrong. */
  readonly at: Date | 'anyTime';
  /** Key exchange, in OpenSSL's form; undefined: Node's default. */
  readonly ecdhCurve?: string | undefined;
  readonly clock: Clock;
  /** Ends what is under way: the promise rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
}

/** Asks enrolment endpoints for certificates: one connection for each call, whose peer is checked before anything is sent. */
export interface EnrolClient {
  /** @param url `wss://HOST:PORT`. Never rejects but for an aborted signal. */
  join(url: string, request: JoinAttempt): Promise<EnrolOutcome>;
  /** Of a certificate that has ended. @param url as for `join` */
  renew(url: string, request: RenewalAttempt): Promise<EnrolOutcome>;
}

export interface JoinAttempt {
  readonly token: BootstrapToken;
  readonly nodeName: string;
  /** P-256, private. */
  readonly key: KeyObject;
  readonly replace: boolean;
}

export interface RenewalAttempt {
  /** Whose certificate has ended. */
  readonly credential: Credential;
  /** The new one, P-256, private. */
  readonly key: KeyObject;
}

export type EnrolOutcome =
  | { readonly type: 'enrolled'; readonly device: EnrolledDevice }
  /** The relay's answer. `message` says what to do. */
  | { readonly type: 'refused'; readonly reason: RefusalReason; readonly message: string; readonly retryAfterMs: number }
  /** There is no answer that a relay gives. */
  | { readonly type: 'failed'; readonly failure: LinkFailure };

export interface EnrolledDevice {
  readonly nodeName: string;
  /** For the key that was asked for; leaf first. */
  readonly certificates: readonly X509Certificate[];
  /** At least one. */
  readonly authorities: readonly X509Certificate[];
}

/** From the dial to the certificate, in milliseconds: as long as a link's dial may take. A relay over a slow API server needs some seconds. */
const ENROL_TIMEOUT_MS = 60_000;
/** Longest text of a refusal that is shown, in characters: a relay sends a line. */
const MAX_MESSAGE = 500;
const CONTROL = /\p{Cc}+/gu;

/** A request for a nonce, and what the certificate must be for that comes for it. */
interface Asked {
  readonly path: string;
  readonly body: (nonce: string) => string;
  readonly nodeName: string;
  readonly key: KeyObject;
}

export function createEnrolClient(options: EnrolClientOptions): EnrolClient {
  return {
    join: (url, { token, nodeName, key, replace }) => {
      const publicKey = spkiOf(key);
      const body = (nonce: string) =>
        encodeJoinRequest({ nonce, token, nodeName, publicKey, proof: signProof(joinProof(nonce, nodeName), key), replace });
      return enrol(url, { path: ENROL_PATHS.join, body, nodeName, key }, options);
    },
    renew: (url, { credential: { key: oldKey, certificates }, key }) => {
      const [leaf] = certificates;
      const publicKey = spkiOf(key);
      const body = (nonce: string) => {
        const proof = lateRenewalProof(nonce, leaf, publicKey);
        const signatures = { proof: signProof(proof, key), signature: signProof(proof, oldKey) };
        return encodeLateRenewalRequest({ nonce, certificates: certificates.map(({ raw }) => raw), publicKey, ...signatures });
      };
      return enrol(url, { path: ENROL_PATHS.renew, body, nodeName: nodeNameIn(leaf) ?? '', key }, options);
    },
  };
}

async function enrol(
  url: string,
  asked: Asked,
  { trust, at, ecdhCurve, clock, signal }: EnrolClientOptions,
): Promise<EnrolOutcome> {
  signal?.throwIfAborted();
  const deadline = new AbortController();
  const cancel = clock.after(ENROL_TIMEOUT_MS, () => deadline.abort());
  const ending = signal === undefined ? deadline.signal : AbortSignal.any([deadline.signal, signal]);
  try {
    const connection = await openEnrolConnection({ url, trust, at, ecdhCurve, signal: ending });
    const outcome = 'type' in connection ? connection : await ask(connection, asked, url);
    signal?.throwIfAborted();
    if (outcome.type !== 'failed' || !deadline.signal.aborted) return outcome;
    const { host } = new URL(url);
    return failed(failure('timeout', `${host} did not answer within ${ENROL_TIMEOUT_MS / 1000} s`));
  } finally {
    cancel();
  }
}

async function ask(connection: EnrolConnection, asked: Asked, url: string): Promise<EnrolOutcome> {
  try {
    const first = await connection.post(ENROL_PATHS.nonce, '');
    const nonce = outcomeOf(first, url, (body) => decodeNonce(body).nonce);
    if (typeof nonce !== 'string') return nonce;
    const second = await connection.post(asked.path, asked.body(nonce));
    const device = outcomeOf(second, url, (body) => enrolledIn(body, asked));
    return typeof device === 'object' && 'type' in device ? device : { type: 'enrolled', device };
  } finally {
    connection.close();
  }
}

function outcomeOf<T>(
  result: Failed | Answer,
  url: string,
  decode: (body: string) => T,
): T | (EnrolOutcome & { type: 'refused' | 'failed' }) {
  if (result.type === 'failed') return result;
  const { status, body, retryAfterMs } = result;
  if (status !== 200) {
    const refusal = decodeRefusal(body);
    if (refusal === undefined) return failed({ ...answerFailure(status, url, undefined), retryAfterMs });
    const message = refusal.message.replaceAll(CONTROL, ' ').slice(0, MAX_MESSAGE);
    return { type: 'refused', reason: refusal.reason, message, retryAfterMs };
  }
  try {
    return decode(body);
  } catch (error) {
    if (!(error instanceof HawserError)) throw error;
    return failed(failure('unexpected', `${new URL(url).host} answered what no relay answers: ${error.message}`));
  }
}

/** @throws HawserError `malformed_request` for a certificate of another name or key than was asked for */
function enrolledIn(body: string, { nodeName, key }: Asked): EnrolledDevice {
  const enrolled = decodeEnrolled(body);
  const certificates = enrolled.certificates.map(readCertificate);
  const [leaf] = certificates;
  if (leaf === undefined || !leaf.checkPrivateKey(key))
    throw new HawserError('malformed_request', 'a certificate for another key');
  if (enrolled.nodeName !== nodeName || nodeNameIn(leaf) !== nodeName) {
    throw new HawserError('malformed_request', `a certificate for another Node than ${nodeName}`);
  }
  const authorities = enrolled.authorities.map(readCertificate);
  if (authorities.some((authority) => !authority.ca || publicKeyOf(authority) === undefined)) {
    throw new HawserError('malformed_request', 'an authority that is none');
  }
  return { nodeName, certificates, authorities };
}

function spkiOf(key: KeyObject): Buffer {
  return createPublicKey(key).export({ type: 'spki', format: 'der' });
}

function failed(reason: LinkFailure): EnrolOutcome & { readonly type: 'failed' } {
  return { type: 'failed', failure: reason };
}
