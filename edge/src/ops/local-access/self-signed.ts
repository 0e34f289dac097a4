import { generateKeyPairSync, randomBytes, sign } from 'node:crypto';
import { isIP } from 'node:net';
import {
  bitString,
  boolean,
  generalizedTime,
  integer,
  objectIdentifier,
  octetString,
  sequence,
  set,
  tagged,
  utcTime,
  utf8String,
} from './der.ts';

/** PEM texts. */
export interface SelfSigned {
  readonly cert: string;
  readonly key: string;
}

const ECDSA_WITH_SHA256 = sequence(objectIdentifier('1.2.840.10045.4.3.2'));
const COMMON_NAME = objectIdentifier('2.5.4.3');
const BASIC_CONSTRAINTS = '2.5.29.19';
const KEY_USAGE = '2.5.29.15';
const EXTENDED_KEY_USAGE = '2.5.29.37';
const SERVER_AUTH = objectIdentifier('1.3.6.1.5.5.7.3.1');
const SUBJECT_ALT_NAME = '2.5.29.17';
/** digitalSignature and keyCertSign (RFC 5280, section 4.2.1.3). */
const KEY_USAGE_BITS = bitString(Buffer.of(0b1000_0100), 2);
/**
 * Valid whatever the device's clock says: many have none of their own and begin in 1970. RFC 5280, section 4.1.2.5 gives the
 * end for certificates without one.
 */
const VALIDITY = sequence(utcTime('700101000000Z'), generalizedTime('99991231235959Z'));

/**
 * A P-256 key and a certificate that is its own authority, for servers that are known by exactly this certificate
 * (X.509 v3, RFC 5280). The running agent needs one certificate in its life: for that no library is loaded.
 * @param hosts DNS names and IP addresses
 */
export function createSelfSigned(commonName: string, hosts: readonly string[]): SelfSigned {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const name = sequence(set(sequence(COMMON_NAME, utf8String(commonName))));
  const serial = randomBytes(16);
  const extensions = sequence(
    extension(BASIC_CONSTRAINTS, true, sequence(boolean(true))),
    extension(KEY_USAGE, true, KEY_USAGE_BITS),
    extension(EXTENDED_KEY_USAGE, false, sequence(SERVER_AUTH)),
    extension(SUBJECT_ALT_NAME, false, sequence(...hosts.map(generalName))),
  );
  const body = sequence(
    tagged(0, integer(Buffer.of(2)), 'constructed'),
    integer(serial),
    ECDSA_WITH_SHA256,
    name,
    VALIDITY,
    name,
    publicKey.export({ type: 'spki', format: 'der' }),
    tagged(3, extensions, 'constructed'),
  );
  const signature = sign('sha256', body, { key: privateKey, dsaEncoding: 'der' });
  const certificate = sequence(body, ECDSA_WITH_SHA256, bitString(signature));
  const lines = certificate.toString('base64').match(/.{1,64}/g) ?? [];
  return {
    cert: `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`,
    key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
  };
}

function extension(id: string, critical: boolean, content: Buffer): Buffer {
  return sequence(objectIdentifier(id), ...(critical ? [boolean(true)] : []), octetString(content));
}

/** GeneralName: dNSName or iPAddress (RFC 5280, section 4.2.1.6). */
function generalName(host: string): Buffer {
  switch (isIP(host)) {
    case 0:
      return tagged(2, Buffer.from(host), 'primitive');
    case 4:
      return tagged(7, Buffer.from(host.split('.').map(Number)), 'primitive');
    default:
      return tagged(7, addressBytes(host), 'primitive');
  }
}

/** The 16 bytes of an IPv6 address. */
function addressBytes(address: string): Buffer {
  const [head = '', tail] = address.split('::');
  const groups = (text: string | undefined) =>
    text === undefined || text === '' ? [] : text.split(':').map((part) => parseInt(part, 16));
  const left = groups(head);
  const right = groups(tail);
  const all = tail === undefined ? left : [...left, ...Array<number>(8 - left.length - right.length).fill(0), ...right];
  return Buffer.from(all.flatMap((group) => [group >> 8, group & 0xff]));
}
