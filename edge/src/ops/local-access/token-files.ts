import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { HOLDERS, type Holder } from '../../api/device/identities.ts';
import { writePrivateFile } from '../../private-files.ts';
import { requirePrivateFile } from '../../private-modes.ts';

/** The token of each, as the files hold it. */
export type Tokens = Readonly<Record<Holder, string>>;

const FILES: Readonly<Record<Holder, string>> = {
  administrator: 'api.token',
  viewer: 'viewer.token',
  kubelet: 'kubelet.token',
};
/** 256 bits, as base64url. */
const TOKEN_BYTES = 32;
const TOKEN = /^[A-Za-z0-9_-]{43}$/;

export function tokenFile(dataDir: string, holder: Holder): string {
  return join(dataDir, FILES[holder]);
}

/** Reads the tokens, and makes those that are missing or damaged. @throws HawserError `bad_config` for a file that others may read */
export function ensureTokens(dataDir: string): Tokens {
  for (const holder of HOLDERS) requirePrivateFile(tokenFile(dataDir, holder));
  return tokensBy((holder) => readToken(dataDir, holder) ?? makeToken(dataDir, holder));
}

/** New ones in the place of all. A running agent takes them up by itself. */
export function rotateTokens(dataDir: string): Tokens {
  return tokensBy((holder) => makeToken(dataDir, holder));
}

/** Undefined where there is none, or what is there is no token. */
export function readToken(dataDir: string, holder: Holder): string | undefined {
  const file = tokenFile(dataDir, holder);
  if (!existsSync(file)) return undefined;
  const token = readFileSync(file, 'utf8').trim();
  return TOKEN.test(token) ? token : undefined;
}

/** Changes whenever one of the files was written: each time another file takes the place. */
export function tokensVersion(dataDir: string): string {
  return HOLDERS.map((holder) => {
    const stats = statSync(tokenFile(dataDir, holder), { throwIfNoEntry: false });
    return stats === undefined ? '' : `${stats.ino} ${stats.mtimeMs}`;
  }).join('\n');
}

function makeToken(dataDir: string, holder: Holder): string {
  const token = randomBytes(TOKEN_BYTES).toString('base64url');
  writePrivateFile(tokenFile(dataDir, holder), `${token}\n`);
  return token;
}

function tokensBy(tokenOf: (holder: Holder) => string): Tokens {
  return { administrator: tokenOf('administrator'), viewer: tokenOf('viewer'), kubelet: tokenOf('kubelet') };
}
