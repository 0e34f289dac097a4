import { createPrivateKey, randomBytes, X509Certificate } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { HawserError } from '@hawser/protocol';
import { stringify } from 'yaml';
import { writePrivateFile } from '../../private-files.ts';
import { preparePrivateFolder, requirePrivateFile } from '../../private-modes.ts';
import { createSelfSigned } from './self-signed.ts';

/** What the local API is reached with. */
export interface LocalAccess {
  /** PEM. */
  readonly cert: string;
  readonly key: string;
  /** Lets in an administrator of the device. */
  readonly token: string;
  /** Lets in the kubelet beside the agent. */
  readonly nodeToken: string;
}

const CERTIFICATE_FILE = 'api.crt';
const KEY_FILE = 'api.key';
const TOKEN_FILE = 'api.token';
const NODE_TOKEN_FILE = 'kubelet.token';
/** 256 bits, as base64url. */
const TOKEN_BYTES = 32;
const TOKEN = /^[A-Za-z0-9_-]{43}$/;
/** Names under which clients on the device may know the API. */
const HOSTS = ['localhost', '127.0.0.1', '::1', 'kubernetes', 'kubernetes.default', 'kubernetes.default.svc'];

/**
 * Reads certificate, key and token from the data folder, and makes those that are missing or damaged; all with mode 0600.
 * They stay the same over restarts, so that kubeconfigs stay good.
 * @param address on which the API listens
 * @throws HawserError `bad_config` for one that others may read: the key or token is not private any more
 */
export async function ensureLocalAccess(dataDir: string, address: string): Promise<LocalAccess> {
  preparePrivateFolder(dataDir);
  for (const file of [CERTIFICATE_FILE, KEY_FILE, TOKEN_FILE, NODE_TOKEN_FILE]) requirePrivateFile(join(dataDir, file));
  const pair = readPair(dataDir, address) ?? (await makePair(dataDir, address));
  return { ...pair, token: ensureToken(join(dataDir, TOKEN_FILE)), nodeToken: ensureToken(join(dataDir, NODE_TOKEN_FILE)) };
}

/** @throws HawserError `bad_config` when the agent has never run in that folder */
export function readLocalAccess(dataDir: string): { readonly certificate: string; readonly token: string } {
  const certificateFile = join(dataDir, CERTIFICATE_FILE);
  const token = readToken(join(dataDir, TOKEN_FILE));
  if (token === undefined || !existsSync(certificateFile)) {
    throw new HawserError('bad_config', `there is no token in ${dataDir}: start the agent once with "hawser-agent run"`);
  }
  return { certificate: readFileSync(certificateFile, 'utf8'), token };
}

/**
 * A kubeconfig of the local API for `kubectl`, with everything in it.
 * @param server `https://127.0.0.1:6444`
 * @throws HawserError `bad_config` when the agent has never run in that folder
 */
export function localKubeconfig(dataDir: string, server: string, nodeName: string): string {
  const { certificate, token } = readLocalAccess(dataDir);
  const name = `hawser-${nodeName}`;
  const authority = Buffer.from(certificate).toString('base64');
  return stringify(
    {
      apiVersion: 'v1',
      kind: 'Config',
      clusters: [{ name, cluster: { server, 'certificate-authority-data': authority } }],
      users: [{ name, user: { token } }],
      contexts: [{ name, context: { cluster: name, user: name } }],
      'current-context': name,
    },
    { lineWidth: 0 },
  );
}

function readPair(dataDir: string, address: string): { cert: string; key: string } | undefined {
  const [certificateFile, keyFile] = [join(dataDir, CERTIFICATE_FILE), join(dataDir, KEY_FILE)];
  if (!existsSync(certificateFile) || !existsSync(keyFile)) return undefined;
  const cert = readFileSync(certificateFile, 'utf8');
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
  writePrivateFile(join(dataDir, CERTIFICATE_FILE), pair.cert);
  return pair;
}

function ensureToken(file: string): string {
  return readToken(file) ?? makeToken(file);
}

function readToken(file: string): string | undefined {
  if (!existsSync(file)) return undefined;
  const token = readFileSync(file, 'utf8').trim();
  return TOKEN.test(token) ? token : undefined;
}

function makeToken(file: string): string {
  const token = randomBytes(TOKEN_BYTES).toString('base64url');
  writePrivateFile(file, `${token}\n`);
  return token;
}
