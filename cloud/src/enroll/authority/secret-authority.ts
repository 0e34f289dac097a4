import { type ApiResource, HawserError, resourceById, resourcePath } from '@hawser/protocol';
import type { Logger } from 'pino';
import { type ApiClient, createReflector, type IdentityCheck, type Reflector, readFailure } from '../../apiserver/index.ts';
import type { Clock } from '../../clock.ts';
import type { Change, ReflectorStatus } from '../../merge/change.ts';
import { untilDone } from '../../retry.ts';
import { Listeners } from '../listeners.ts';
import { type Authority, trustedBy } from './authority.ts';
import { makeAuthority } from './certificates.ts';
import { AUTHORITY_NAME } from './names.ts';
import { authoritySecret, readAuthoritySecret } from './secret.ts';
import type { Signer, SignerSource } from './signer.ts';

export interface SecretAuthorityOptions {
  readonly client: ApiClient;
  /** Of the relays. */
  readonly namespace: string;
  readonly identity: IdentityCheck;
  readonly clock: Clock;
  /** From 0 to 1, 1 excluded. */
  readonly random: () => number;
  readonly logger: Logger;
}

/**
 * The relay's own authority: one Secret that all replicas watch. It is what the watch last said that it is:
 *
 * | the Secret | what a replica does |
 * |---|---|
 * | is not there at the start | makes an authority and creates it; of several replicas one succeeds, and all take what the watch then brings |
 * | comes, or changes | takes it, and tells its listeners |
 * | cannot be read as an authority | keeps the one before, if there was one, and says so until it is mended |
 * | is deleted | creates it again with the authority that it knows: nobody's devices are lost by a slip of the hand |
 */
export interface SecretAuthority extends SignerSource {
  start(): void;
  stop(): Promise<void>;
  /** Under the name `authority`: there is another watch of Secrets. */
  status(): ReflectorStatus;
  /** The API server was restored from a backup: the Secret is read anew. */
  restored(detail: string): void;
}

/** A Secret that was created comes by the watch within milliseconds; one that has not come by then was deleted meanwhile. In ms. */
const AGAIN_MS = 10_000;
const CALL_TIMEOUT_MS = 10_000;

export function createSecretAuthority(options: SecretAuthorityOptions): SecretAuthority {
  const { client, namespace, clock, random } = options;
  const secret = `${namespace}/${AUTHORITY_NAME}`;
  const logger = options.logger.child({ secret });
  const secrets = secretResource();
  const listeners = new Listeners();
  const stopping = new AbortController();
  let signer: Signer | undefined;
  let known: Authority | undefined;
  let isThere = false;
  /** What keeps it from being used, or made. */
  let problem: string | undefined;
  let isCreating = false;
  let cancelCheck = () => {};

  const reflector: Reflector = createReflector({
    resource: secrets,
    client,
    namespace,
    fieldSelector: `metadata.name=${AUTHORITY_NAME}`,
    clock,
    random,
    logger,
    identity: options.identity,
    emit: take,
    onStatus: ({ state }) => {
      if (state === 'synced' && !isThere) void create();
    },
  });

  function take(change: Change): void {
    if (change.type === 'delete') {
      isThere = false;
      logger.warn('the Secret of the authority was deleted');
      if (reflector.status().state === 'synced') void create();
      return;
    }
    isThere = true;
    try {
      const { authority } = readAuthoritySecret(change.object.text ?? '');
      problem = undefined;
      if (known !== undefined && isSame(known, authority)) return;
      known = authority;
      signer = signerOf(authority);
      const { subject, validToDate } = authority.certificate;
      logger.info({ subject, validTo: validToDate, older: authority.older.length }, 'authority known');
      listeners.tell();
    } catch (error) {
      if (!(error instanceof HawserError)) throw error;
      problem = error.message;
      logger.error({ problem, isInUse: signer !== undefined }, 'the Secret holds no authority; the one before stays in use');
    }
  }

  /** Until the Secret is there, whoever has made it. */
  async function create(): Promise<void> {
    if (isCreating || isThere) return;
    isCreating = true;
    const made = known ?? (await makeAuthority(clock.now()));
    await untilDone(() => createOnce(made), {
      clock,
      random,
      signal: stopping.signal,
      onFailure(error, waitMs) {
        problem = `the Secret ${secret} was not made: ${error instanceof Error ? error.message : String(error)}`;
        logger.warn({ detail: problem, waitMs }, 'authority not written');
      },
    });
    isCreating = false;
    if (stopping.signal.aborted) return;
    cancelCheck();
    cancelCheck = clock.after(AGAIN_MS, () => void create());
  }

  async function createOnce(authority: Authority): Promise<void> {
    if (isThere) return;
    const { status, headers, text } = await client.request({
      method: 'POST',
      path: resourcePath(secrets, namespace),
      body: authoritySecret(authority),
      signal: stopping.signal,
      timeoutMs: CALL_TIMEOUT_MS,
    });
    if (status === 201) logger.info('authority written');
    // Another replica was first: the watch brings what it has made.
    else if (status !== 409) throw new HawserError('unreachable', readFailure(status, headers, text, clock.now()).message);
    problem = undefined;
  }

  return {
    current: () => signer,
    onChange: (listener) => listeners.add(listener),
    waitingFor() {
      if (signer !== undefined) return undefined;
      const { state, detail } = reflector.status();
      const why = problem ?? (state === 'synced' ? undefined : `${state}${detail === '' ? '' : ` (${detail})`}`);
      return `the authority, Secret ${secret}${why === undefined ? '' : `: ${why}`}`;
    },
    start: () => reflector.start(),
    async stop() {
      stopping.abort();
      cancelCheck();
      await reflector.stop();
    },
    status: () => ({ ...reflector.status(), resource: 'authority' }),
    restored: (detail) => void reflector.listAnew('newEpoch', detail),
  };
}

function secretResource(): ApiResource {
  const resource = resourceById('secrets');
  if (resource === undefined) throw new HawserError('unsupported', 'no Secrets in the resource table');
  return resource;
}

function signerOf(authority: Authority): Signer {
  const { certificate, key, crosses } = authority;
  return { certificate, key, behindDevice: [], behindServer: crosses, trusted: trustedBy(authority) };
}

function isSame(one: Authority, other: Authority): boolean {
  const rawOf = ({ certificate, older, crosses }: Authority) =>
    Buffer.concat([certificate, ...older, ...crosses].map(({ raw }) => raw));
  return rawOf(one).equals(rawOf(other));
}
