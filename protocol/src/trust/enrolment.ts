import { HawserError } from '../errors.ts';
import { parseJson } from '../json.ts';
import { MAX_CERTIFICATE_BYTES, MAX_CERTIFICATES, MAX_PUBLIC_KEY_BYTES, MAX_SIGNATURE_BYTES } from './limits.ts';

/**
 * The enrolment endpoint: HTTP/1.1 with JSON bodies over TLS 1.3, on the port of the link, told apart from it by the ALPN protocol name
 * (RFC 7301). No client certificate is asked for. One connection serves one enrolment: a nonce, and then one request that uses it.
 *
 * | request | body | answer |
 * |---|---|---|
 * | POST /v1/nonce | none | NonceAnswer |
 * | POST /v1/join | JoinRequest | Enrolled |
 * | POST /v1/renew | LateRenewalRequest | Enrolled |
 *
 * Any other status than 200 has a Refusal as its body.
 */
export const ENROL_ALPN = 'hawser-enrol/1';
export const ENROL_PATHS = { nonce: '/v1/nonce', join: '/v1/join', renew: '/v1/renew' } as const;

/** Largest body of a request or an answer, in bytes. */
export const MAX_ENROL_BODY_BYTES = 64 * 1024;

/** `ID.SECRET` of a bootstrap token (Kubernetes, "Authenticating with Bootstrap Tokens"). */
const TOKEN = /^([a-z0-9]{6})\.([a-z0-9]{16})$/;
/** A DNS subdomain (RFC 1123), the form of a Node's name. */
const NODE_NAME = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;
const MAX_NODE_NAME = 253;
/** 32 random bytes in base64url. */
const NONCE = /^[A-Za-z0-9_-]{43}$/;

export interface NonceAnswer {
  /** Good for one request on this connection. */
  readonly nonce: string;
}

export interface BootstrapToken {
  readonly id: string;
  readonly secret: string;
}

export interface JoinRequest {
  readonly nonce: string;
  readonly token: BootstrapToken;
  readonly nodeName: string;
  /** SubjectPublicKeyInfo, DER. */
  readonly publicKey: Uint8Array;
  /** By that key over `joinProof`. */
  readonly proof: Uint8Array;
  /** Take the name from the device that holds it. */
  readonly replace: boolean;
}

/** Of a device whose certificate has ended. */
export interface LateRenewalRequest {
  readonly nonce: string;
  /** The device's certificate first, then those between it and the authority, in DER. */
  readonly certificates: readonly Uint8Array[];
  readonly publicKey: Uint8Array;
  /** By the new key over `lateRenewalProof`. */
  readonly proof: Uint8Array;
  /** By the key of the certificate over the same. */
  readonly signature: Uint8Array;
}

export interface Enrolled {
  readonly nodeName: string;
  /** As in LateRenewalRequest. */
  readonly certificates: readonly Uint8Array[];
  /** All authorities that relays are to be verified with, in DER; at least one. */
  readonly authorities: readonly Uint8Array[];
}

/**
 * Why an enrolment was refused.
 *
 * | reason | HTTP | meaning |
 * |---|---|---|
 * | badRequest | 400, 404, 405, 413 | not a request of this table, or a field of it is wrong |
 * | badProof | 403 | the nonce is not one of this connection's, or a signature is wrong |
 * | badToken | 403 | no such token, another secret, expired, or not for this use: which of them is not told to a stranger |
 * | otherNode | 403 | the token is bound to another node name |
 * | tokenUsed | 403 | the token was for one use, and another key has used it |
 * | nameHeld | 409 | another living device, or a Node that is none, has this name |
 * | mayNotReplace | 403 | replacing needs a token that an administrator has made for it |
 * | revoked | 403 | the device was revoked |
 * | otherKey | 403 | another key holds this device's name now |
 * | notOurs | 403 | the certificate is not one of a device of this relay's authorities |
 * | beyondGrace | 403 | it ended longer ago than the operator's grace: join again |
 * | tooMany | 429 | attempts of this address, or with this token, are over the bound |
 * | notNow | 503 | the relay cannot reach its API server, or has no authority yet |
 */
export const REFUSALS = [
  'badRequest',
  'badProof',
  'badToken',
  'otherNode',
  'tokenUsed',
  'nameHeld',
  'mayNotReplace',
  'revoked',
  'otherKey',
  'notOurs',
  'beyondGrace',
  'tooMany',
  'notNow',
] as const;

export type RefusalReason = (typeof REFUSALS)[number];

export interface Refusal {
  readonly reason: RefusalReason;
  /** One line for the person at the device, which says what to do. */
  readonly message: string;
}

/** Undefined for a text that is no token. */
export function parseToken(text: string): BootstrapToken | undefined {
  const [, id, secret] = TOKEN.exec(text) ?? [];
  return id === undefined || secret === undefined ? undefined : { id, secret };
}

export function isNodeName(text: string): boolean {
  return text.length <= MAX_NODE_NAME && NODE_NAME.test(text);
}

