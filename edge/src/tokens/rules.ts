import type { KeptToken } from '../store/index.ts';
import type { CloudAnswer } from '../upstream/index.ts';
import type { TokenRequestFacts } from './token-request.ts';

/** A request that comes while more than this share of a token's life is left is answered from it: when a kubelet renews, too. */
const RENEW_BELOW = 0.2;

/** What a request meets in the store, and what is done about it. Times in milliseconds since 1970. */
export type KeptState =
  /** Nothing, or nothing that can be read: only the cloud can help. */
  | 'none'
  /** More than RENEW_BELOW of its life is left: it is the answer. */
  | 'fresh'
  /** To be renewed; while the cloud cannot be asked it serves, as the API server goes on to accept it. */
  | 'due'
  /** Past the `exp` of its JWT: handed out only while the cloud cannot be asked, and marked. */
  | 'expired';

/**
 * A device's clock may be wrong, so it takes nothing away: it only decides whether the cloud is asked. A token counts as fresh only
 * where both ways of counting say so: by what the token says, which is wrong on a clock that is always behind; and by the time since
 * it came, which is wrong on a clock that was set in between.
 */
export function stateOf(kept: KeptToken | undefined, now: number): KeptState {
  if (kept === undefined) return 'none';
  const { issuedAt, keptAt, expiresAt, validUntil } = kept;
  if (now >= validUntil) return 'expired';
  const life = expiresAt - issuedAt;
  const age = now - keptAt;
  const isFresh = expiresAt - now > life * RENEW_BELOW && age >= 0 && life - age > life * RENEW_BELOW;
  return isFresh ? 'fresh' : 'due';
}

/**
 * What an answer of the cloud means for the request.
 * - renewed: the new token is the answer, and kept
 * - keptServes: the cloud could not be asked; the kept one serves, if there is one
 * - refused: passed on as it is; `isGone` when it says that the pod or its ServiceAccount is no more, so that what is kept has ended
 */
export type Verdict =
  | { readonly type: 'renewed'; readonly body: string }
  | { readonly type: 'keptServes'; readonly retryAfterMs: number | undefined; readonly detail: string }
  | {
      readonly type: 'refused';
      readonly code: number;
      readonly reason: string;
      readonly message: string;
      readonly isGone: boolean;
    };

export function verdictOf(answer: CloudAnswer, facts: TokenRequestFacts): Verdict {
  switch (answer.type) {
    case 'found':
      return { type: 'renewed', body: answer.body };
    case 'unavailable':
      return { type: 'keptServes', retryAfterMs: answer.retryAfterMs, detail: answer.message };
    case 'unknownOutcome':
      return { type: 'keptServes', retryAfterMs: undefined, detail: answer.message };
    case 'offline':
      return { type: 'keptServes', retryAfterMs: undefined, detail: 'there is no link to the cloud' };
    case 'notFound':
    case 'forbidden':
    case 'refused': {
      const { code, reason, message } = answer;
      return { type: 'refused', code, reason, message, isGone: saysGone(answer, facts) };
    }
  }
}

/**
 * Only what names the pod or the account as gone ends a token. The rest says something about the moment: "no relationship found" comes
 * from a graph that lags, and also where the cluster's rules or the relay's rights have changed for a while; a body that is not
 * taken says nothing about tokens that were. Such a pod still loses its tokens with its own row, as soon as the cloud takes it away.
 */
function saysGone(
  { type, message }: CloudAnswer & { readonly message: string },
  { podName, serviceAccount }: TokenRequestFacts,
): boolean {
  if (message.includes(OTHER_UID)) return type === 'forbidden' || type === 'refused';
  if (type !== 'notFound') return false;
  const gone = [`pod "${podName}"`, `pods "${podName}"`, `serviceaccounts "${serviceAccount}"`].map(
    (what) => `${what} not found`,
  );
  return gone.includes(message);
}

/** Another pod has the name: 403 from NodeRestriction, 409 from the API server behind it. */
const OTHER_UID = 'does not match the UID in record';
