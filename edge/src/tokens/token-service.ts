import { HawserError } from '@hawser/protocol';
import type { Logger } from 'pino';
import type { Clock } from '../api/clock.ts';
import type { SpecialAnswer, SpecialRequest } from '../api/policy.ts';
import { ApiError, isStatusReason, serviceUnavailable } from '../api/status.ts';
import type { KeptToken, Tokens } from '../store/index.ts';
import { createTurns } from '../turns.ts';
import { type CloudQueries, retrySeconds } from '../upstream/index.ts';
import { stateOf, type Verdict, verdictOf } from './rules.ts';
import { presented, readAnswer } from './token-answer.ts';
import { judgeTokenRequest, type TokenRequestFacts, tokenRequestOf } from './token-request.ts';

/** Questions for tokens at a time: after a start with hundreds of pods the link has room for others too. */
const MAX_ASKING = 16;
/** Requests that wait for their turn; one more is told to come again. */
const MAX_WAITING = 1_024;
/** How long the cloud has for an answer, its turn not counted, in milliseconds: a kubelet tries a mount for two minutes. */
const DEADLINE_MS = 30_000;
/** The same where a kept token can serve: a link that hangs is not to hold up the start of a pod. */
const DEADLINE_WITH_KEPT_MS = 10_000;
/** Sent as Retry-After where the cloud has not said when. */
const RETRY_SECONDS = 10;

