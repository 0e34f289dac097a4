import { closeSync, existsSync, openSync, readSync } from 'node:fs';
import {
  HawserError,
  isNodeName,
  isRelayUrl,
  type KeyHash,
  keyHash,
  MAX_RELAYS,
  parseKeyHash,
  parseToken,
} from '@hawser/protocol';
import { systemClock } from '../api/clock.ts';
import { createEnrolClient, createIdentityFolder, identityPath, type JoinResult, joinCluster } from '../enroll/index.ts';
import { storePath } from '../ops/paths.ts';
import { requirePrivateFolder } from '../private-modes.ts';
import { readStore } from '../store/index.ts';
import { CommandFailure, EXIT } from './exit.ts';
import type { CliIo } from './io.ts';
import { alignColumns } from './table.ts';

/** As typed. */
export interface JoinFlags {
  readonly token?: string;
  readonly tokenFile?: string;
  readonly caHash?: readonly string[];
  readonly nodeName?: string;
  readonly replace?: boolean;
  readonly rejoin?: boolean;
  readonly output: 'text' | 'json';
}

export interface JoinCommand extends JoinFlags {
  readonly dataDir: string;
  readonly relays: readonly string[];
  /** What starts the agent with this data folder: `hawser-agent run --config FILE`, `systemctl start hawser-agent`. */
  readonly runCommand: string;
  /** The setting `tls.cert`, which is stronger than what is joined. */
  readonly ownCertificate: string | undefined;
}

/** What `hawser-agent join -o json` prints. Times are RFC 3339. */
export interface JoinReport {
  readonly node: string;
  /** The one that has answered. */
  readonly relay: string;
  readonly relays: readonly string[];
  readonly certificate: { readonly serialNumber: string; readonly notBefore: string; readonly notAfter: string };
  readonly authorities: readonly { readonly keyHash: KeyHash; readonly notAfter: string }[];
  readonly identity: string;
  /** Whether it had joined as the same node before. */
  readonly again: boolean;
}

type Joined = JoinResult & { readonly type: 'joined' };

/** A token file holds a line. In bytes; what is beyond is not read. */
const MAX_TOKEN_FILE_BYTES = 4096;
/** Twice as many authorities as an overlap has. */
const MAX_HASHES = 4;
/** No device with this software is older: before it, a clock was never set, and what it says of certificates is left out. */
const FIRST_RELEASE = new Date('2026-01-01T00:00:00Z');

/** @throws CommandFailure, HawserError */
export async function joinDevice(command: JoinCommand, io: CliIo): Promise<void> {
  const request = {
    relays: relaysOf(command.relays),
    hashes: hashesOf(command.caHash ?? []),
    nodeName: nodeNameOf(command.nodeName, io.hostName()),
    token: tokenOf(command),
    replace: command.replace ?? false,
    rejoin: command.rejoin ?? false,
  };
  // The agent would refuse to start there.
  if (existsSync(command.dataDir)) requirePrivateFolder(command.dataDir);
  const say = (line: string) => io.writeError(`hawser-agent: ${line}\n`);
  const now = io.now();
  if (now < FIRST_RELEASE)
    say(`the clock says ${now.toISOString()}, which it cannot be: the time of certificates is not checked`);
  const interrupted = io.interrupted();
  const client = createEnrolClient({
    trust: { type: 'keyHashes', hashes: request.hashes },
    at: now < FIRST_RELEASE ? 'anyTime' : now,
    clock: systemClock,
    signal: interrupted,
  });
  const warn = (fields: unknown, message?: string) => say(`${message}: ${JSON.stringify(fields)}`);
  const folder = createIdentityFolder({ dataDir: command.dataDir, logger: { warn } });
  const progress = {
    onAsking: (relay: string) => say(`asking ${relay} for a certificate of ${request.nodeName}`),
    onFailure: ({ detail }: { readonly detail: string }) => say(detail),
  };
  const result = await joinCluster(request, { folder, client, ...progress }).catch((error: unknown) => {
    if (interrupted.aborted) {
      throw new CommandFailure(EXIT.interrupted, 'interrupted; the same command goes on from here', { cause: error });
    }
    throw isFromSystem(error) ? notWritten(error, command.dataDir) : error;
  });
  if (result.type !== 'joined') throw failureOf(result, command);
  for (const line of notesOn(result, command)) say(line);
  const report = reportOn(result, command);
  io.write(command.output === 'json' ? `${JSON.stringify(report, null, 2)}\n` : describe(report, command));
}

