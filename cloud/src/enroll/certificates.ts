import type { Logger } from 'pino';
import type { ApiClient, IdentityCheck } from '../apiserver/index.ts';
import type { Clock } from '../clock.ts';
import type { ReflectorStatus } from '../merge/change.ts';
import type { Settings } from '../ops/settings.ts';
import { createIssuer } from './authority/issuer.ts';
import { createPublication } from './authority/publication.ts';
import { createSecretAuthority } from './authority/secret-authority.ts';
import type { SignerSource } from './authority/signer.ts';
import { createEnds } from './serving/ends.ts';
import { type Followed, followFiles } from './serving/followed-files.ts';
import { createIssuedServing } from './serving/issued-serving.ts';
import { defaultNames } from './serving/names.ts';
import { type OperatorFiles, type OperatorPaths, operatorFiles, readOperatorFiles } from './serving/operator-files.ts';
import type { Issuer, Serving } from './types.ts';

export interface CertificatesOptions {
  readonly settings: Pick<Settings, 'tls' | 'issuer' | 'enroll'> & { readonly link: Pick<Settings['link'], 'names'> };
  readonly client: ApiClient;
  /** Of the relays. */
  readonly namespace: string;
  readonly identity: IdentityCheck;
  readonly machine: { readonly hostname: string; readonly podIp: string | undefined };
  readonly clock: Clock;
  /** From 0 to 1, 1 excluded. */
  readonly random: () => number;
  readonly logger: Logger;
  /** The operator's files were read, at the start or anew. */
  readonly onFiles: (result: 'taken' | 'refused') => void;
}

/** When what this relay trusts and is trusted by ends. */
export interface TrustReadings {
  readonly servingEnd: Date | undefined;
  readonly authorityEnd: Date | undefined;
  /** Authorities, the current one included. */
  readonly trusted: number;
}

/**
 * With what the relay serves, and who signs devices' certificates: files of the operator where there are any, otherwise the Secret
 * that all replicas share.
 */
export interface Certificates {
  readonly serving: Serving;
  /** Undefined where an operator's certificates serve and none of his issuers is there: nobody signs. */
  readonly issuer: Issuer | undefined;
  start(): void;
  stop(): Promise<void>;
  /** What keeps the relay from serving, one line each, for people. */
  waitingFor(): readonly string[];
  readings(): TrustReadings;
  /** Of the watch of the authority, where the Secret holds it. */
  status(): ReflectorStatus | undefined;
  /** The API server was restored from a backup. */
  restored(detail: string): void;
}

/** @throws HawserError `bad_config` for files that are missing or wrong */
export async function createCertificates(options: CertificatesOptions): Promise<Certificates> {
  const { settings, clock, logger } = options;
  const paths = operatorPaths(settings);
  const files = paths === undefined ? undefined : await followOperator(paths, options);
  const secret = files === undefined ? createSecretAuthority(options) : undefined;
  const source = secret ?? signerOf(files);
  const names =
    settings.link.names.length > 0 ? namedAnd(settings.link.names, options.machine.podIp) : defaultNames(options.machine);
  const issued =
    source === undefined || paths?.tls !== undefined ? undefined : createIssuedServing({ source, names, clock, logger });
  const serving: Serving = issued ?? servingOf(files);
  const publication =
    source === undefined ? undefined : createPublication({ ...options, source, relays: settings.enroll.relays });
  const readings = (): TrustReadings => ({
    servingEnd: serving.current()?.validTo,
    authorityEnd: source?.current()?.certificate.validToDate,
    trusted: source?.current()?.trusted.length ?? 0,
  });
  const ends = createEnds({ readings, clock, logger });
  return {
    serving,
    issuer:
      source === undefined ? undefined : createIssuer({ source, clock, lifetimeMs: settings.enroll.certificateHours * 3600_000 }),
    start() {
      issued?.start();
      publication?.start();
      secret?.start();
      ends.start();
    },
    async stop() {
      ends.stop();
      files?.stop();
      issued?.stop();
      await publication?.stop();
      await secret?.stop();
    },
    waitingFor() {
      if (serving.current() !== undefined) return [];
      return [source?.waitingFor() ?? 'a serving certificate: see the log'];
    },
    readings,
    status: () => secret?.status(),
    restored: (detail) => secret?.restored(detail),
  };
}

/** Administrators find a replica by the address of its pod, and verify it by that. */
function namedAnd(names: readonly string[], podIp: string | undefined): readonly string[] {
  return podIp === undefined || podIp === '' ? names : [...new Set([...names, podIp])];
}

function operatorPaths({ tls, issuer }: CertificatesOptions['settings']): OperatorPaths | undefined {
  const { cert, key, clientCa } = tls;
  const ofIssuer = issuer.cert === undefined || issuer.key === undefined ? undefined : { cert: issuer.cert, key: issuer.key };
  if (cert !== undefined && key !== undefined && clientCa !== undefined) {
    return { tls: { cert, key, clientCa }, issuer: ofIssuer };
  }
  return ofIssuer === undefined ? undefined : { tls: undefined, issuer: ofIssuer };
}

function followOperator(paths: OperatorPaths, { clock, logger, onFiles }: CertificatesOptions): Promise<Followed<OperatorFiles>> {
  return followFiles({
    files: operatorFiles(paths),
    parse: (texts) => readOperatorFiles(paths, texts, clock.now()),
    clock,
    logger,
    onRead: onFiles,
  });
}

/** Which files there are does not change while they are followed. */
function signerOf(files: Followed<OperatorFiles> | undefined): SignerSource | undefined {
  if (files?.current().signer === undefined) return undefined;
  return { current: () => files.current().signer, onChange: files.onChange, waitingFor: () => undefined };
}

function servingOf(files: Followed<OperatorFiles> | undefined): Serving {
  return { current: () => files?.current().serving, onChange: (listener) => files?.onChange(listener) ?? (() => undefined) };
}
