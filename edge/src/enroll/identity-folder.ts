import { generateKeyPairSync, type KeyObject, type X509Certificate } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { HawserError } from '@hawser/protocol';
import type { Logger } from 'pino';
import { type FileSteps, fileSteps, readPrivateFile, writePrivateFile } from '../private-files.ts';
import { requirePrivateFolder } from '../private-modes.ts';
import {
  certificatesText,
  credentialText,
  deviceText,
  joinedText,
  keyText,
  MAX_IDENTITY_FILE_BYTES,
  nodeNameIn,
  readCertificates,
  readCredential,
  readDevice,
  readJoined,
  readKey,
} from './identity-files.ts';
import type { Credential, Identity, IdentityFolder, Joined } from './types.ts';

export interface IdentityFolderOptions {
  /** The agent's; the identity is the folder `identity` in it. */
  readonly dataDir: string;
  readonly logger: Pick<Logger, 'warn'>;
  /** For tests that stop in the middle. */
  readonly steps?: FileSteps;
}

/** The folder is made by the first `requestKey`. @throws nothing: the folder is looked at by each call */
export function createIdentityFolder(options: IdentityFolderOptions): IdentityFolder {
  return new FilesOfIdentity(options);
}

export function identityPath(dataDir: string): string {
  return join(dataDir, 'identity');
}

/**
 * A join changes several files, and they must change together. So what it has brought is first written as one file, joined.json: from
 * its rename on that is the identity, and nothing else is read. Then the others are made from it, and it is removed; a process that ends
 * in between leaves the rest to the next one that writes.
 */
class FilesOfIdentity implements IdentityFolder {
  readonly #folder: string;
  readonly #logger: Pick<Logger, 'warn'>;
  readonly #steps: FileSteps;

  constructor({ dataDir, logger, steps = fileSteps }: IdentityFolderOptions) {
    this.#folder = identityPath(dataDir);
    this.#logger = logger;
    this.#steps = steps;
  }

  read(): Identity | undefined {
    if (!this.#isThere()) return undefined;
    this.#requirePrivate();
    const joined = this.#parsed('joined.json', readJoined);
    const found = joined === undefined ? this.#readFiles() : { ...joined, current: joined.credential, next: undefined };
    if (found === undefined) return undefined;
    const { nodeName, relays, authorities, current, next } = found;
    const named = nodeNameIn(current.certificates[0]);
    if (named !== nodeName) {
      const of = named === undefined ? 'no Node' : named;
      throw this.#broken('device.json', `it says that this is ${nodeName}, and the certificate in device.pem is of ${of}`);
    }
    return { nodeName, relays, authorities, current, next };
  }

  requestKey(): KeyObject {
    this.#makeFolder();
    this.#finishJoin();
    const waiting = this.#waitingKey();
    if (waiting !== undefined) return waiting;
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    this.#write('key.pem', keyText(privateKey));
    return privateKey;
  }

  writeJoined({ nodeName, relays, certificates, authorities }: Joined): void {
    this.#makeFolder();
    this.#finishJoin();
    const credential = this.#credentialOf(certificates, [this.#waitingKey(), ...this.#keysInUse()]);
    this.#write('joined.json', joinedText({ nodeName, relays, credential, authorities: nonEmpty(authorities) }));
    this.#finishJoin();
  }

  writeNext(certificates: readonly X509Certificate[]): void {
    this.#requirePrivate();
    this.#finishJoin();
    const credential = this.#credentialOf(certificates, [this.#waitingKey()]);
    this.#write('next.pem', credentialText(credential));
    this.#remove('key.pem');
    this.#steps.syncFolder(this.#folder);
  }

  promoteNext(): void {
    this.#requirePrivate();
    this.#finishJoin();
    if (!existsSync(this.#path('next.pem'))) return;
    this.#steps.rename(this.#path('next.pem'), this.#path('device.pem'));
    this.#steps.syncFolder(this.#folder);
  }

  writeAuthorities(certificates: readonly X509Certificate[]): void {
    this.#requirePrivate();
    this.#finishJoin();
    this.#write('authorities.pem', certificatesText(nonEmpty(certificates)));
  }

  #readFiles(): Identity | undefined {
    const current = this.#parsed('device.pem', readCredential);
    if (current === undefined) return undefined;
    const device = this.#parsed('device.json', readDevice);
    const authorities = this.#parsed('authorities.pem', readCertificates);
    if (device === undefined) throw this.#broken('device.json', 'it is not there');
    if (authorities === undefined) throw this.#broken('authorities.pem', 'it is not there');
    return { ...device, authorities, current, next: this.#readNext(device.nodeName) };
  }

  /** A renewal that cannot be used is no reason to lose the certificate that can. */
  #readNext(nodeName: string): Credential | undefined {
    const next = this.#usable('next.pem', readCredential);
    if (next === undefined || nodeNameIn(next.certificates[0]) === nodeName) return next;
    this.#logger.warn({ path: this.#path('next.pem'), node: nodeName }, 'renewed certificate is of another node, not used');
    return undefined;
  }

  /** One that is in use already was left by a process that ended before it was removed. */
  #waitingKey(): KeyObject | undefined {
    const key = this.#usable('key.pem', readKey);
    return key === undefined || this.#keysInUse().some((used) => used?.equals(key)) ? undefined : key;
  }

  #keysInUse(): readonly (KeyObject | undefined)[] {
    return [this.#usable('device.pem', readCredential)?.key, this.#usable('next.pem', readCredential)?.key];
  }

  #credentialOf(certificates: readonly X509Certificate[], keys: readonly (KeyObject | undefined)[]): Credential {
    const [leaf, ...others] = certificates;
    const key = keys.find((candidate) => candidate !== undefined && leaf?.checkPrivateKey(candidate));
    if (leaf !== undefined && key !== undefined) return { key, certificates: [leaf, ...others] };
    throw new HawserError(
      'malformed_request',
      `a certificate has come for a key that is not in ${this.#folder}: has this device been joined a second time meanwhile? Try again`,
    );
  }

