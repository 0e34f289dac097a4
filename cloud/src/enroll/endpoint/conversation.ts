import { ENROL_PATHS, MAX_ENROL_BODY_BYTES } from '@hawser/protocol';
import { type RefusedOutcome, refused } from './outcome.ts';

/** From a nonce to the end of the request that uses it: a signature, and a round trip or two of a poor link. */
export const NONCE_MS = 30_000;

/**
 * Where the conversation on one connection stands: a nonce, one request that uses it, and the end. Each answer but that of a nonce is
 * the last.
 *
 * | state | event | then |
 * |---|---|---|
 * | new | a request for a nonce | asked |
 * | asked | a join or renewal, whose nonce is this one and not too old | over |
 * | any | anything else | over |
 */
export type Conversation =
  | { readonly type: 'new' }
  | { readonly type: 'asked'; readonly nonce: string; readonly expiresMs: number }
  | { readonly type: 'over' };

export interface Head {
  readonly method: string | undefined;
  readonly url: string | undefined;
  readonly contentLength: string | undefined;
}

export type Step = { readonly type: 'giveNonce' } | { readonly type: 'readBody'; readonly of: 'join' | 'renew' } | RefusedOutcome;

/** What is to be done about a request of which the head has come. */
export function decideHead(conversation: Conversation, { method, url, contentLength }: Head): Step {
  const [name] = Object.entries(ENROL_PATHS).find(([, path]) => path === url) ?? [];
  if (name === undefined) {
    const paths = Object.values(ENROL_PATHS).join(', ');
    return refused('badRequest', `there is no such path: devices are enrolled at ${paths}`, {}, { status: 404 });
  }
  if (method !== 'POST') return refused('badRequest', 'only POST is taken here', {}, { status: 405 });
  if (Number(contentLength ?? 0) > MAX_ENROL_BODY_BYTES) return tooLarge();
  if (name === 'nonce') {
    if (conversation.type === 'new') return { type: 'giveNonce' };
    return refused('badRequest', 'a connection has one nonce');
  }
  if (conversation.type !== 'asked') return refused('badRequest', `${ENROL_PATHS.nonce} comes first, on the same connection`);
  return { type: 'readBody', of: name === 'join' ? 'join' : 'renew' };
}

/** Whether a request may use its nonce. Nobody can guess one, so how long a comparison takes tells nothing. */
export function holdsNonce(conversation: Conversation, nonce: string, nowMs: number): boolean {
  return conversation.type === 'asked' && conversation.nonce === nonce && nowMs <= conversation.expiresMs;
}

export function tooLarge(): RefusedOutcome {
  return refused('badRequest', `the body is larger than ${MAX_ENROL_BODY_BYTES} bytes`, {}, { status: 413, bound: 'enrolBytes' });
}
