import { type JsonValue, parseJson, type Question } from '@hawser/protocol';
import type { SpecialRequest } from '../api/policy.ts';
import { ApiError, detailsAbout, isStatusReason, serviceUnavailable, timedOut } from '../api/status.ts';
import { type CloudQueries, OFFLINE_RETRY_SECONDS, retrySeconds } from '../upstream/index.ts';

/** How long the cluster has for an answer, in milliseconds: admission webhooks may take 30 s by themselves. */
const DEADLINE_MS = 30_000;

/**
 * Passes a write on that only the cluster answers.
 * @returns what the API server has made
 * @throws ApiError whatever the API server refuses with; 503 with Retry-After where it cannot be asked now, 504 without where it was asked
 * and nobody knows what has come of it
 */
export async function passOn(
  queries: Pick<CloudQueries, 'ask'>,
  { group, resource, name, deadlineMs = DEADLINE_MS, signal }: SpecialRequest,
  question: Question,
): Promise<JsonValue> {
  const asking = { deadlineMs: Math.min(deadlineMs, DEADLINE_MS), ...(signal === undefined ? {} : { signal }) };
  const answer = await queries.ask(question, asking);
  const about = detailsAbout({ group, resource }, name);
  switch (answer.type) {
    case 'found':
      return parseJson(answer.body);
    case 'notFound':
    case 'forbidden':
    case 'refused':
      throw new ApiError(answer.code, isStatusReason(answer.reason) ? answer.reason : undefined, answer.message, about);
    case 'unavailable':
      throw serviceUnavailable(answer.message, retrySeconds(answer.retryAfterMs));
    case 'offline':
      throw serviceUnavailable('only the cluster can answer this, and there is no link to it now', OFFLINE_RETRY_SECONDS);
    case 'unknownOutcome':
      throw timedOut(answer.message);
  }
}
