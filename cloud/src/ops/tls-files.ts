import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { createSecureContext } from 'node:tls';
import { HawserError } from '@hawser/protocol';

export interface TlsFiles {
  readonly cert: string;
  readonly key: string;
  readonly clientCa: string;
}

/** PEM texts that belong together. */
export interface TlsMaterial {
  readonly cert: string;
  readonly key: string;
  readonly clientCa: string;
  /** When the server's certificate ends. */
  readonly validTo: Date;
}

/** Chains and bundles of authorities are some KB; a larger file is another one. In bytes. */
const MAX_FILE_BYTES = 1024 * 1024;

/**
 * Reads certificate, key and authorities of the link, and tries them together before anyone dials.
 * @throws HawserError `bad_config` that names setting and file
 */
export async function readTlsFiles(files: TlsFiles): Promise<TlsMaterial> {
  const [cert, key, clientCa] = await Promise.all([
    readPem('tls.cert', files.cert),
    readPem('tls.key', files.key),
    readPem('tls.clientCa', files.clientCa),
  ]);
  const certificate = parse('tls.cert', files.cert, 'a certificate', () => new X509Certificate(cert));
  const privateKey: KeyObject = parse('tls.key', files.key, 'a private key without a passphrase', () => createPrivateKey(key));
  parse('tls.clientCa', files.clientCa, 'a certificate of an authority', () => new X509Certificate(clientCa));
  if (!certificate.checkPrivateKey(privateKey)) {
    throw new HawserError('bad_config', `tls.key: ${files.key} is not the key of the certificate in ${files.cert}`);
  }
  parse('tls', files.clientCa, 'usable with the other two files', () => createSecureContext({ cert, key, ca: clientCa }));
  return { cert, key, clientCa, validTo: certificate.validToDate };
}

async function readPem(setting: string, path: string): Promise<string> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? cause.code : undefined;
    const why = code === 'ENOENT' ? 'is not there' : code === 'EACCES' ? 'may not be read' : `cannot be read (${String(code)})`;
    throw new HawserError('bad_config', `${setting}: the file ${path} ${why}`, { cause });
  }
  if (text.length > MAX_FILE_BYTES) throw new HawserError('bad_config', `${setting}: ${path} is too large to be a PEM file`);
  return text;
}

function parse<T>(setting: string, path: string, what: string, read: () => T): T {
  try {
    return read();
  } catch (cause) {
    // The cause is left out of the message: OpenSSL's words help nobody, and a key's text must not get into a log.
    throw new HawserError('bad_config', `${setting}: ${path} is not ${what} in PEM form`, { cause });
  }
}
