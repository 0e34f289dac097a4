import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { HawserError } from '@hawser/protocol';
import type { Logger } from 'pino';
import {
  certificatesText,
  createIdentityFolder,
  type Identity,
  type IdentityFolder,
  identityPath,
  keyText,
  nodeNameIn,
} from '../enroll/index.ts';
import type { LinkTls } from '../link/index.ts';
import { requireUnreadableByOthers } from '../private-modes.ts';
import type { Settings } from './settings.ts';

/** As whom the agent dials, and whom. */
export interface LinkIdentity {
  readonly nodeName: string;
  readonly relays: readonly string[];
  /** For the next dial, with the current certificate. @throws HawserError `bad_config` that says what to do */
  readonly tls: () => LinkTls;
  /** Key exchange in OpenSSL's form; undefined: Node's default. */
  readonly ecdhCurve: string | undefined;
  /** Undefined where the operator's own files serve: they are never changed. */
  readonly folder: IdentityFolder | undefined;
}

interface TlsFiles {
  readonly cert: string;
  readonly key: string;
  readonly ca: string;
}

type IdentitySettings = Pick<Settings, 'tls' | 'keyExchange' | 'nodeName' | 'dataDir' | 'relay'>;

/** Chains and bundles of authorities are some KB; a larger file is another one. In bytes. */
const MAX_PEM_BYTES = 1024 * 1024;

/**
 * The files of the settings where they are set, else what the device has joined with.
 * @throws HawserError `bad_config` that names setting and file, or says how to join
 */
export function linkIdentity(settings: IdentitySettings, logger: Pick<Logger, 'warn'>): LinkIdentity {
  const { cert, key, ca } = settings.tls;
  const ecdhCurve = curveOf(settings.keyExchange);
  if (cert !== undefined && key !== undefined && ca !== undefined && settings.relay.urls !== undefined) {
    const files = { cert, key, ca };
    const tls = () => readTlsFiles(files, settings.keyExchange);
    const named = nodeNameIn(new X509Certificate(tls().cert));
    return {
      nodeName: checkedName(named, settings.nodeName, cert),
      relays: settings.relay.urls,
      tls,
      ecdhCurve,
      folder: undefined,
    };
  }
  const folder = createIdentityFolder({ dataDir: settings.dataDir, logger });
  const path = identityPath(settings.dataDir);
  const read = () => folder.read() ?? notJoined(path);
  const { nodeName, relays } = read();
  checkedName(nodeName, settings.nodeName, path);
  return {
    nodeName,
    relays: settings.relay.urls ?? relays,
    tls: () => linkTls(sameNode(read(), nodeName, path), settings.keyExchange),
    ecdhCurve,
    folder,
  };
}

/** The current certificate of an identity, as the link takes it. */
export function linkTls({ current, authorities }: Identity, keyExchange: Settings['keyExchange']): LinkTls {
  return {
    cert: certificatesText(current.certificates),
    key: keyText(current.key),
    ca: certificatesText(authorities),
    ecdhCurve: curveOf(keyExchange),
  };
}

/**
 * Reads the files of the link and tries them together.
 * @throws HawserError `bad_config` that names setting and file, also for a key that others may read
 */
export function readTlsFiles(tls: TlsFiles, keyExchange: Settings['keyExchange']): LinkTls {
  const cert = readPem('tls.cert', tls.cert);
  const key = readPem('tls.key', tls.key);
  requireUnreadableByOthers(tls.key);
  const ca = readPem('tls.ca', tls.ca);
  const certificate = parsed('tls.cert', tls.cert, 'a certificate', () => new X509Certificate(cert));
  const privateKey = parsed('tls.key', tls.key, 'a private key without a passphrase', () => createPrivateKey(key));
  parsed('tls.ca', tls.ca, 'a certificate of an authority', () => new X509Certificate(ca));
  if (!certificate.checkPrivateKey(privateKey)) {
    throw new HawserError('bad_config', `tls.key: ${tls.key} is not the key of the certificate in ${tls.cert}`);
  }
  return { cert, key, ca, ecdhCurve: curveOf(keyExchange) };
}

/** The Node's name: the one that the certificate speaks for, which the relay goes by. */
function checkedName(named: string | undefined, wanted: string | undefined, path: string): string {
  if (named === undefined) {
    throw new HawserError('bad_config', `tls.cert: ${path} is not the certificate of a node: its CN must be system:node:NAME`);
  }
  if (wanted !== undefined && wanted !== named) {
    throw new HawserError(
      'bad_config',
      `nodeName: is ${wanted}, but the certificate in ${path} is for ${named}: leave it out, or use the right certificate`,
    );
  }
  return named;
}

function sameNode(identity: Identity, nodeName: string, path: string): Identity {
  if (identity.nodeName === nodeName) return identity;
  throw new HawserError(
    'bad_config',
    `${path} is of ${identity.nodeName} now, and this agent runs as ${nodeName}: restart it, with a data folder of its own`,
  );
}

function notJoined(path: string): never {
  throw new HawserError(
    'bad_config',
    `this device has not joined: there is no identity in ${path}. Join it with\n` +
      '  hawser-agent join wss://RELAY:PORT --token ID.SECRET --ca-hash sha256:HEX\n' +
      'as "hawser-relay token create" prints it, or set tls.cert, tls.key, tls.ca and relay.urls to use a certificate of your own',
  );
}

function curveOf(keyExchange: Settings['keyExchange']): string | undefined {
  return keyExchange === 'x25519' ? 'X25519' : undefined;
}

function readPem(setting: string, path: string): string {
  try {
    if (statSync(path).size > MAX_PEM_BYTES)
      throw new HawserError('bad_config', `${setting}: ${path} is too large to be a PEM file`);
    return readFileSync(path, 'utf8');
  } catch (cause) {
    if (cause instanceof HawserError) throw cause;
    const code = cause instanceof Error && 'code' in cause ? cause.code : undefined;
    const why = code === 'ENOENT' ? 'is not there' : code === 'EACCES' ? 'may not be read' : `cannot be read (${String(code)})`;
    throw new HawserError('bad_config', `${setting}: the file ${path} ${why}`, { cause });
  }
}

function parsed<T>(setting: string, path: string, what: string, parse: () => T): T {
  try {
    return parse();
  } catch (cause) {
    // OpenSSL's words help nobody, and a key's text must not get into a log: the cause stays out of the message.
    throw new HawserError('bad_config', `${setting}: ${path} is not ${what} in PEM form`, { cause });
  }
}