function relaysOf(relays: readonly string[]): readonly string[] {
  if (relays.length > MAX_RELAYS) throw usage(`there are ${relays.length} relays; at most ${MAX_RELAYS} are taken`);
  const wrong = relays.find((url) => !isRelayUrl(url));
  if (wrong !== undefined) throw usage(`${JSON.stringify(wrong)} is not the address of a relay: wss://HOST:PORT`);
  return [...new Set(relays)];
}

function hashesOf(texts: readonly string[]): readonly KeyHash[] {
  if (texts.length === 0) {
    throw usage(
      '--ca-hash is missing: without it nobody can tell the relay from who answers in its place. "hawser-relay token create" prints it',
    );
  }
  if (texts.length > MAX_HASHES) throw usage(`--ca-hash is given ${texts.length} times; at most ${MAX_HASHES} are taken`);
  return texts.map((text) => {
    const hash = parseKeyHash(text);
    if (hash === undefined) throw usage(`--ca-hash: ${JSON.stringify(text)} is not sha256: and 64 hexadecimal digits`);
    return hash;
  });
}

function nodeNameOf(given: string | undefined, hostName: string): string {
  const name = given ?? hostName.toLowerCase();
  if (isNodeName(name)) return name;
  const what = given === undefined ? `the host name ${JSON.stringify(hostName)}` : `--node-name ${JSON.stringify(given)}`;
  const hint = given === undefined ? '; give another one with --node-name' : '';
  throw usage(`${what} cannot be the name of a Node: lower case letters, digits, "-" and ".", at most 253${hint}`);
}

/** What is no token is not shown: it may be one with a typing error. */
function tokenOf({ token, tokenFile }: JoinFlags) {
  if ((token === undefined) === (tokenFile === undefined)) throw usage('one of --token and --token-file is needed, and not both');
  const parsed = parseToken(token ?? readTokenFile(tokenFile ?? ''));
  if (parsed !== undefined) return parsed;
  const where = tokenFile === undefined ? '--token' : tokenFile === '-' ? 'standard input' : tokenFile;
  throw usage(`${where}: this is no token: ID.SECRET with 6 and 16 lower case letters and digits`);
}

function readTokenFile(path: string): string {
  const bytes = Buffer.alloc(MAX_TOKEN_FILE_BYTES);
  let length = 0;
  try {
    const file = path === '-' ? 0 : openSync(path, 'r');
    try {
      for (let read = -1; read !== 0 && length < bytes.length; length += read) {
        read = readSync(file, bytes, length, bytes.length - length, null);
      }
    } finally {
      if (file !== 0) closeSync(file);
    }
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? String(cause.code) : String(cause);
    throw new CommandFailure(EXIT.usage, `--token-file: ${path} cannot be read (${code})`, { cause });
  }
  return bytes.toString('utf8', 0, length).trim();
}

function failureOf(result: Exclude<JoinResult, { type: 'joined' }>, { dataDir, nodeName }: JoinCommand): CommandFailure {
  switch (result.type) {
    case 'joinedAsOther': {
      const { identity, differs } = result;
      const other = differs === 'name' ? 'another name' : 'a cluster with another authority';
      return new CommandFailure(
        EXIT.joinedAsOther,
        `this device has joined as ${identity.nodeName} (${identityPath(dataDir)}), and this would be ${other}.\n` +
          'To give that up, add --rejoin; its store must then be moved away for another cluster. The old name stays taken: ' +
          `"hawser-relay revoke ${identity.nodeName} --forget" ends it. To keep both, use another --data-dir`,
      );
    }
    case 'refused': {
      const hint =
        result.reason === 'nameHeld' && nodeName === undefined ? '\nThe name is the host name; --node-name gives another' : '';
      return new CommandFailure(EXIT.refused, `${result.relay} has refused (${result.reason}): ${result.message}${hint}`);
    }
    case 'failed': {
      const isUntrusted = result.attempts.every(({ kind }) => kind === 'untrusted');
      if (isUntrusted)
        return new CommandFailure(EXIT.untrusted, 'not joined: no relay could be trusted, and none was told anything');
      const waitMs = Math.max(...result.attempts.map(({ retryAfterMs }) => retryAfterMs));
      const when = waitMs > 0 ? `in ${Math.ceil(waitMs / 1000)} s` : 'later';
      return new CommandFailure(
        EXIT.unavailable,
        `not joined: no relay has answered so that it could be; the same command may succeed ${when}`,
      );
    }
  }
}

