import { createPublicKey, X509Certificate } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createIdentityFolder, type IdentityFolder, identityPath } from '@hawser/edge';
import { pino } from 'pino';
import { createAuthority } from '../../support/pki.ts';
import { attempt, type Opened, type Target } from '../engine/target.ts';
import { MB, MS } from './limits.ts';

const FILES = ['device.json', 'device.pem', 'authorities.pem', 'next.pem', 'key.pem', 'joined.json'] as const;

/**
 * The folder of a device that has joined, with one file changed. First byte: which file. Second byte: `00` the file becomes what follows,
 * otherwise what follows are edits of three bytes each: a place, in two, and what is written there.
 */
export const identity: Target = {
  name: 'identity',
  what: "files of the device's identity folder",
  corpus: ['identity'],
  // 400 KB of PEM in two files, and OpenSSL's structures of it.
  bounds: { ms: MS, bytes: 32 * MB, inputBytes: 64 * 1024 },
  mutators: [],
  open: openFolder,
};

async function openFolder(): Promise<Opened> {
  const dataDir = mkdtempSync(join(tmpdir(), 'hawser-fuzz-identity-'));
  const folder = createIdentityFolder({ dataDir, logger: pino({ level: 'silent' }) });
  await joinAndRenew(folder);
  const path = identityPath(dataDir);
  const original = new Map(readdirSync(path).map((name) => [name, readFileSync(join(path, name))]));
  return {
    run(input) {
      for (const name of readdirSync(path)) rmSync(join(path, name), { recursive: true });
      for (const [name, bytes] of original) writeFileSync(join(path, name), bytes, { mode: 0o600 });
      const file = FILES[(input[0] ?? 0) % FILES.length] ?? 'device.json';
      writeFileSync(join(path, file), edited(original.get(file), input.subarray(1)), { mode: 0o600 });
      return attempt(() => folder.read());
    },
    close: () => rmSync(dataDir, { recursive: true }),
  };
}

/** All files but those that are there only in the middle of something. */
async function joinAndRenew(folder: IdentityFolder): Promise<void> {
  const authority = await createAuthority('relays');
  const certified = async () => {
    const spki = createPublicKey(folder.requestKey()).export({ type: 'spki', format: 'der' });
    return new X509Certificate(await authority.certifyNode('truck-1', spki));
  };
  const authorities = [new X509Certificate(authority.certificatePem)];
  folder.writeJoined({ nodeName: 'truck-1', relays: ['wss://127.0.0.1:8443'], certificates: [await certified()], authorities });
  folder.writeNext([await certified()]);
  folder.requestKey();
}

function edited(before: Buffer | undefined, [kind = 0, ...rest]: Uint8Array): Buffer {
  if (kind === 0 || before === undefined) return Buffer.from(rest);
  const bytes = Buffer.from(before);
  for (let at = 0; at + 2 < rest.length; at += 3) {
    bytes[((rest[at] ?? 0) * 256 + (rest[at + 1] ?? 0)) % bytes.length] = rest[at + 2] ?? 0;
  }
  return bytes;
}
