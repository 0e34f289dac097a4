import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { HawserError } from '@hawser/protocol';
import type { LinkTls } from '../link/index.ts';
import type { Settings } from './settings.ts';

/** Chains and bundles of authorities are some KB; a larger file is another one. In bytes. */
const MAX_PEM_BYTES = 1024 * 1024;
const NODE_USER = /^system:node:(.+)$/;

/**
 * Reads the files of the link and tries them together.
 * @throws HawserError `bad_config` that names setting and file
 */
export function readLinkTls({ tls, keyExchange }: Pick<Settings, 'tls' | 'keyExchange'>): LinkTls {
  const cert = readPem('tls.cert', tls.cert);
  const key = readPem('tls.key', tls.key);
  const ca = readPem('tls.ca', tls.ca);
  const certificate = parsed('tls.cert', tls.cert, 'a certificate', () => new X509Certificate(cert));
  const privateKey = parsed('tls.key', tls.key, 'a private key without a passphrase', () => createPrivateKey(key));
  parsed('tls.ca', tls.ca, 'a certificate of an authority', () => new X509Certificate(ca));
  if (!certificate.checkPrivateKey(privateKey)) {
    throw new HawserError('bad_config', `tls.key: ${tls.key} is not the key of the certificate in ${tls.cert}`);
  }
  return { cert, key, ca, ecdhCurve: keyExchange === 'x25519' ? 'X25519' : undefined };
}

/**
 * The Node's name: the one that the certificate speaks for, which the relay goes by.
 * @throws HawserError `bad_config` when the certificate is no node's, or another name was set
 */
export function nodeNameOf(cert: string, { tls, nodeName }: Pick<Settings, 'tls' | 'nodeName'>): string {
  const { subject } = new X509Certificate(cert);
  const commonName =
    (subject ?? '')
      .split('\n')
      .find((line) => line.startsWith('CN='))
      ?.slice(3) ?? '';
  const name = NODE_USER.exec(commonName)?.[1];
  if (name === undefined) {
    const found = JSON.stringify(commonName);
    throw new HawserError(
      'bad_config',
      `tls.cert: ${tls.cert} is not the certificate of a node: its CN must be system:node:NAME and is ${found}`,
    );
  }
  if (nodeName !== undefined && nodeName !== name) {
    throw new HawserError(
      'bad_config',
      `nodeName: is ${nodeName}, but the certificate ${tls.cert} is for ${name}: leave it out, or use the right certificate`,
    );
  }
  return name;
}

function readPem(setting: string, path: string): string {
  try {
    if (statSync(path).size > MAX_PEM_BYTES)
      throw new HawserError('bad_config', `${setting}: ${path} is too large to be a PEM file`);
    return readFileSync(path, 'utf8');
  } catch (cause) {
    if (cause instanceof HawserError) throw cause;
    const code = cause instanceof Error && 'code' in cause ? cause.code : undefined;
    const why = code === 'ENOENT' ? 'is not there' : code === 'EACCES' ? 'may not be read' : `cannot be read (${String(code)})`;
    throw new HawserError('bad_config', `${setting}: the file ${path} ${why}`, { cause });
  }
}

function parsed<T>(setting: string, path: string, what: string, parse: () => T): T {
  try {
    return parse();
  } catch (cause) {
    // OpenSSL's words help nobody, and a key's text must not get into a log: the cause stays out of the message.
    throw new HawserError('bad_config', `${setting}: ${path} is not ${what} in PEM form`, { cause });
  }
}