  #finishJoin(): void {
    const joined = this.#parsed('joined.json', readJoined);
    if (joined === undefined) return;
    this.#write('device.pem', credentialText(joined.credential));
    this.#write('authorities.pem', certificatesText(joined.authorities));
    this.#write('device.json', deviceText(joined));
    for (const name of ['next.pem', 'key.pem']) this.#remove(name);
    this.#steps.syncFolder(this.#folder);
    this.#remove('joined.json');
    this.#steps.syncFolder(this.#folder);
  }

  #makeFolder(): void {
    const dataDir = dirname(this.#folder);
    try {
      if (!existsSync(dataDir)) mkdirSync(dataDir, { recursive: true, mode: 0o700 });
      if (!existsSync(this.#folder)) {
        this.#steps.createFolder(this.#folder);
        this.#steps.syncFolder(dataDir);
      }
    } catch (cause) {
      const why = cause instanceof Error ? cause.message : String(cause);
      const hint = isDenied(cause) ? '. Run it as root, or as the user of the agent in a data folder of its own (dataDir)' : '';
      throw new HawserError('bad_config', `the folder ${this.#folder} cannot be made: ${why}${hint}`, { cause });
    }
    this.#requirePrivate();
    this.#removeLeftovers();
  }

  /** Files that a process was writing when it was ended. Those of a process that lives may be its own. */
  #removeLeftovers(): void {
    for (const name of readdirSync(this.#folder)) {
      const pid = /\.(\d+)\.new$/.exec(name)?.[1];
      if (pid !== undefined && !isAlive(Number(pid))) this.#remove(name);
    }
  }

  /** A folder that this user cannot look into may hold an identity. @throws HawserError `bad_config` */
  #isThere(): boolean {
    try {
      return statSync(this.#folder, { throwIfNoEntry: false }) !== undefined;
    } catch (cause) {
      const why = isDenied(cause) ? 'may not be read by this user: run it as the user of the agent' : String(cause);
      throw new HawserError('bad_config', `${this.#folder} ${why}`, { cause });
    }
  }

  #requirePrivate(): void {
    requirePrivateFolder(this.#folder);
  }

  /** @throws HawserError `bad_config` that says what to do */
  #parsed<T>(name: string, parse: (text: string) => T): T | undefined {
    const text = readPrivateFile(this.#path(name), MAX_IDENTITY_FILE_BYTES);
    if (text === undefined) return undefined;
    try {
      return parse(text);
    } catch (cause) {
      throw this.#broken(name, cause instanceof Error ? cause.message : String(cause), cause);
    }
  }

  /** As `#parsed`; a file that is damaged is as good as none. */
  #usable<T>(name: string, parse: (text: string) => T): T | undefined {
    const text = readPrivateFile(this.#path(name), MAX_IDENTITY_FILE_BYTES);
    if (text === undefined) return undefined;
    try {
      return parse(text);
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      this.#logger.warn({ path: this.#path(name), why }, 'file of the identity damaged, not used');
      return undefined;
    }
  }

  #broken(name: string, why: string, cause?: unknown): HawserError {
    return new HawserError(
      'bad_config',
      `${this.#path(name)}: ${why}. Put back a copy of the folder, or move it away (mv ${this.#folder} ${this.#folder}.broken) ` +
        'and join again with "hawser-agent join"',
      { cause },
    );
  }

  #write(name: string, text: string): void {
    writePrivateFile(this.#path(name), text, this.#steps);
  }

  #remove(name: string): void {
    this.#steps.remove(this.#path(name));
  }

  #path(name: string): string {
    return join(this.#folder, name);
  }
}

function isDenied(error: unknown): boolean {
  return error instanceof Error && 'code' in error && (error.code === 'EACCES' || error.code === 'EPERM');
}

function nonEmpty(certificates: readonly X509Certificate[]): readonly X509Certificate[] {
  if (certificates.length > 0) return certificates;
  throw new HawserError('malformed_request', 'a list of authorities with nothing in it: no relay could be verified with it');
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}
