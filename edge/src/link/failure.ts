/**
 * Why a link could not be made, or broke, told by what a person would do about it.
 *
 * | kind | meaning |
 * |---|---|
 * | dns | the relay's name does not resolve |
 * | refused | nothing listens at that address and port |
 * | unreachable | no route, or the connection broke before the relay answered |
 * | timeout | the relay did not answer in time |
 * | relayCertificate | we do not trust the relay's certificate |
 * | relayNotBegun | … because it begins later than now: is our clock behind? |
 * | cutOff | the relay has shown its certificate, and broke off before it answered: it may not take ours |
 * | ownCertificate | the relay does not take our certificate |
 * | ownCertificateEnded | … because it has ended |
 * | proxy | the HTTP proxy on the way does not let us through, or there is none |
 * | notFound | something answers there, but it is no relay (404) |
 * | forbidden | the relay knows who we are and does not want us (401, 403) |
 * | busy | the relay has no room now (429, 503) |
 * | unexpected | another answer than a WebSocket, or a frame out of bounds |
 * | silent | the link was half-open: nothing came for longer than its deadline |
 * | ended | the relay closed the link |
 * | dropped | we closed the link because of what came over it |
 * | redial | we closed the link to make it anew with another certificate |
 * | moved | the relay stops and has told us to go to another one |
 */
export type LinkFailureKind =
  | 'dns'
  | 'refused'
  | 'unreachable'
  | 'timeout'
  | 'relayCertificate'
  | 'relayNotBegun'
  | 'cutOff'
  | 'ownCertificate'
  | 'ownCertificateEnded'
  | 'proxy'
  | 'notFound'
  | 'forbidden'
  | 'busy'
  | 'unexpected'
  | 'silent'
  | 'ended'
  | 'dropped'
  | 'redial'
  | 'moved';

export interface LinkFailure {
  readonly kind: LinkFailureKind;
  /** One line for the person who reads it. */
  readonly detail: string;
  /** The other side asked not to be dialled sooner; 0 leaves it to the backoff. */
  readonly retryAfterMs: number;
}

/** Codes of OpenSSL and Node for a peer's certificate that does not verify (node:tls, "X509 certificate error codes"). */
const UNTRUSTED: ReadonlySet<string> = new Set([
  'CERT_CHAIN_TOO_LONG',
  'CERT_HAS_EXPIRED',
  'CERT_NOT_YET_VALID',
  'CERT_REJECTED',
  'CERT_REVOKED',
  'CERT_SIGNATURE_FAILURE',
  'CERT_UNTRUSTED',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'ERR_TLS_CERT_ALTNAME_INVALID',
  'HOSTNAME_MISMATCH',
  'INVALID_CA',
  'INVALID_PURPOSE',
  'PATH_LENGTH_EXCEEDED',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
]);

/** What the relay's TLS says about our certificate (RFC 8446, section 6.2). */
const OWN_CERTIFICATE =
  /ALERT_(BAD_CERTIFICATE|CERTIFICATE_\w+|UNKNOWN_CA|UNSUPPORTED_CERTIFICATE|ACCESS_DENIED)|TLSV13_ALERT_CERTIFICATE_REQUIRED/;

const OWN_CERTIFICATE_ENDED = /ALERT_CERTIFICATE_EXPIRED/;

/** OpenSSL's words for bytes that are none of TLS. */
const NO_TLS = /^ERR_SSL_(WRONG_VERSION_NUMBER|PACKET_LENGTH_TOO_LONG|HTTP_REQUEST|BAD_RECORD_TYPE|INVALID_RECORD_TYPE)/;

/** What OpenSSL says where the chain ends in an authority that is none of ours, whole or in part. */
const OTHER_AUTHORITY: ReadonlySet<string> = new Set([
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
]);

/** Most that is believed of a relay's wish to be left alone, in milliseconds; a mistake must not lose a device for days. */
export const MAX_RETRY_AFTER_MS = 3_600_000;

