import { type ClusterKeys, clusterKeysDigest, HawserError, isJsonObject, type JsonValue, parseJson } from '@hawser/protocol';
import type { Logger } from 'pino';
import { type KeySet, readKeySet } from './key-set.ts';

/** Where they are kept: public, so as they are. */
export interface ClusterKeysStore {
  clusterKeys(): string | undefined;
  /** Durable when it returns. */
  setClusterKeys(text: string): void;
}

/** The cluster's keys as the cloud has told them last, over restarts. */
export interface KeptKeys {
  current(): { readonly cluster: ClusterKeys; readonly set: KeySet } | undefined;
  /** For the hello; undefined: none yet. */
  digest(): string | undefined;
  /** Those that the cloud has told. What cannot be read changes nothing, and is told in the log. */
  take(keys: ClusterKeys): void;
}

export function keepClusterKeys(store: ClusterKeysStore, logger: Logger): KeptKeys {
  let current = fromStore(store.clusterKeys(), logger);
  return {
    current: () => current,
    digest: () => (current === undefined ? undefined : clusterKeysDigest(current.cluster)),
    take(keys) {
      try {
        const set = readKeySet(keys.keySet);
        store.setClusterKeys(JSON.stringify(keys));
        current = { cluster: keys, set };
        logger.info({ issuer: keys.issuer, keys: set.size }, "the cluster's keys have come: pods are known by their tokens");
      } catch (err) {
        if (!(err instanceof HawserError)) throw err;
        logger.error({ err }, "the cluster's keys are not taken");
      }
    },
  };
}

function fromStore(text: string | undefined, logger: Logger): ReturnType<KeptKeys['current']> {
  if (text === undefined) return undefined;
  try {
    const cluster = readKept(parseJson(text));
    return { cluster, set: readKeySet(cluster.keySet) };
  } catch (err) {
    if (!(err instanceof HawserError || err instanceof SyntaxError)) throw err;
    // Damage: the cloud is told that there are none, and sends them again.
    logger.warn({ err }, "the cluster's keys in the store cannot be read");
    return undefined;
  }
}

function readKept(value: JsonValue): ClusterKeys {
  if (isJsonObject(value)) {
    const { issuer, audiences, keySet } = value;
    const isList = Array.isArray(audiences);
    const texts = isList ? audiences.filter((audience) => typeof audience === 'string') : [];
    if (typeof issuer === 'string' && typeof keySet === 'string' && isList && texts.length === audiences.length) {
      return { issuer, audiences: texts, keySet };
    }
  }
  throw new HawserError('malformed_object', "what is kept of the cluster's keys is not as it must be");
}
