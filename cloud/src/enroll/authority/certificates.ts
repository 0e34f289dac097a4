import { createHash, generateKeyPair, type KeyObject, randomBytes, type webcrypto, X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';
import { promisify } from 'node:util';
import { HawserError } from '@hawser/protocol';
import type { Extension } from '@peculiar/x509';
import { type Authority, MAX_OLDER } from './authority.ts';

/** How long an authority lives: longer than devices are left alone, and a rotation is one command. In ms. */
export const AUTHORITY_LIFETIME_MS = 10 * 365 * 86_400_000;
/** Certificates begin so long before they are made: a device's clock may be behind by that. In ms. */
export const BACKDATE_MS = 5 * 60_000;
/** 128 bits, of which the first two are fixed: nobody guesses the next one (CA/Browser Forum Baseline Requirements 7.1 asks for 64). */
const SERIAL_BYTES = 16;
const USAGE_OIDS = { server: '1.3.6.1.5.5.7.3.1', client: '1.3.6.1.5.5.7.3.2' } as const;
/** Of the key's hash, in the subject: authorities one after the other need names of their own, or a chain cannot be told from another. */
const NAME_DIGITS = 12;

const makePair = promisify(generateKeyPair);

export interface KeyPair {
  readonly publicKey: KeyObject;
  readonly privateKey: KeyObject;
}

export function makeKeyPair(): Promise<KeyPair> {
  return makePair('ec', { namedCurve: 'P-256' });
}

type Attributes = Readonly<Record<string, readonly string[]>>;

/** A new authority with a key of its own. */
export async function makeAuthority(now: Date): Promise<Authority> {
  const { publicKey, privateKey } = await makeKeyPair();
  const digest = createHash('sha256').update(spkiOf(publicKey)).digest('hex').slice(0, NAME_DIGITS);
  const certificate = await sign({
    subject: [{ CN: [`hawser-ca ${digest}`] }],
    publicKey,
    issuer: undefined,
    key: privateKey,
    notBefore: new Date(now.getTime() - BACKDATE_MS),
    notAfter: new Date(now.getTime() + AUTHORITY_LIFETIME_MS),
    extensions: (x509) => authorityExtensions(x509, publicKey, MAX_OLDER),
  });
  return { certificate, key: privateKey, older: [], crosses: [] };
}

/** The next authority's name and key, signed by the one before it: for those who know only that. */
export function makeCross(before: Authority, next: X509Certificate, now: Date): Promise<X509Certificate> {
  return sign({
    subject: next,
    publicKey: next.publicKey,
    issuer: before.certificate,
    key: before.key,
    notBefore: new Date(now.getTime() - BACKDATE_MS),
    notAfter: earlier(next.validToDate, before.certificate.validToDate),
    extensions: (x509) => authorityExtensions(x509, next.publicKey, MAX_OLDER - 1),
  });
}

export interface Leaf {
  readonly usage: keyof typeof USAGE_OIDS;
  readonly subject: readonly Attributes[];
  readonly publicKey: KeyObject;
  /** DNS names and IP addresses; of a server alone. */
  readonly names: readonly string[];
  readonly lifetimeMs: number;
}

export interface SigningKey {
  readonly certificate: X509Certificate;
  readonly key: KeyObject;
}

/**
 * One end's certificate. It begins a little before now and ends no later than its issuer.
 * @throws HawserError `unreachable` when the issuer has ended: somebody has to replace it first
 */
export async function makeLeaf(leaf: Leaf, issuer: SigningKey, now: Date): Promise<X509Certificate> {
  const end = issuer.certificate.validToDate;
  if (end <= now) throw new HawserError('unreachable', `the authority that signs has ended on ${end.toISOString()}: replace it`);
  return sign({
    subject: leaf.subject,
    publicKey: leaf.publicKey,
    issuer: issuer.certificate,
    key: issuer.key,
    notBefore: new Date(now.getTime() - BACKDATE_MS),
    notAfter: earlier(new Date(now.getTime() + leaf.lifetimeMs), end),
    extensions: async (x509) => [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([USAGE_OIDS[leaf.usage]]),
      await x509.AuthorityKeyIdentifierExtension.create(spkiOf(issuer.certificate.publicKey)),
      ...(leaf.names.length === 0 ? [] : [new x509.SubjectAlternativeNameExtension(leaf.names.map(generalName))]),
    ],
  });
}

type Library = typeof import('./x509.ts');

interface Wanted {
  /** A certificate means: the same name, byte for byte. */
  readonly subject: readonly Attributes[] | X509Certificate;
  readonly publicKey: KeyObject;
  /** Undefined: by itself. */
  readonly issuer: X509Certificate | undefined;
  readonly key: KeyObject;
  readonly notBefore: Date;
  readonly notAfter: Date;
  readonly extensions: (x509: Library) => Promise<Extension[]>;
}

async function sign({ subject, publicKey, issuer, key, notBefore, notAfter, extensions }: Wanted): Promise<X509Certificate> {
  const x509: Library = await import('./x509.ts');
  const nameOf = (name: Wanted['subject']) =>
    name instanceof X509Certificate
      ? new x509.X509Certificate(name.raw).subjectName
      : name.map((attributes) => Object.fromEntries(Object.entries(attributes).map(([type, values]) => [type, [...values]])));
  const { signingKey, signingAlgorithm } = importKey(key);
  const made = await x509.X509CertificateGenerator.create({
    serialNumber: serialNumber(),
    subject: nameOf(subject),
    issuer: nameOf(issuer ?? subject),
    publicKey: spkiOf(publicKey),
    notBefore,
    notAfter,
    signingKey,
    signingAlgorithm,
    extensions: await extensions(x509),
  });
  return new X509Certificate(Buffer.from(made.rawData));
}

async function authorityExtensions(x509: Library, publicKey: KeyObject, authoritiesBelow: number): Promise<Extension[]> {
  return [
    new x509.BasicConstraintsExtension(true, authoritiesBelow, true),
    new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
    await x509.SubjectKeyIdentifierExtension.create(spkiOf(publicKey)),
  ];
}

/** Ours are P-256; an operator's own issuer may be any that TLS 1.3 has signatures for. @throws HawserError `unsupported` */
function importKey(key: KeyObject): { signingKey: webcrypto.CryptoKey; signingAlgorithm: webcrypto.EcdsaParams } {
  const { asymmetricKeyType: type, asymmetricKeyDetails: details } = key;
  const curve = type === 'ec' ? CURVES[details?.namedCurve ?? ''] : undefined;
  if (curve !== undefined) {
    const { namedCurve, hash } = curve;
    return {
      signingKey: key.toCryptoKey({ name: 'ECDSA', namedCurve }, false, ['sign']),
      signingAlgorithm: { name: 'ECDSA', hash },
    };
  }
  if (type === 'rsa') {
    const algorithm = { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' };
    return { signingKey: key.toCryptoKey(algorithm, false, ['sign']), signingAlgorithm: algorithm };
  }
  throw new HawserError(
    'unsupported',
    `a key of type ${String(type)} signs no certificates here: P-256, P-384, P-521 and RSA do`,
  );
}

const CURVES: Readonly<Record<string, { namedCurve: string; hash: string }>> = {
  prime256v1: { namedCurve: 'P-256', hash: 'SHA-256' },
  secp384r1: { namedCurve: 'P-384', hash: 'SHA-384' },
  secp521r1: { namedCurve: 'P-521', hash: 'SHA-512' },
};

function generalName(name: string): { type: 'ip' | 'dns'; value: string } {
  return { type: isIP(name) === 0 ? 'dns' : 'ip', value: name };
}

function spkiOf(key: KeyObject): Buffer<ArrayBuffer> {
  return Buffer.from(key.export({ type: 'spki', format: 'der' }));
}

/** Positive, and of no fewer bytes than it has (RFC 5280, section 4.1.2.2). */
function serialNumber(): string {
  const bytes = randomBytes(SERIAL_BYTES);
  bytes[0] = ((bytes[0] ?? 0) & 0x7f) | 0x40;
  return bytes.toString('hex');
}

function earlier(one: Date, other: Date): Date {
  return one < other ? one : other;
}
