import { HawserError } from '@hawser/protocol';
import { type Failure, readFailure } from './answer.ts';
import type { ApiStream } from './client.ts';

/**
 * How one request of a reflector went, read to its end.
 * - listed: the list is complete; the watch goes on from there
 * - ended: a watch was ended by the server, or was silent too long, and can be resumed
 * - expired: 410, in whatever form: the server no longer has what was asked for; only a new list helps
 * - watchListRefused: this server has no WatchList
 * - notServed: 404; discovery decides
 * - unlikely: a complete list that lacks most of what is known, or the first and empty: it is taken when a second one says the same
 * - restored: the server is behind where it was
 * - failed: everything else; nothing follows from it
 */
export type Outcome =
  | { readonly type: 'listed' }
  | { readonly type: 'ended' }
  | { readonly type: 'expired' }
  | { readonly type: 'watchListRefused'; readonly detail: string }
  | { readonly type: 'notServed' }
  | { readonly type: 'unlikely'; readonly detail: string }
  | { readonly type: 'restored'; readonly detail: string }
  | {
      readonly type: 'failed';
      readonly detail: string;
      readonly isForbidden: boolean;
      readonly retryAfterMs: number | undefined;
    };

/** A failed answer to any list or watch. Reads the body. */
export async function answerOutcome(answer: ApiStream, now: Date): Promise<Outcome> {
  const failure = readFailure(answer.status, answer.headers, await answer.text(), now);
  return failure.code === 404 ? { type: 'notServed' } : failureOutcome(failure);
}

/** The Status of an answer or of an ERROR event. */
export function failureOutcome({ code, reason, message, retryAfterMs }: Failure): Outcome {
  if (code === 410 || reason === 'Expired' || reason === 'Gone') return { type: 'expired' };
  const isForbidden = code === 401 || code === 403;
  const name = reason === '' ? '' : ` ${reason}`;
  return { type: 'failed', detail: `${code}${name}: ${message}`, isForbidden, retryAfterMs };
}

/** A WatchList that is refused as such: bad or invalid parameters (400, 422) to a server that does not know them. */
export function watchListOutcome(outcome: Outcome, code: number): Outcome {
  const isRefused = outcome.type === 'failed' && (code === 400 || code === 422);
  return isRefused ? { type: 'watchListRefused', detail: outcome.detail } : outcome;
}

/** What was thrown on the way: a broken connection, damaged JSON, something over its bound. */
export function errorOutcome(error: unknown): Outcome {
  const isForbidden = error instanceof HawserError && error.code === 'unauthorized';
  const detail = error instanceof Error ? error.message : String(error);
  return { type: 'failed', detail, isForbidden, retryAfterMs: undefined };
}