/** Of an error of the socket before the link was open. */
export function dialFailure(error: Error, url: string): LinkFailure {
  const { host } = new URL(url);
  const code = 'code' in error && typeof error.code === 'string' ? error.code : '';
  const message = error.message || code;
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN') return failure('dns', `${host} does not resolve (${code})`);
  if (code === 'ECONNREFUSED')
    return failure('refused', `${host}${assumedPort(url)} refuses connections: no relay listens there`);
  if (code === 'CERT_NOT_YET_VALID') {
    return failure('relayNotBegun', `the certificate of ${host} begins later than now: is this device's clock behind? (${code})`);
  }
  if (UNTRUSTED.has(code)) {
    return failure('relayCertificate', `the certificate of ${host} is not trusted: ${message} (${code})${hintOn(code)}`);
  }
  if (OWN_CERTIFICATE_ENDED.test(code)) {
    return failure('ownCertificateEnded', `${host} says that this device's certificate has ended (${code})`);
  }
  if (OWN_CERTIFICATE.test(code)) return failure('ownCertificate', `${host} does not take this device's certificate (${code})`);
  if (code === 'ETIMEDOUT') return failure('timeout', `${host}${assumedPort(url)} did not answer in time`);
  if (NO_TLS.test(code)) return failure('unreachable', `${host} does not speak TLS: is it the port of a relay's link? (${code})`);
  // What the connection itself meets has a code; without one it is what the WebSocket finds wrong with the answer.
  if (code === '' || code.startsWith('WS_ERR') || code.startsWith('HPE_')) {
    return failure('unexpected', `${host} does not speak WebSocket: ${message}${code === '' ? '' : ` (${code})`}`);
  }
  return failure('unreachable', `${host} cannot be reached: ${message}`);
}

function hintOn(code: string): string {
  if (code === 'CERT_HAS_EXPIRED') return ": is this device's clock right?";
  if (!OTHER_AUTHORITY.has(code)) return '';
  return '. Its authority is none of those that this device trusts: if the one that it has joined by was retired meanwhile, join again';
}

/** An address without a port is dialled at that of https, which nobody has written anywhere. */
function assumedPort(url: string): string {
  return new URL(url).port === '' ? ' (port 443, as its address names none)' : '';
}

/** Of an error after TLS's handshake and before an answer. A relay has no other way to say that it does not take our certificate. */
export function cutOff(error: Error, url: string): LinkFailure {
  const known = dialFailure(error, url);
  if (known.kind !== 'unreachable') return known;
  const { host } = new URL(url);
  return failure(
    'cutOff',
    `${host} broke the connection off: where this comes back at once, it does not take the certificate of this device`,
  );
}

/** Of what a relay says in words when it refuses us, in characters. */
const MAX_SAID = 512;

/**
 * Of an HTTP answer in place of a WebSocket. `retryAfter` is the header of that name (RFC 9110, section 10.2.3), in seconds; `said` what
 * stood in the body, if it was text.
 */
export function answerFailure(status: number, url: string, retryAfter: string | undefined, said = ''): LinkFailure {
  const { host } = new URL(url);
  const words = said
    .replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\s]+/gu, ' ')
    .trim()
    .slice(0, MAX_SAID);
  const orWords = (guess: string) => (words === '' ? guess : `: ${words}`);
  const wait = retryAfter !== undefined && /^\d{1,6}$/.test(retryAfter) ? boundedRetryAfter(Number(retryAfter) * 1000) : 0;
  switch (status) {
    case 401:
    case 403:
      return failure(
        'forbidden',
        `${host} does not let this device in (HTTP ${status})${orWords(': is its certificate one of a node?')}`,
        wait,
      );
    case 404:
      return failure('notFound', `${host} answers, but there is no relay (HTTP 404): is the address right?`, wait);
    case 429:
    case 503:
      return failure('busy', `${host} has no room now (HTTP ${status})${orWords('')}`, wait);
    default:
      return failure('unexpected', `${host} answered HTTP ${status} in place of a WebSocket`, wait);
  }
}

export function failure(kind: LinkFailureKind, detail: string, retryAfterMs = 0): LinkFailure {
  return { kind, detail, retryAfterMs: boundedRetryAfter(retryAfterMs) };
}

export function boundedRetryAfter(milliseconds: number): number {
  return Math.min(Math.max(0, milliseconds), MAX_RETRY_AFTER_MS);
}