export interface TokenServiceOptions {
  readonly nodeName: string;
  readonly tokens: Tokens;
  readonly queries: Pick<CloudQueries, 'ask'>;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Answers TokenRequests of the node: from what is kept while it is fresh, else from the cloud, else from what is kept. */
export interface TokenService {
  /**
   * `create` of `serviceaccounts/token`, for the node itself. Requests for one token that come at once ask once.
   * @throws ApiError 400, 403, 404, and whatever the API server refuses with; 503 with Retry-After where nothing is kept and the
   * cloud cannot be asked
   */
  request(request: SpecialRequest): Promise<SpecialAnswer>;
  stats(): TokenStats;
}

/** Since the process began, by what became of the request. */
export interface TokenStats {
  /** Answered from what is kept, as it was fresh. */
  readonly fresh: number;
  /** Answered by the cloud. */
  readonly renewed: number;
  /** Answered from what is kept, as the cloud could not be asked. */
  readonly kept: number;
  /** The same with a token past its time. */
  readonly expired: number;
  /** By the device's own rules or by the API server. */
  readonly refused: number;
  /** Nothing kept, and the cloud could not be asked. */
  readonly unavailable: number;
}

type Outcome = keyof TokenStats;

export function createTokenService({ nodeName, tokens, queries, clock, logger }: TokenServiceOptions): TokenService {
  const counts: Record<Outcome, number> = { fresh: 0, renewed: 0, kept: 0, expired: 0, refused: 0, unavailable: 0 };
  const turns = createTurns(MAX_ASKING, MAX_WAITING);
  /** Questions that are under way, by what tells tokens apart. */
  const flights = new Map<string, Promise<Settled>>();
  const now = () => clock.now().getTime();

  function askOnce(facts: TokenRequestFacts, hasKept: boolean): Promise<Settled> {
    const id = JSON.stringify(facts);
    const running = flights.get(id);
    if (running !== undefined) return running;
    const flight = ask(facts, hasKept ? DEADLINE_WITH_KEPT_MS : DEADLINE_MS).finally(() => flights.delete(id));
    flights.set(id, flight);
    return flight;
  }

  /** Resolves within the deadline, whether its turn has come or not. */
  async function ask(facts: TokenRequestFacts, deadlineMs: number): Promise<Settled> {
    const { namespace, serviceAccount: name } = facts;
    const body = JSON.stringify(tokenRequestOf(facts));
    const controller = new AbortController();
    const { signal } = controller;
    const late = Promise.withResolvers<Settled>();
    const cancelDeadline = clock.after(deadlineMs, () => {
      controller.abort();
      late.resolve(keptServes(`the cloud has not answered within ${deadlineMs / 1000} s`));
    });
    const answered = turns.take(async () => {
      signal.throwIfAborted();
      const question = { type: 'submit', resource: 'serviceaccounts', namespace, name, subresource: 'token', body } as const;
      return settle(facts, verdictOf(await queries.ask(question, { deadlineMs, signal }), facts));
    });
    try {
      // After the deadline nobody hears what else becomes of the question.
      return await Promise.race([answered ?? keptServes('too many requests for tokens at once on this device'), late.promise]);
    } finally {
      cancelDeadline();
    }
  }

  function answer(outcome: Outcome, token: KeptToken): SpecialAnswer {
    counts[outcome] += 1;
    const isExpired = outcome === 'expired';
    const until = new Date(token.validUntil).toISOString();
    return {
      status: 201,
      body: presented(token, isExpired),
      ...(isExpired ? { warnings: [`the token has expired at ${until}, and the cloud cannot be asked for another`] } : {}),
    };
  }

  /** A full disk takes no token from the pod that asked: it gets it, and what was kept before stays. */
  function keep(facts: TokenRequestFacts, token: KeptToken): void {
    const { namespace, podName: pod, serviceAccount } = facts;
    try {
      if (!tokens.put(facts, token)) logger.debug({ namespace, pod, serviceAccount }, 'token not kept: its pod is gone');
    } catch (err) {
      logger.error({ err, namespace, pod, serviceAccount }, 'token not kept');
    }
  }

  /** What the cloud has said takes its effect here, once for all who wait for it. */
  function settle(facts: TokenRequestFacts, verdict: Verdict): Settled {
    if (verdict.type === 'refused' && verdict.isGone) tokens.removeOfPod(facts.podUid);
    if (verdict.type !== 'renewed') return verdict;
    const { namespace, podName: pod, expirationSeconds } = facts;
    try {
      const token = readAnswer(verdict.body, expirationSeconds, now());
      keep(facts, token);
      return { type: 'renewed', token };
    } catch (err) {
      if (!(err instanceof HawserError)) throw err;
      logger.error({ err, namespace, pod }, 'answer about a token not taken');
      return keptServes('its answer was no token');
    }
  }

  function fromKept(facts: TokenRequestFacts, { retryAfterMs, detail }: KeptServes): SpecialAnswer {
    // Read again: the pod may have gone while the cloud was asked.
    const kept = tokens.get(facts);
    if (kept !== undefined) return answer(stateOf(kept, now()) === 'expired' ? 'expired' : 'kept', kept);
    counts.unavailable += 1;
    const seconds = retryAfterMs === undefined ? RETRY_SECONDS : retrySeconds(retryAfterMs);
    throw serviceUnavailable(`no token of this pod is kept, and the cloud cannot be asked: ${detail}`, seconds);
  }

  function judged(request: SpecialRequest): TokenRequestFacts {
    try {
      return judgeTokenRequest(request, nodeName);
    } catch (error) {
      counts.refused += 1;
      throw error;
    }
  }

  return {
    async request(request) {
      const facts = judged(request);
      const kept = tokens.get(facts);
      if (kept !== undefined && stateOf(kept, now()) === 'fresh') return answer('fresh', kept);
      const settled = await askOnce(facts, kept !== undefined);
      switch (settled.type) {
        case 'renewed':
          return answer('renewed', settled.token);
        case 'keptServes':
          return fromKept(facts, settled);
        case 'refused':
          counts.refused += 1;
          throw new ApiError(settled.code, isStatusReason(settled.reason) ? settled.reason : undefined, settled.message);
      }
    },
    stats: () => ({ ...counts }),
  };
}

/** A verdict that has had its effect. */
type Settled = { readonly type: 'renewed'; readonly token: KeptToken } | Exclude<Verdict, { readonly type: 'renewed' }>;
type KeptServes = Extract<Verdict, { readonly type: 'keptServes' }>;

function keptServes(detail: string): KeptServes {
  return { type: 'keptServes', retryAfterMs: undefined, detail };
}
