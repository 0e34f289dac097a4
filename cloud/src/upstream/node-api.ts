import type { Logger } from 'pino';
import type { Clock } from '../clock.ts';
import { type Answer, readAnswer } from './answer.ts';
import type { ApiCall } from './request.ts';

/** Who a call is made as: the headers of Kubernetes impersonation. */
export interface NodeUser {
  readonly user: string;
  readonly groups: readonly string[];
}

/** What upstream needs of the API server's client; `apiserver/` has it. */
export interface NodeApi {
  /** Any HTTP status is a value. @throws HawserError `unreachable` when there is none, `too_large` for a body over the bound */
  request(request: {
    readonly method: string;
    readonly path: string;
    readonly body?: string;
    readonly contentType?: string;
    readonly impersonate?: NodeUser;
    readonly signal?: AbortSignal;
    readonly timeoutMs?: number;
  }): Promise<{
    readonly status: number;
    readonly headers: { readonly 'retry-after'?: string | undefined };
    readonly text: string;
  }>;
}

/** An API server that takes longer for a write than this is not there; the agent's outbox keeps the entry. */
const CALL_TIMEOUT_MS = 10_000;

export interface CallCounts {
  apiCall(verb: string, status: number | 'none'): void;
}

export interface CallContext {
  readonly api: NodeApi;
  readonly clock: Pick<Clock, 'now'>;
  readonly counts: CallCounts;
  readonly logger: Logger;
}

/** One call, as a node or (user undefined) with the relay's own rights. Never rejects: no answer is an answer too. */
export async function callApi(
  { api, clock, counts, logger }: CallContext,
  call: ApiCall,
  user: NodeUser | undefined,
): Promise<Answer> {
  try {
    const answer = await api.request({
      method: call.method,
      path: call.path,
      ...(call.body === undefined ? {} : { body: call.body }),
      ...(call.contentType === undefined ? {} : { contentType: call.contentType }),
      ...(user === undefined ? {} : { impersonate: user }),
      timeoutMs: CALL_TIMEOUT_MS,
    });
    counts.apiCall(call.method, answer.status);
    return readAnswer({ status: answer.status, retryAfter: answer.headers['retry-after'], text: answer.text }, clock.now());
  } catch (error) {
    counts.apiCall(call.method, 'none');
    // The pool says in one line that the API server is away; a line for each call would be thousands.
    logger.debug({ err: error, method: call.method, path: call.path }, 'no answer of the API server');
    const message = `no answer of the API server: ${error instanceof Error ? error.message : String(error)}`;
    return { type: 'unavailable', code: undefined, message, retryAfterMs: undefined };
  }
}
