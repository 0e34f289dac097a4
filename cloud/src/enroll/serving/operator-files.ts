import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import { createSecureContext } from 'node:tls';
import { checkChain, HawserError, MAX_CERTIFICATES, publicKeyOf } from '@hawser/protocol';
import { oneLine } from '../authority/authority.ts';
import { makeKeyPair, makeLeaf } from '../authority/certificates.ts';
import { isSelfSigned, isSignedBy, pemOf, readCertificates } from '../authority/pem.ts';
import type { Signer } from '../authority/signer.ts';
import type { ServingMaterial } from '../types.ts';
import type { PemFile } from './followed-files.ts';

export interface TlsPaths {
  readonly cert: string;
  readonly key: string;
  readonly clientCa: string;
}

export interface IssuerPaths {
  readonly cert: string;
  readonly key: string;
}

/**
 * Which files an operator has given, and what follows:
 *
 * | given | serves with | signs devices | is trusted, by devices and by the relay |
 * |---|---|---|---|
 * | tls | tls.cert | nobody: devices have certificates from elsewhere | tls.clientCa |
 * | issuer | what the issuer signs | the issuer | all of issuer.cert that is signed by itself |
 * | both | tls.cert, which must lead to one of the trusted | the issuer | both of these |
 */
export type OperatorPaths =
  | { readonly tls: TlsPaths; readonly issuer: IssuerPaths | undefined }
  | { readonly tls: undefined; readonly issuer: IssuerPaths };

export interface OperatorFiles {
  readonly serving: ServingMaterial | undefined;
  readonly signer: Signer | undefined;
}

interface Text extends PemFile {
  readonly text: string;
}

/** The files in the order in which `readOperatorFiles` takes their texts. */
export function operatorFiles({ tls, issuer }: OperatorPaths): readonly PemFile[] {
  const ofTls =
    tls === undefined ? [] : [file('tls.cert', tls.cert), file('tls.key', tls.key), file('tls.clientCa', tls.clientCa)];
  const ofIssuer = issuer === undefined ? [] : [file('issuer.cert', issuer.cert), file('issuer.key', issuer.key)];
  return [...ofTls, ...ofIssuer];
}

function file(setting: string, path: string): PemFile {
  return { setting, path };
}

/**
 * Makes sense of the files' texts, and tries them together before anyone dials.
 * @throws HawserError `bad_config` that names setting and file
 */
export async function readOperatorFiles(paths: OperatorPaths, texts: readonly string[], now: Date): Promise<OperatorFiles> {
  const files = operatorFiles(paths).map((pem, index): Text => ({ ...pem, text: texts[index] ?? '' }));
  const [cert, key, clientCa] = files;
  if (paths.tls === undefined) {
    if (cert === undefined || key === undefined) throw new RangeError('two files make an issuer');
    return { serving: undefined, signer: await readIssuer(cert, key, now) };
  }
  if (cert === undefined || key === undefined || clientCa === undefined) throw new RangeError('three files make a server');
  const serving = readServing(cert, key, clientCa);
  const [, , , issuerCert, issuerKey] = files;
  if (issuerCert === undefined || issuerKey === undefined) return { serving, signer: undefined };
  return together(cert, clientCa, serving, await readIssuer(issuerCert, issuerKey, now));
}

function readServing(cert: Text, key: Text, clientCa: Text): ServingMaterial {
  const certificate = parse(cert, 'a certificate', () => new X509Certificate(cert.text));
  const privateKey = readKey(key);
  parse(clientCa, 'a certificate of an authority', () => new X509Certificate(clientCa.text));
  requireKeyOf(certificate, cert, privateKey, key);
  const material = { cert: cert.text, key: key.text, clientCa: clientCa.text };
  parse({ ...clientCa, setting: 'tls' }, 'usable with the other two files', () =>
    createSecureContext({ ...material, ca: clientCa.text }),
  );
  return { ...material, validTo: certificate.validToDate };
}

