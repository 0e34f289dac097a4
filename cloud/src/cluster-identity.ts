import { HawserError } from '@hawser/protocol';
import type { Logger } from 'pino';
import type { ApiClient } from './apiserver/index.ts';
import type { NodeApi } from './upstream/index.ts';

/** For a person: what readiness and the sessions' status say. */
export const FOREIGN_CLUSTER = 'the API server is another cluster now: restart the relay to follow it';

export interface ClusterIdentityOptions {
  /** One live read. @throws HawserError `unreachable`, `unauthorized` */
  readonly read: () => Promise<string>;
  /** The API server is another cluster, or ours again. */
  readonly onChange: (isForeign: boolean) => void;
  readonly logger: Logger;
}

/**
 * Which cluster answers behind the API server's address (rule 3). The first answer is ours for as long as the relay runs; whoever
 * lost a connection asks again before anything that comes over the next one is believed.
 */
export class ClusterIdentity {
  readonly #options: ClusterIdentityOptions;
  #uid: string | undefined;
  #isForeign = false;
  /** How often a connection was lost, and up to which of these times somebody has asked since. */
  #doubts = 1;
  #settled = 0;
  /** Under way, and the one that whoever comes meanwhile waits for: so that each asks after it has come. */
  #running: Promise<void> | undefined;
  #next: Promise<void> | undefined;

  constructor(options: ClusterIdentityOptions) {
    this.#options = options;
  }

  /** uid of the namespace kube-system; undefined before the first answer. */
  get uid(): string | undefined {
    return this.#uid;
  }

  /** At the last answer. */
  get isForeign(): boolean {
    return this.#isForeign;
  }

  /** A connection was lost, and nobody has asked since. */
  get isInDoubt(): boolean {
    return this.#settled < this.#doubts;
  }

  doubt(): void {
    this.#doubts += 1;
  }

  /** @throws HawserError `wrong_cluster` for another cluster than the first, and as `read` where nobody answers */
  check(): Promise<void> {
    if (this.#running === undefined) {
      this.#running = this.#ask().finally(() => {
        this.#running = undefined;
      });
      return this.#running;
    }
    if (this.#next === undefined) {
      const again = () => {
        this.#next = undefined;
        return this.check();
      };
      this.#next = this.#running.then(again, again);
    }
    return this.#next;
  }

  async #ask(): Promise<void> {
    const { read, onChange, logger } = this.#options;
    const doubts = this.#doubts;
    const uid = await read();
    this.#uid ??= uid;
    this.#settled = doubts;
    const isForeign = uid !== this.#uid;
    if (isForeign !== this.#isForeign) {
      this.#isForeign = isForeign;
      const fields = { clusterUid: this.#uid, found: uid };
      if (isForeign) logger.error(fields, FOREIGN_CLUSTER);
      else logger.warn(fields, 'the API server is our cluster again');
      onChange(isForeign);
    }
    if (isForeign) throw new HawserError('wrong_cluster', FOREIGN_CLUSTER);
  }
}

/**
 * The client with which agents' reports and single reads are done: nothing is written to or read from another cluster, and after
 * a lost connection nothing before it is known that it is ours.
 */
export function guarded(client: ApiClient, identity: ClusterIdentity): ApiClient & NodeApi {
  return {
    ...client,
    async request(request) {
      if (identity.isForeign) throw new HawserError('unreachable', FOREIGN_CLUSTER);
      if (identity.isInDoubt) await identity.check();
      return client.request(request);
    },
  };
}
