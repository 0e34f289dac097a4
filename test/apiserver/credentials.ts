import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type CertificatePair, createAuthority, writePem } from '../support/pki.ts';
import { createServiceAccountTokens } from './policy/service-account-tokens.ts';

/** What makes one cluster the same after a restart: whoever trusted it, or was let in by it, still does and is. */
export interface ClusterCredentials {
  readonly authority: CertificatePair;
  /** PKCS #8 of the key that signs ServiceAccount tokens. */
  readonly tokenKeyPem: string;
  readonly adminToken: string;
  readonly relayToken: string;
}

const AUTHORITY_NAME = 'embedded-cluster';
const FILES = { ca: 'ca.crt', caKey: 'ca.key', tokenKey: 'service-account.key', admin: 'admin.token', relay: 'relay.token' };

export function openAuthority(credentials: ClusterCredentials) {
  return createAuthority(AUTHORITY_NAME, credentials.authority);
}

export async function createCredentials(): Promise<ClusterCredentials> {
  const { certificatePem, keyPem } = await createAuthority(AUTHORITY_NAME);
  return {
    authority: { certificatePem, keyPem },
    tokenKeyPem: (await createServiceAccountTokens()).keyPem,
    adminToken: newToken(),
    relayToken: newToken(),
  };
}

/**
 * The credentials in that folder; made and written there (mode 0600) when it has none.
 * @throws when some of the files are there and others not
 */
export async function loadOrCreateCredentials(folder: string): Promise<ClusterCredentials> {
  if ((await read(folder, FILES.ca)) === undefined) {
    const created = await createCredentials();
    await writePem(folder, FILES.caKey, created.authority.keyPem);
    await writePem(folder, FILES.tokenKey, created.tokenKeyPem);
    await writePem(folder, FILES.admin, created.adminToken);
    await writePem(folder, FILES.relay, created.relayToken);
    // Last, because its presence stands for all.
    await writePem(folder, FILES.ca, created.authority.certificatePem);
    return created;
  }
  return {
    authority: { certificatePem: await requireFile(folder, FILES.ca), keyPem: await requireFile(folder, FILES.caKey) },
    tokenKeyPem: await requireFile(folder, FILES.tokenKey),
    adminToken: await requireFile(folder, FILES.admin),
    relayToken: await requireFile(folder, FILES.relay),
  };
}

async function requireFile(folder: string, file: string): Promise<string> {
  const content = await read(folder, file);
  if (content === undefined)
    throw new Error(`${join(folder, file)} is missing beside ${FILES.ca}: remove the folder to begin anew`);
  return content;
}

async function read(folder: string, file: string): Promise<string | undefined> {
  try {
    return await readFile(join(folder, file), 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
}

/** 256 random bits. */
function newToken(): string {
  return randomBytes(32).toString('base64url');
}
