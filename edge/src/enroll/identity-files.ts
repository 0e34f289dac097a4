import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import { isNodeName, isRelayUrl, MAX_CERTIFICATE_BYTES, MAX_CERTIFICATES, MAX_RELAYS, parseJson } from '@hawser/protocol';
import type { Credential } from './types.ts';

/*
 * The texts of the identity folder's files. Readers say what is wrong as an Error with a few words; the folder adds which file, and what to do.
 */

/** Largest file of the folder, in bytes: all certificates that there may be in PEM, twice, and a key. */
export const MAX_IDENTITY_FILE_BYTES = 2 * MAX_CERTIFICATES * Math.ceil(MAX_CERTIFICATE_BYTES * 1.4) + 4096;

const PEM_BLOCK = /-----BEGIN ([A-Z0-9 ]{1,40})-----[A-Za-z0-9+/=\s]+-----END \1-----/g;
const NODE_USER = /^CN=system:node:(.+)$/;

/** What device.json holds. */
export interface DeviceFacts {
  readonly nodeName: string;
  readonly relays: readonly string[];
}

/** What a join has brought, in one file until all of it is in place. */
export interface JoinedFile extends DeviceFacts {
  readonly credential: Credential;
  readonly authorities: readonly X509Certificate[];
}

/** The Node that a certificate speaks for (`CN=system:node:NAME`); undefined for one of anybody else. */
export function nodeNameIn({ subject }: X509Certificate): string | undefined {
  const names = (subject ?? '').split('\n').flatMap((line) => NODE_USER.exec(line)?.[1] ?? []);
  return names.length === 1 ? names[0] : undefined;
}

export function credentialText({ key, certificates }: Credential): string {
  return keyText(key) + certificatesText(certificates);
}

export function readCredential(text: string): Credential {
  const certificates = readCertificates(text);
  const key = readKey(text);
  if (!certificates[0].checkPrivateKey(key)) throw new Error('the key is not the one of the certificate');
  return { key, certificates };
}

export function keyText(key: KeyObject): string {
  return String(key.export({ type: 'pkcs8', format: 'pem' }));
}

export function readKey(text: string): KeyObject {
  const [block, ...more] = blocksOf(text, 'PRIVATE KEY');
  if (block === undefined || more.length > 0) throw new Error('there must be one private key in it');
  try {
    return createPrivateKey(block);
  } catch (cause) {
    throw new Error('its private key is damaged', { cause });
  }
}

export function certificatesText(certificates: readonly X509Certificate[]): string {
  return certificates.map((certificate) => certificate.toString()).join('');
}

export function readCertificates(text: string): readonly [X509Certificate, ...X509Certificate[]] {
  const blocks = blocksOf(text, 'CERTIFICATE');
  if (blocks.length > MAX_CERTIFICATES) throw new Error(`there are more than ${MAX_CERTIFICATES} certificates in it`);
  const [first, ...others] = blocks.map(certificateOf);
  if (first === undefined) throw new Error('there is no certificate in it');
  return [first, ...others];
}

export function deviceText({ nodeName, relays }: DeviceFacts): string {
  return `${JSON.stringify({ nodeName, relays }, null, 2)}\n`;
}

export function readDevice(text: string): DeviceFacts {
  return deviceOf(fieldsOf(text));
}

export function joinedText({ credential, authorities, nodeName, relays }: JoinedFile): string {
  const device = credentialText(credential);
  return `${JSON.stringify({ nodeName, relays, device, authorities: certificatesText(authorities) }, null, 2)}\n`;
}

export function readJoined(text: string): JoinedFile {
  const fields = fieldsOf(text);
  const { device, authorities } = fields;
  if (typeof device !== 'string' || typeof authorities !== 'string') throw new Error('"device" and "authorities" must be texts');
  return { ...deviceOf(fields), credential: readCredential(device), authorities: readCertificates(authorities) };
}

function fieldsOf(text: string): Readonly<Record<string, unknown>> {
  let value: unknown;
  try {
    value = parseJson(text);
  } catch (cause) {
    throw new Error('it is no JSON', { cause });
  }
  if (typeof value !== 'object' || value === null) throw new Error('it is no JSON object');
  return { ...value };
}

function deviceOf({ nodeName, relays }: Readonly<Record<string, unknown>>): DeviceFacts {
  if (typeof nodeName !== 'string' || !isNodeName(nodeName)) throw new Error('"nodeName" is no name of a Node');
  if (!Array.isArray(relays) || relays.length === 0 || relays.length > MAX_RELAYS) {
    throw new Error(`"relays" must be a list of 1 to ${MAX_RELAYS} addresses`);
  }
  return {
    nodeName,
    relays: relays.map((url: unknown) => {
      if (typeof url !== 'string' || !isRelayUrl(url)) throw new Error('"relays" must be addresses of the form wss://HOST:PORT');
      return url;
    }),
  };
}

function blocksOf(text: string, label: string): readonly string[] {
  return [...text.matchAll(PEM_BLOCK)].filter((match) => match[1] === label).map(([block]) => block);
}

function certificateOf(pem: string): X509Certificate {
  try {
    return new X509Certificate(pem);
  } catch (cause) {
    throw new Error('a certificate in it is damaged', { cause });
  }
}
