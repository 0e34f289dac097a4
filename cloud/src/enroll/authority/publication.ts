import type { X509Certificate } from 'node:crypto';
import { type ApiResource, HawserError, keyHash, resourceById, resourcePath } from '@hawser/protocol';
import type { Logger } from 'pino';
import { type ApiClient, type ApiRequest, readFailure } from '../../apiserver/index.ts';
import type { Clock } from '../../clock.ts';
import { untilDone } from '../../retry.ts';
import { AUTHORITY_NAME } from './names.ts';
import { publishedConfigMap, publishedUpdate, readPublished } from './published.ts';
import type { SignerSource } from './signer.ts';

export interface PublicationOptions {
  readonly client: Pick<ApiClient, 'request'>;
  readonly namespace: string;
  readonly source: SignerSource;
  /** Addresses for join lines. */
  readonly relays: readonly string[];
  readonly clock: Clock;
  /** From 0 to 1, 1 excluded. */
  readonly random: () => number;
  readonly logger: Logger;
}

export interface Publication {
  start(): void;
  stop(): Promise<void>;
}

/**
 * Between looks at the ConfigMap while nothing changes, for one that somebody has changed or deleted. Replicas whose settings are
 * not the same (one after the other gets new ones) write no more often than that. In ms.
 */
const LOOK_AGAIN_MS = 3600_000;
const CALL_TIMEOUT_MS = 10_000;

/** Such a relay serves, and no device that joined before trusts it: nothing else says why. */
const LOST =
  'none of the authorities that were published before is trusted any more: devices that know only these have to join again, ' +
  'unless the Secret of one of them is put back from a backup';

/** Keeps the ConfigMap with the public part as it should be: after each change of the authority, and now and then. */
export function createPublication(options: PublicationOptions): Publication {
  const { client, namespace, source, relays, clock, random, logger } = options;
  const configMaps = configMapResource();
  const stopping = new AbortController();
  const { signal } = stopping;
  let cancelTimer = () => {};
  let unsubscribe = () => {};
  let writing: Promise<void> | undefined;
  let isStale = false;

  /** One write at a time; a change that comes meanwhile is written after it. */
  function publish(): void {
    isStale = true;
    writing ??= run().finally(() => {
      writing = undefined;
    });
  }

  async function run(): Promise<void> {
    while (isStale && !signal.aborted) {
      isStale = false;
      cancelTimer();
      await untilDone(write, {
        clock,
        random,
        signal,
        onFailure: (error, waitMs) => logger.warn({ err: error, waitMs }, 'public part of the authority not written'),
      });
      cancelTimer = clock.after(LOOK_AGAIN_MS, publish);
    }
  }

  async function write(): Promise<void> {
    const certificates = source.current()?.trusted;
    if (certificates === undefined) return;
    const published = { certificates, relays };
    const path = resourcePath(configMaps, namespace, AUTHORITY_NAME);
    const there = await call({ method: 'GET', path }, [200, 404]);
    if (there.status === 404) {
      const body = publishedConfigMap(published);
      await call({ method: 'POST', path: resourcePath(configMaps, namespace, ''), body }, [201]);
    } else {
      const body = publishedUpdate(there.text, published);
      if (body === undefined) return;
      const lost = lostBy(there.text, certificates);
      await call({ method: 'PUT', path, body }, [200]);
      if (lost.length > 0) logger.error({ hashes: lost.map(({ publicKey }) => keyHash(publicKey)) }, LOST);
    }
    logger.info({ configMap: `${namespace}/${AUTHORITY_NAME}` }, 'public part of the authority written');
  }

  /** A conflict with another replica is a failure too: what is there is read again. */
  async function call(request: ApiRequest, expected: readonly number[]) {
    const answer = await client.request({ ...request, signal, timeoutMs: CALL_TIMEOUT_MS });
    if (expected.includes(answer.status)) return answer;
    throw new HawserError('unreachable', readFailure(answer.status, answer.headers, answer.text, clock.now()).message);
  }

  return {
    start() {
      unsubscribe = source.onChange(publish);
      publish();
    },
    async stop() {
      unsubscribe();
      stopping.abort();
      await writing;
      cancelTimer();
    },
  };
}

/** Who was published, where none of them is trusted any more. */
function lostBy(configMap: string, trusted: readonly X509Certificate[]): readonly X509Certificate[] {
  let before: readonly X509Certificate[];
  try {
    before = readPublished(configMap).certificates;
  } catch (error) {
    // Somebody has changed it: it is written anew, and tells nothing.
    if (error instanceof HawserError) return [];
    throw error;
  }
  return before.some(({ publicKey }) => trusted.some((authority) => authority.publicKey.equals(publicKey))) ? [] : before;
}

function configMapResource(): ApiResource {
  const resource = resourceById('configmaps');
  if (resource === undefined) throw new HawserError('unsupported', 'no ConfigMaps in the resource table');
  return resource;
}