/** A full disk, a broken one: files are written whole or not at all, so nothing has to be cleared up. */
function notWritten(error: Error, dataDir: string): CommandFailure {
  return new CommandFailure(
    EXIT.failed,
    `the identity could not be written to ${identityPath(dataDir)}: ${error.message}\nWhen that is mended, the same command goes on from here`,
    { cause: error },
  );
}

function isFromSystem(error: unknown): error is Error {
  return error instanceof Error && 'syscall' in error;
}

/** What the operator has to know of an agent and a store that are there already. */
function notesOn({ identity, was }: Joined, { dataDir, rejoin = false, ownCertificate }: JoinCommand): string[] {
  const notes: string[] = [];
  if (ownCertificate !== undefined) {
    notes.push(
      `warning: the setting tls.cert is ${ownCertificate}: with it the agent goes on with that certificate, and not with what it has joined as`,
    );
  }
  const path = storePath(dataDir);
  const store = lookAtStore(path);
  if (store === undefined) return notes;
  if (rejoin) {
    notes.push(
      `warning: the store ${path} is of ${store.cluster === undefined ? 'what this device was before' : `the cluster ${store.cluster}`}. ` +
        `The agent takes objects of no other cluster: if this is another, stop the agent and move it away first: hawser-agent store set-aside`,
    );
  }
  if (store.running) {
    const isSame = was?.nodeName === identity.nodeName && String(was.relays) === String(identity.relays);
    notes.push(
      isSame
        ? 'an agent runs here: it uses the new certificate from its next dial on; restart it where that is long in coming'
        : 'an agent runs here with what it was started with: restart it',
    );
  }
  return notes;
}

function lookAtStore(path: string): { readonly running: boolean; readonly cluster: string | undefined } | undefined {
  if (!existsSync(path)) return undefined;
  try {
    const store = readStore(path);
    const { running } = store;
    const cluster = store.identity().clusterUid;
    store.close();
    return { running, cluster };
  } catch (error) {
    // One of another version, or damaged: the agent says so when it opens it. It has nothing to do with joining.
    if (error instanceof HawserError) return { running: false, cluster: undefined };
    throw error;
  }
}

function reportOn({ identity, relay, was }: Joined, { dataDir }: JoinCommand): JoinReport {
  const [leaf] = identity.current.certificates;
  return {
    node: identity.nodeName,
    relay,
    relays: identity.relays,
    certificate: {
      serialNumber: leaf.serialNumber,
      notBefore: leaf.validFromDate.toISOString(),
      notAfter: leaf.validToDate.toISOString(),
    },
    authorities: identity.authorities.map(({ publicKey, validToDate }) => ({
      keyHash: keyHash(publicKey),
      notAfter: validToDate.toISOString(),
    })),
    identity: identityPath(dataDir),
    again: was?.nodeName === identity.nodeName,
  };
}

function describe({ node, again, relay, certificate, identity }: JoinReport, { runCommand }: JoinCommand): string {
  return alignColumns([
    ['Joined:', `as ${node}${again ? ', again' : ''}, by ${relay}`],
    ['Certificate:', `until ${certificate.notAfter}; the agent renews it`],
    ['Identity:', identity],
    ['Next:', runCommand],
  ]);
}

function usage(message: string): CommandFailure {
  return new CommandFailure(EXIT.usage, message);
}
