import 'reflect-metadata';
import { randomBytes, webcrypto } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  type Extension,
  type JsonName,
  KeyUsageFlags,
  KeyUsagesExtension,
  PemConverter,
  Pkcs10CertificateRequest,
  PublicKey,
  SubjectAlternativeNameExtension,
  SubjectKeyIdentifierExtension,
  X509CertificateGenerator,
} from '@peculiar/x509';

const KEY_ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256' } as const;
const SIGNING_ALGORITHM = { name: 'ECDSA', hash: 'SHA-256' } as const;
/** Certificates of tests begin a little in the past, so that two clocks on one machine never disagree about them. */
const BACKDATE_MS = 5 * 60_000;
const DAY_SECONDS = 86_400;

/** A certificate and its private key (PKCS #8), both as PEM text. */
export interface CertificatePair {
  readonly certificatePem: string;
  readonly keyPem: string;
}

export interface Subject {
  readonly commonName: string;
  readonly organizations?: readonly string[];
  /** Further common names, for certificates that are not as they should be. */
  readonly otherCommonNames?: readonly string[];
}

/** When a certificate is valid. */
export interface Validity {
  /** Default: one day; counted from now, or from `begins`. */
  readonly lifetimeSeconds?: number | undefined;
  /** Default: five minutes ago. */
  readonly begins?: Date | undefined;
}

export interface ServerCertificateOptions extends Subject, Validity {
  /** DNS names and IP addresses that clients may dial. Default: localhost, 127.0.0.1 and ::1. */
  readonly hosts?: readonly string[];
}

export interface ClientCertificateOptions extends Subject, Validity {
  /** What the certificate may be used for, as object identifiers. Default: clientAuth. */
  readonly usages?: readonly string[];
}

/** A certificate authority that lives in this process (P-256, ECDSA with SHA-256). */
export interface CertificateAuthority extends CertificatePair {
  readonly commonName: string;
  issueServer(options: ServerCertificateOptions): Promise<CertificatePair>;
  issueClient(options: ClientCertificateOptions): Promise<CertificatePair>;
  /** A device's client certificate for a key of its own. @param publicKey SubjectPublicKeyInfo, DER */
  certifyNode(nodeName: string, publicKey: Uint8Array, lifetimeSeconds?: number, begins?: Date): Promise<string>;
  /**
   * Signs a PKCS #10 request as a client certificate with the subject that the request names.
   * Does not judge the subject: whoever approves does.
   * @throws when the request's own signature is wrong.
   */
  signClientRequest(requestPem: string, lifetimeSeconds: number): Promise<string>;
  /** The same as a server certificate, with the names that the request has. */
  signServerRequest(requestPem: string, lifetimeSeconds: number): Promise<string>;
}

/** Makes a new authority; with `existing`, one that goes on with the key and certificate of an earlier one. */
export async function createAuthority(commonName: string, existing?: CertificatePair): Promise<CertificateAuthority> {
  const authority = existing === undefined ? await selfSigned(commonName) : existing;
  const signingKey = await importPrivateKey(authority.keyPem);
  const issuer: JsonName = [{ CN: [commonName] }];

  async function sign(
    subject: JsonName,
    publicKey: PublicKey | webcrypto.CryptoKey,
    { lifetimeSeconds = DAY_SECONDS, begins }: Validity,
    extensions: Extension[],
  ): Promise<string> {
    const certificate = await X509CertificateGenerator.create({
      serialNumber: serialNumber(),
      issuer,
      subject,
      notBefore: begins ?? new Date(Date.now() - BACKDATE_MS),
      notAfter: new Date((begins?.getTime() ?? Date.now()) + lifetimeSeconds * 1000),
      publicKey,
      signingKey,
      signingAlgorithm: SIGNING_ALGORITHM,
      extensions: [
        new BasicConstraintsExtension(false, undefined, true),
        new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
        ...extensions,
      ],
    });
    return `${certificate.toString('pem')}\n`;
  }

  async function issue(subject: Subject, validity: Validity, extensions: Extension[]): Promise<CertificatePair> {
    const keys = await webcrypto.subtle.generateKey(KEY_ALGORITHM, true, ['sign', 'verify']);
    return {
      certificatePem: await sign(subjectName(subject), keys.publicKey, validity, extensions),
      keyPem: await exportPrivateKey(keys.privateKey),
    };
  }

  async function signRequest(
    requestPem: string,
    lifetimeSeconds: number,
    extensionsFor: (request: Pkcs10CertificateRequest) => Extension[],
  ): Promise<string> {
    const request = new Pkcs10CertificateRequest(requestPem);
    if (!(await request.verify())) throw new Error('the certificate request is not signed with its own key');
    return sign(request.subjectName.toJSON(), request.publicKey, { lifetimeSeconds }, extensionsFor(request));
  }

  return {
    ...authority,
    commonName,
    issueServer(options) {
      const hosts = options.hosts ?? ['localhost', '127.0.0.1', '::1'];
      return issue(options, options, [
        new ExtendedKeyUsageExtension([ExtendedKeyUsage.serverAuth]),
        new SubjectAlternativeNameExtension(hosts.map((host) => ({ type: isAddress(host) ? 'ip' : 'dns', value: host }))),
      ]);
    },
    issueClient(options) {
      return issue(options, options, [new ExtendedKeyUsageExtension([...(options.usages ?? [ExtendedKeyUsage.clientAuth])])]);
    },
    certifyNode(nodeName, publicKey, lifetimeSeconds = DAY_SECONDS, begins = undefined) {
      return sign(subjectName(nodeSubject(nodeName)), new PublicKey(Buffer.from(publicKey)), { lifetimeSeconds, begins }, [
        new ExtendedKeyUsageExtension([ExtendedKeyUsage.clientAuth]),
      ]);
    },
    signClientRequest: (requestPem, lifetimeSeconds) =>
      signRequest(requestPem, lifetimeSeconds, () => [new ExtendedKeyUsageExtension([ExtendedKeyUsage.clientAuth])]),
    signServerRequest: (requestPem, lifetimeSeconds) =>
      signRequest(requestPem, lifetimeSeconds, ({ extensions }) => [
        new ExtendedKeyUsageExtension([ExtendedKeyUsage.serverAuth]),
        ...extensions.filter((extension) => extension instanceof SubjectAlternativeNameExtension),
      ]),
  };
}