/** An issuer, and what leads from it to its root; further roots in the file are trusted too, while an operator changes from one to another. */
async function readIssuer(cert: Text, key: Text, now: Date): Promise<Signer> {
  const [certificate, ...others] = readAll(cert);
  if (certificate === undefined) throw bad(cert, 'is not a certificate in PEM form');
  const privateKey = readKey(key);
  requireKeyOf(certificate, cert, privateKey, key);
  if (!certificate.ca) throw bad(cert, 'begins with a certificate that is no authority: it may sign nothing');
  const chain = [certificate];
  for (let last = certificate; !isSelfSigned(last); ) {
    const next = others.find((other) => other.ca && !chain.includes(other) && isSignedBy(last, other));
    if (next === undefined) throw bad(cert, `must hold all up to the root: who has signed "${oneLine(last)}" is missing`);
    chain.push(next);
    last = next;
  }
  const root = chain.at(-1) ?? certificate;
  const behind = chain.slice(0, -1);
  const trusted = unique([root, ...others.filter((other) => other.ca && isSelfSigned(other))]);
  const signer = { certificate, key: privateKey, behindDevice: behind, behindServer: behind, trusted };
  await tryOut(signer, cert, now);
  return signer;
}

/** That a key is of a kind that signs, and a chain one that devices follow, is known once it has signed something. */
async function tryOut(signer: Signer, cert: Text, now: Date): Promise<void> {
  const { publicKey } = await makeKeyPair();
  try {
    const subject = [{ CN: ['hawser'] }];
    const leaf = await makeLeaf({ usage: 'client', subject, publicKey, names: [], lifetimeMs: 60_000 }, signer, now);
    const intermediates = signer.behindDevice;
    const verdict = checkChain({ leaf, intermediates, roots: signer.trusted, usage: 'client', at: 'anyTime' });
    if (verdict.type === 'refused') throw bad(cert, 'has a chain that is too long, or signs what nobody can verify');
  } catch (error) {
    if (!(error instanceof HawserError) || error.code === 'bad_config') throw error;
    throw bad(cert, `cannot sign: ${error.message}`, error);
  }
}

function together(cert: Text, clientCa: Text, serving: ServingMaterial, signer: Signer): OperatorFiles {
  const [leaf, ...intermediates] = readAll(cert);
  if (leaf === undefined) throw bad(cert, 'is not a certificate in PEM form');
  const letIn = unique([...readAll(clientCa), ...signer.trusted]);
  if (letIn.length > MAX_CERTIFICATES)
    throw bad(clientCa, `and issuer.cert have more than ${MAX_CERTIFICATES} certificates together`);
  const roots = unique([...signer.trusted, ...letIn.filter((root) => root.ca && isSelfSigned(root))]);
  const verdict = checkChain({ leaf, intermediates, roots, usage: 'server', at: 'anyTime' });
  if (verdict.type === 'refused') {
    const why = 'leads to no root of issuer.cert or tls.clientCa: devices that join could not verify this relay';
    throw bad(cert, why);
  }
  // Join lines name the first one, and it must be the one that this relay can be verified with.
  const trusted = unique([verdict.root, ...roots]);
  return { serving: { ...serving, clientCa: pemOf(letIn) }, signer: { ...signer, trusted } };
}

function readAll(file: Text): readonly X509Certificate[] {
  try {
    return readCertificates(file.text, file.path);
  } catch (cause) {
    throw bad(file, `is wrong: ${cause instanceof Error ? cause.message : String(cause)}`, cause);
  }
}

function readKey(file: Text): KeyObject {
  return parse(file, 'a private key without a passphrase', () => createPrivateKey(file.text));
}

function requireKeyOf(certificate: X509Certificate, cert: Text, privateKey: KeyObject, key: Text): void {
  if (publicKeyOf(certificate) === undefined) throw bad(cert, 'has a key of an unknown kind');
  if (!certificate.checkPrivateKey(privateKey)) throw bad(key, `is not the key of the certificate in ${cert.path}`);
}

function parse<T>(file: PemFile, what: string, read: () => T): T {
  try {
    return read();
  } catch (cause) {
    // The cause is left out of the message: OpenSSL's words help nobody, and a key's text must not get into a log.
    throw bad(file, `is not ${what} in PEM form`, cause);
  }
}

function bad({ setting, path }: PemFile, why: string, cause?: unknown): HawserError {
  return new HawserError('bad_config', `${setting}: ${path} ${why}`, { cause });
}

function unique(certificates: readonly X509Certificate[]): readonly X509Certificate[] {
  const seen = new Set<string>();
  return certificates.filter(({ fingerprint256 }) => !seen.has(fingerprint256) && seen.add(fingerprint256));
}
