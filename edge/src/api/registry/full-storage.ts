import { HawserError } from '@hawser/protocol';
import { insufficientStorage } from '../status.ts';
import type { Storage } from '../storage.ts';

/**
 * The same Storage, whose refusals for want of room (HawserError `too_large`: a full outbox, a full disk) are the API's: HTTP 507. Nothing
 * was changed then, and the client may try again later; without Retry-After, so that it does not wait in silence.
 */
export function tellingOfRoom(storage: Storage): Storage {
  return {
    revision: () => storage.revision(),
    compactedRevision: () => storage.compactedRevision(),
    get: (key) => storage.get(key),
    ...(storage.held === undefined ? {} : { held: storage.held.bind(storage) }),
    ...(storage.joined === undefined ? {} : { joined: storage.joined.bind(storage) }),
    ...(storage.keyAt === undefined ? {} : { keyAt: storage.keyAt.bind(storage) }),
    list: (resource, namespace) => storage.list(resource, namespace),
    listAt: (resource, revision, namespace) => storage.listAt(resource, revision, namespace),
    changesAfter: (resource, after) => storage.changesAfter(resource, after),
    subscribe: (resource, listener) => storage.subscribe(resource, listener),
    subscribeRevision: (listener) => storage.subscribeRevision(listener),
    commit(write) {
      try {
        return storage.commit(write);
      } catch (cause) {
        if (cause instanceof HawserError && cause.code === 'too_large') throw insufficientStorage(cause.message, { cause });
        throw cause;
      }
    },
  };
}
