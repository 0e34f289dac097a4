import { setTimeout as sleep } from 'node:timers/promises';
import { ApiError } from '../status.ts';
import { type ApiResponse, cutOff, isGone } from './exchange.ts';
import { sendError } from './respond.ts';

/** What a test can make the server do instead of, or before, answering a request. */
export type Fault =
  /** Answer as usual, but so many milliseconds later. */
  | { readonly type: 'delay'; readonly milliseconds: number }
  /** Answer with this status. */
  | { readonly type: 'answer'; readonly status: 429 | 500 | 503; readonly retryAfterSeconds?: number }
  /** Do and answer as usual once that has come, if the client is still there. */
  | { readonly type: 'hold'; readonly until: Promise<void> }
  /** Keep the connection and never answer. */
  | { readonly type: 'stall' }
  /** Cut the connection, of HTTP/2 the stream, without an answer. */
  | { readonly type: 'cut' };

/** A request as far as it is known before it is authenticated. */
export interface InterceptedRequest {
  readonly method: string;
  /** Not decoded, without the query. */
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
}

/** Returns whether the request is to be answered as usual now. */
export async function applyFault(fault: Fault, response: ApiResponse, signal: AbortSignal): Promise<boolean> {
  switch (fault.type) {
    case 'delay':
      return delay(fault.milliseconds, signal);
    case 'answer': {
      const { status, retryAfterSeconds } = fault;
      const details = retryAfterSeconds === undefined ? {} : { retryAfterSeconds };
      const [reason, message] = FAILURES[status];
      await sendError(response, new ApiError(status, reason, message, details), 'json');
      return false;
    }
    case 'hold':
      await fault.until;
      return !isGone(response);
    case 'stall':
      return false;
    case 'cut':
      cutOff(response);
      return false;
  }
}

const FAILURES = {
  429: ['TooManyRequests', 'too many requests, please try again later'],
  500: ['InternalError', 'Internal error occurred: injected fault'],
  503: ['ServiceUnavailable', 'the server is currently unable to handle the request'],
} as const;

/** False when the server was closed meanwhile. */
async function delay(milliseconds: number, signal: AbortSignal): Promise<boolean> {
  try {
    await sleep(milliseconds, undefined, { signal });
    return true;
  } catch (cause) {
    if (signal.aborted) return false;
    throw cause;
  }
}
