import { createPrivateKey, X509Certificate } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { HawserError } from '@hawser/protocol';
import { writePrivateFile } from '../../private-files.ts';
import { preparePrivateFolder, requirePrivateFile } from '../../private-modes.ts';
import { createSelfSigned } from './self-signed.ts';
import { ensureTokens, readToken, type Tokens, tokensVersion } from './token-files.ts';

/** What the local API is reached with. */
export interface LocalAccess {
  /** PEM. */
  readonly cert: string;
  readonly key: string;
  /** Lets in an administrator of the device; this and the other tokens as they were at the start. */
  readonly token: string;
  /** Lets in who only looks. */
  readonly viewerToken: string;
  /** Lets in the kubelet beside the agent. */
  readonly nodeToken: string;
  /** The tokens that lie there now; undefined where nobody has written any since the last call, or not all of them can be read. */
  readonly changedTokens: () => Tokens | undefined;
}

const CERTIFICATE_FILE = 'api.crt';
const KEY_FILE = 'api.key';
/** Names under which clients on the device may know the API. */
const HOSTS = ['localhost', '127.0.0.1', '::1', 'kubernetes', 'kubernetes.default', 'kubernetes.default.svc'];

/**
 * Reads certificate, key and tokens from the data folder, and makes those that are missing or damaged; all with mode 0600.
 * They stay the same over restarts, so that kubeconfigs stay good.
 * @param address on which the API listens
 * @throws HawserError `bad_config` for one that others may read: the key or token is not private any more
 */
export async function ensureLocalAccess(dataDir: string, address: string): Promise<LocalAccess> {
  preparePrivateFolder(dataDir);
  for (const file of [CERTIFICATE_FILE, KEY_FILE]) requirePrivateFile(join(dataDir, file));
  const pair = readPair(dataDir, address) ?? (await makePair(dataDir, address));
  const { administrator, viewer, kubelet } = ensureTokens(dataDir);
  return { ...pair, token: administrator, viewerToken: viewer, nodeToken: kubelet, changedTokens: changesOf(dataDir) };
}

/** @throws HawserError `bad_config` when the agent has never run in that folder */
export function readLocalAccess(
  dataDir: string,
  holder: 'administrator' | 'viewer' = 'administrator',
): { readonly certificate: string; readonly token: string } {
  const token = readToken(dataDir, holder);
  return { certificate: readCertificate(dataDir, token !== undefined), token: token ?? '' };
}

/** The path of the certificate that the API shows. */
export function certificateFile(dataDir: string): string {
  return join(dataDir, CERTIFICATE_FILE);
}

function readCertificate(dataDir: string, hasToken: boolean): string {
  const file = certificateFile(dataDir);
  if (!hasToken || !existsSync(file)) {
    throw new HawserError('bad_config', `there is no token in ${dataDir}: start the agent once with "hawser-agent run"`);
  }
  return readFileSync(file, 'utf8');
}

/** A rename may fall between two of them: then the version changes once more, and the next call has the rest. */
function changesOf(dataDir: string): () => Tokens | undefined {
  let seen = tokensVersion(dataDir);
  return () => {
    const version = tokensVersion(dataDir);
    if (version === seen) return undefined;
    const [administrator, viewer, kubelet] = [
      readToken(dataDir, 'administrator'),
      readToken(dataDir, 'viewer'),
      readToken(dataDir, 'kubelet'),
    ];
    if (administrator === undefined || viewer === undefined || kubelet === undefined) return undefined;
    seen = version;
    return { administrator, viewer, kubelet };
  };
}

function readPair(dataDir: string, address: string): { cert: string; key: string } | undefined {
  const keyFile = join(dataDir, KEY_FILE);
  if (!existsSync(certificateFile(dataDir)) || !existsSync(keyFile)) return undefined;
  const cert = readFileSync(certificateFile(dataDir), 'utf8');
  const key = readFileSync(keyFile, 'utf8');
  return isPairFor(cert, key, address) ? { cert, key } : undefined;
}

function isPairFor(cert: string, key: string, address: string): boolean {
  try {
    const certificate = new X509Certificate(cert);
    return certificate.checkIP(address) !== undefined && certificate.checkPrivateKey(createPrivateKey(key));
  } catch {
    // No PEM, or cut off by a power loss: a new pair takes its place.
    return false;
  }
}

async function makePair(dataDir: string, address: string): Promise<{ cert: string; key: string }> {
  const pair = await createSelfSigned('hawser-agent', HOSTS.includes(address) ? HOSTS : [...HOSTS, address]);
  writePrivateFile(join(dataDir, KEY_FILE), pair.key);
  writePrivateFile(certificateFile(dataDir), pair.cert);
  return pair;
}
