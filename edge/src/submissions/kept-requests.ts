import { parseJson } from '@hawser/protocol';
import type { Logger } from 'pino';
import type { StorageKey } from '../api/storage.ts';
import type { EdgeStore } from '../store/types.ts';

/** Name of the fact: the requests that were followed last, the oldest first, as JSON `[[name, until], …]`; `until` is milliseconds since 1970. */
const FOLLOWED = 'certificateRequests.followed';

export interface FollowedRequest {
  readonly name: string;
  /** When nobody waits for it any more, in milliseconds since 1970. */
  readonly until: number;
}

/**
 * Certificate requests over a restart of the agent. A kubelet has the key of its request in its memory and waits for a quarter of an hour: one
 * that is gone it makes anew, if it had seen it before, and otherwise it waits in vain. Each is written once when it is made and once for each
 * change, as the answer of the cluster that it is.
 */
export interface KeptRequests {
  /** Those whose answer can be read, the oldest first. `body` is the cluster's, as JSON. */
  all(): readonly (FollowedRequest & { readonly body: string })[];
  /** The cluster has said that of one. */
  answered(key: StorageKey, body: string, nowMs: number): void;
  follow(requests: readonly FollowedRequest[]): void;
}

export function keepRequests(
  store: Pick<EdgeStore, 'answers' | 'fact' | 'setFact'>,
  keyOf: (name: string) => StorageKey,
  logger: Pick<Logger, 'error'>,
): KeptRequests {
  /** A full disk is no reason to refuse what is served from memory. */
  function note(write: () => void): void {
    try {
      write();
    } catch (err) {
      logger.error({ err }, 'certificate request not kept: a restart of the agent would forget it');
    }
  }
  return {
    all: () =>
      followedIn(store.fact(FOLLOWED)).flatMap((request) => {
        const answer = store.answers.get(keyOf(request.name));
        return answer?.type === 'found' ? [{ ...request, body: answer.body }] : [];
      }),
    answered: (key, body, readAt) => note(() => store.answers.put(key, { type: 'found', readAt, from: 'live', body })),
    follow: (requests) => note(() => store.setFact(FOLLOWED, JSON.stringify(requests.map(({ name, until }) => [name, until])))),
  };
}

/** What is damaged is none. */
function followedIn(text: string | undefined): FollowedRequest[] {
  try {
    const list: unknown = parseJson(text ?? '[]');
    return Array.isArray(list) ? list.flatMap(followedOf) : [];
  } catch {
    return [];
  }
}

function followedOf(entry: unknown): FollowedRequest[] {
  if (!Array.isArray(entry)) return [];
  const [name, until]: unknown[] = entry;
  return typeof name === 'string' && typeof until === 'number' ? [{ name, until }] : [];
}
