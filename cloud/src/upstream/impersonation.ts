import { HawserError, isJsonObject, type JsonValue, parseJson } from '@hawser/protocol';
import type { Logger } from 'pino';
import type { Clock } from '../clock.ts';
import { saysNoImpersonation } from './answer.ts';
import type { NodeApi, NodeUser } from './node-api.ts';

/**
 * How the relay acts as a node (Kubernetes impersonation).
 * - constrained: the user alone; the server checks the rights `impersonate:arbitrary-node` and `impersonate-on:arbitrary-node:VERB`
 *   and adds the groups itself. With a group in the request it refuses.
 * - groups: user and group system:nodes, with the right `impersonate` on both; without the group the Node authorizer says no.
 */
export type ImpersonationForm = 'constrained' | 'groups';

const NODES_GROUP = 'system:nodes';
/** A name that no Node has to bear: who a reviewer would be is asked, nothing is read or written. */
const PROBE_NODE = 'hawser-probe';
const TIMEOUT_MS = 10_000;
const REVIEW_PATH = '/apis/authentication.k8s.io/v1/selfsubjectreviews';
const REVIEW = JSON.stringify({ apiVersion: 'authentication.k8s.io/v1', kind: 'SelfSubjectReview' });

export function nodeUser(name: string, form: ImpersonationForm): NodeUser {
  return { user: `system:node:${name}`, groups: form === 'groups' ? [NODES_GROUP] : [] };
}

/**
 * The form that this server grants us: the constrained one where a review under it shows the group system:nodes, the older one
 * elsewhere, whether granted or not: what is missing then shows in the first answer to a report.
 * @throws HawserError `unreachable` when the server gave no answer to that question
 */
export async function probeImpersonation(api: NodeApi, signal: AbortSignal): Promise<ImpersonationForm> {
  const answer = await api.request({
    method: 'POST',
    path: REVIEW_PATH,
    body: REVIEW,
    contentType: 'application/json',
    impersonate: nodeUser(PROBE_NODE, 'constrained'),
    signal,
    timeoutMs: TIMEOUT_MS,
  });
  if (answer.status === 201) return groupsOf(answer.text).includes(NODES_GROUP) ? 'constrained' : 'groups';
  // Not granted, or a server that has no such review.
  if (answer.status === 403 || answer.status === 404) return 'groups';
  throw new HawserError('unreachable', `the API server answered ${answer.status} when asked who a node's user is`);
}

function groupsOf(text: string): readonly JsonValue[] {
  const review: JsonValue = parseJson(text);
  const status = isJsonObject(review) ? review.status : undefined;
  const userInfo = isJsonObject(status) ? status.userInfo : undefined;
  const groups = isJsonObject(userInfo) ? userInfo.groups : undefined;
  return Array.isArray(groups) ? groups : [];
}

/** After a refusal, rights that were granted while the relay runs are noticed after so long at most. */
const PROBE_AGAIN_MS = 60_000;
/** The older form works on, too, after the API server was upgraded or the rights for the newer were granted: after so long it is left. */
const LEAVE_OLDER_MS = 60 * 60_000;

export interface ImpersonationOptions {
  readonly api: NodeApi;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly logger: Logger;
}

/**
 * Which form works: seen at the start, again when the API server says that the relay may not act as a node, and each hour while it is
 * the older one.
 */
export class Impersonation {
  readonly #options: ImpersonationOptions;
  #form: ImpersonationForm | undefined;
  #askedAtMs = 0;

  constructor(options: ImpersonationOptions) {
    this.#options = options;
  }

  /** Undefined until the API server has been asked. */
  get form(): ImpersonationForm | undefined {
    return this.#form;
  }

  /** @throws HawserError `unreachable` when the API server gave no answer */
  async learn(): Promise<ImpersonationForm> {
    const { api, clock, signal, logger } = this.#options;
    this.#askedAtMs = clock.now().getTime();
    const form = await probeImpersonation(api, signal);
    if (this.#form !== undefined && form !== this.#form) logger.info({ impersonation: form }, 'impersonation has another form');
    this.#form = form;
    return form;
  }

  /** The same API; calls as a node lead to another look where one is due. */
  get api(): NodeApi {
    return {
      request: async (request) => {
        const answer = await this.#options.api.request(request);
        if (request.impersonate !== undefined) {
          if (answer.status === 403 && saysNoImpersonation(answer.text)) this.#lookUnlessWithin(PROBE_AGAIN_MS);
          else if (this.#form === 'groups') this.#lookUnlessWithin(LEAVE_OLDER_MS);
        }
        return answer;
      },
    };
  }

  #lookUnlessWithin(milliseconds: number): void {
    if (Math.abs(this.#options.clock.now().getTime() - this.#askedAtMs) < milliseconds) return;
    this.learn().catch((err: unknown) => {
      // The form that was seen last holds on; a later call asks again.
      if (!this.#options.signal.aborted) this.#options.logger.warn({ err }, 'form of impersonation not seen');
    });
  }
}