export function encodeJoinRequest({ token, publicKey, proof, ...rest }: JoinRequest): string {
  return JSON.stringify({ ...rest, token: `${token.id}.${token.secret}`, publicKey: text(publicKey), proof: text(proof) });
}

/** @throws HawserError `malformed_request` that names the field */
export function decodeJoinRequest(body: string): JoinRequest {
  const fields = fieldsOf(body);
  const token = parseToken(textAt(fields, 'token'));
  if (token === undefined) throw malformed('token', 'is not of the form ID.SECRET');
  return {
    nonce: nonceAt(fields),
    token,
    nodeName: nodeNameAt(fields),
    publicKey: bytesAt(fields, 'publicKey', MAX_PUBLIC_KEY_BYTES),
    proof: bytesAt(fields, 'proof', MAX_SIGNATURE_BYTES),
    replace: fields.replace === true,
  };
}

export function encodeLateRenewalRequest({ nonce, certificates, publicKey, proof, signature }: LateRenewalRequest): string {
  return JSON.stringify({
    nonce,
    certificates: certificates.map(text),
    publicKey: text(publicKey),
    proof: text(proof),
    signature: text(signature),
  });
}

/** @throws HawserError `malformed_request` that names the field */
export function decodeLateRenewalRequest(body: string): LateRenewalRequest {
  const fields = fieldsOf(body);
  return {
    nonce: nonceAt(fields),
    certificates: certificatesAt(fields, 'certificates'),
    publicKey: bytesAt(fields, 'publicKey', MAX_PUBLIC_KEY_BYTES),
    proof: bytesAt(fields, 'proof', MAX_SIGNATURE_BYTES),
    signature: bytesAt(fields, 'signature', MAX_SIGNATURE_BYTES),
  };
}

export function encodeEnrolled({ nodeName, certificates, authorities }: Enrolled): string {
  return JSON.stringify({ nodeName, certificates: certificates.map(text), authorities: authorities.map(text) });
}

/** @throws HawserError `malformed_request` that names the field */
export function decodeEnrolled(body: string): Enrolled {
  const fields = fieldsOf(body);
  return {
    nodeName: nodeNameAt(fields),
    certificates: certificatesAt(fields, 'certificates'),
    authorities: certificatesAt(fields, 'authorities'),
  };
}

/** @throws HawserError `malformed_request` */
export function decodeNonce(body: string): NonceAnswer {
  return { nonce: nonceAt(fieldsOf(body)) };
}

/** Undefined for a body that is none: something else than a relay has answered. */
export function decodeRefusal(body: string): Refusal | undefined {
  try {
    const fields = fieldsOf(body);
    const reason = REFUSALS.find((known) => known === fields.reason);
    return reason === undefined ? undefined : { reason, message: textAt(fields, 'message') };
  } catch (error) {
    if (error instanceof HawserError) return undefined;
    throw error;
  }
}

type Fields = Readonly<Record<string, unknown>>;

function fieldsOf(body: string): Fields {
  if (body.length > MAX_ENROL_BODY_BYTES) throw malformed('body', `is longer than ${MAX_ENROL_BODY_BYTES}`);
  let value: unknown;
  try {
    value = parseJson(body);
  } catch (cause) {
    throw new HawserError('malformed_request', 'the body is not JSON', { cause });
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw malformed('body', 'is no JSON object');
  return { ...value };
}

function textAt(fields: Fields, name: string): string {
  const value = fields[name];
  if (typeof value !== 'string') throw malformed(name, 'must be text');
  return value;
}

function nonceAt(fields: Fields): string {
  const nonce = textAt(fields, 'nonce');
  if (!NONCE.test(nonce)) throw malformed('nonce', 'is none');
  return nonce;
}

function nodeNameAt(fields: Fields): string {
  const name = textAt(fields, 'nodeName');
  if (!isNodeName(name)) throw malformed('nodeName', 'cannot be the name of a Node');
  return name;
}

function bytesAt(fields: Fields, name: string, most: number): Uint8Array {
  return bytesOf(textAt(fields, name), name, most);
}

function certificatesAt(fields: Fields, name: string): readonly Uint8Array[] {
  const list = fields[name];
  if (!Array.isArray(list) || list.length === 0 || list.length > MAX_CERTIFICATES) {
    throw malformed(name, `must be a list of 1 to ${MAX_CERTIFICATES} certificates`);
  }
  return list.map((item: unknown) => {
    if (typeof item !== 'string') throw malformed(name, 'must be a list of texts');
    return bytesOf(item, name, MAX_CERTIFICATE_BYTES);
  });
}

function bytesOf(base64: string, name: string, most: number): Uint8Array {
  if (base64.length > Math.ceil(most / 3) * 4) throw malformed(name, `is longer than ${most} bytes`);
  const bytes = Buffer.from(base64, 'base64');
  if (bytes.length === 0 || bytes.length > most || text(bytes) !== base64) throw malformed(name, 'is not base64');
  return bytes;
}

function text(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64');
}

function malformed(field: string, why: string): HawserError {
  return new HawserError('malformed_request', `${field} ${why}`);
}
