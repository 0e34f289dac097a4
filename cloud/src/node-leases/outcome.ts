import type { Answer } from '../upstream/index.ts';

/**
 * What came of a call.
 * - written: with the resourceVersion that it led to
 * - missing: there is no such object (404)
 * - exists: there is one already
 * - conflict: it has another version than was named: somebody else has written it
 * - refused: for good, as long as nobody changes something
 * - failing: the API server, or the relay's rights, and not this one object; whether the write took place is not known
 */
export type Outcome =
  | { readonly type: 'written'; readonly version: string }
  | { readonly type: 'missing' | 'exists' | 'conflict' }
  | { readonly type: 'refused'; readonly message: string }
  | Failing;

export interface Failing {
  readonly type: 'failing';
  readonly message: string;
  readonly retryAfterMs: number | undefined;
}

/** Somebody has to grant the relay a right first. */
const RELAY_REFUSED_RETRY_MS = 30_000;

export function outcomeOf(answer: Answer): Outcome {
  switch (answer.type) {
    case 'object':
      return { type: 'written', version: answer.object.resourceVersion };
    case 'alreadyExists':
      return { type: 'exists' };
    case 'conflict':
      return { type: 'conflict' };
    case 'refused':
      return answer.status.code === 404 ? { type: 'missing' } : { type: 'refused', message: answer.status.message };
    case 'forbidden':
      return { type: 'refused', message: answer.status.message };
    case 'success':
      return { type: 'refused', message: 'the API server answered without the object' };
    case 'relayRefused':
      return { type: 'failing', message: answer.message, retryAfterMs: RELAY_REFUSED_RETRY_MS };
    case 'unavailable':
      return { type: 'failing', message: answer.message, retryAfterMs: answer.retryAfterMs };
  }
}