/** A client certificate of a device, as the kubelet's signer would issue it: `CN=system:node:NAME, O=system:nodes`. */
export function issueNodeCertificate(authority: CertificateAuthority, nodeName: string): Promise<CertificatePair> {
  return authority.issueClient(nodeSubject(nodeName));
}

function nodeSubject(nodeName: string): Subject {
  return { commonName: `system:node:${nodeName}`, organizations: ['system:nodes'] };
}

/**
 * Writes `NAME.crt` and `NAME.key` into the folder, which is made when missing; both with mode 0600.
 * @returns the two paths.
 */
export async function writePair(
  folder: string,
  name: string,
  pair: CertificatePair,
): Promise<{ certificateFile: string; keyFile: string }> {
  const certificateFile = await writePem(folder, `${name}.crt`, pair.certificatePem);
  const keyFile = await writePem(folder, `${name}.key`, pair.keyPem);
  return { certificateFile, keyFile };
}

/** Writes one PEM file with mode 0600 and returns its path. */
export async function writePem(folder: string, fileName: string, pem: string): Promise<string> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const path = join(folder, fileName);
  await writeFile(path, pem, { mode: 0o600 });
  return path;
}

async function selfSigned(commonName: string): Promise<CertificatePair> {
  const keys = await webcrypto.subtle.generateKey(KEY_ALGORITHM, true, ['sign', 'verify']);
  const certificate = await X509CertificateGenerator.createSelfSigned({
    serialNumber: serialNumber(),
    name: [{ CN: [commonName] }],
    notBefore: new Date(Date.now() - BACKDATE_MS),
    notAfter: new Date(Date.now() + 10 * 365 * DAY_SECONDS * 1000),
    signingAlgorithm: SIGNING_ALGORITHM,
    keys,
    extensions: [
      new BasicConstraintsExtension(true, undefined, true),
      new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign | KeyUsageFlags.digitalSignature, true),
      await SubjectKeyIdentifierExtension.create(keys.publicKey),
      await AuthorityKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return { certificatePem: `${certificate.toString('pem')}\n`, keyPem: await exportPrivateKey(keys.privateKey) };
}

/** Organizations before the common name, each as an attribute of its own, as kubelets ask for it. */
function subjectName(subject: Subject): JsonName {
  const organizations = (subject.organizations ?? []).map((organization) => ({ O: [organization] }));
  const names = [subject.commonName, ...(subject.otherCommonNames ?? [])];
  return [...organizations, ...names.map((name) => ({ CN: [name] }))];
}

async function exportPrivateKey(key: webcrypto.CryptoKey): Promise<string> {
  return `${PemConverter.encode(await webcrypto.subtle.exportKey('pkcs8', key), 'PRIVATE KEY')}\n`;
}

function importPrivateKey(pem: string): Promise<webcrypto.CryptoKey> {
  return webcrypto.subtle.importKey('pkcs8', PemConverter.decodeFirst(pem), KEY_ALGORITHM, false, ['sign']);
}

/** 16 random bytes; the first bit is cleared so that the DER integer stays positive (RFC 5280, 4.1.2.2). */
function serialNumber(): string {
  const bytes = randomBytes(16);
  bytes[0] = ((bytes[0] ?? 0) & 0x7f) | 0x01;
  return bytes.toString('hex');
}

function isAddress(host: string): boolean {
  return host.includes(':') || /^\d+\.\d+\.\d+\.\d+$/.test(host);
}
