import { type ClusterKeys, clusterKeysDigest, HawserError } from '@hawser/protocol';
import type { Logger } from 'pino';
import type { ApiClient } from '../apiserver/index.ts';
import type { Clock } from '../clock.ts';
import { audiencesOf, canonicalKeySet, readIssuer } from './documents.ts';

/** Kubernetes, "Service account issuer discovery". Two requests of some 1 KB. */
const CONFIGURATION = '/.well-known/openid-configuration';
const KEYS = '/openid/v1/jwks';
const TIMEOUT_MS = 10_000;
/** A new key is published before tokens are signed with it, by who rotates them in the usual order; in milliseconds. */
const READ_EVERY_MS = 5 * 60_000;
/** After a failure while none are known. */
const RETRY_MS = 30_000;

/** What is told of them, with what tells one state from another. */
export interface AnnouncedKeys {
  readonly digest: string;
  readonly keys: ClusterKeys;
}

/** The keys by which the cluster's ServiceAccount tokens are verified, for devices that ask for them. */
export interface KeysSource {
  /** Some device wants them: from the first one on they are read, and again every few minutes. */
  wanted(): void;
  /** Undefined while none are known. */
  current(): AnnouncedKeys | undefined;
  /** Returns the end of the subscription. */
  onChange(listener: () => void): () => void;
}

export interface ClusterKeysOptions {
  readonly api: Pick<ApiClient, 'request'>;
  /** The token by which the relay is known to the API server, where it has one. */
  readonly ownToken: () => Promise<string | undefined>;
  readonly clock: Clock;
  /** From 0 to 1, 1 excluded. */
  readonly random: () => number;
  readonly signal: AbortSignal;
  readonly logger: Logger;
}

export function createClusterKeys({ api, ownToken, clock, random, signal, logger }: ClusterKeysOptions): KeysSource {
  const listeners = new Set<() => void>();
  let current: AnnouncedKeys | undefined;
  let isReading = false;
  /** What went wrong last, so that it is told once. */
  let failure: string | undefined;

  async function get(path: string): Promise<string> {
    const { status, text } = await api.request({
      method: 'GET',
      path,
      accept: 'application/json, */*',
      signal,
      timeoutMs: TIMEOUT_MS,
    });
    if (status === 401 || status === 403) {
      throw new HawserError('unauthorized', `the relay may not read ${path} (${status}): grant its account "get" on this URL`);
    }
    if (status !== 200) throw new HawserError('unreachable', `the API server answered ${status} for ${path}`);
    return text;
  }

  async function read(): Promise<ClusterKeys> {
    const issuer = readIssuer(await get(CONFIGURATION));
    const keySet = canonicalKeySet(await get(KEYS));
    const token = await ownToken();
    // Where nothing else is set the issuer is the API server's audience, too.
    return { issuer, audiences: (token === undefined ? undefined : audiencesOf(token, issuer)) ?? [issuer], keySet };
  }

  async function readAgain(): Promise<void> {
    try {
      const keys = await read();
      failure = undefined;
      const digest = clusterKeysDigest(keys);
      if (digest !== current?.digest) {
        current = { digest, keys };
        logger.info({ issuer: keys.issuer, audiences: keys.audiences, digest }, "the cluster's keys for tokens are known");
        for (const listener of listeners) listener();
      }
    } catch (err) {
      if (signal.aborted) return;
      // What is known goes on to be told: a device that was told of no keys any more would let in no pod.
      const message = err instanceof Error ? err.message : String(err);
      if (message !== failure) logger.warn({ err }, "the cluster's keys for tokens not read");
      failure = message;
    }
    if (signal.aborted) return;
    const everyMs = current === undefined ? RETRY_MS : READ_EVERY_MS;
    const cancel = clock.after(Math.round(everyMs * (0.9 + 0.2 * random())), () => {
      signal.removeEventListener('abort', cancel);
      void readAgain();
    });
    signal.addEventListener('abort', cancel);
  }

  return {
    wanted() {
      if (isReading) return;
      isReading = true;
      void readAgain();
    },
    current: () => current,
    onChange(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
  };
}
