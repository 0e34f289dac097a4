import { createHash } from 'node:crypto';
import { HawserError, isJsonObject, type JsonObject, type JsonValue } from '@hawser/protocol';
import type { Logger } from 'pino';
import type { ApiClient } from '../apiserver/index.ts';
import { readFailure } from '../apiserver/index.ts';
import type { Clock } from '../clock.ts';
import { jsonObjectIn } from '../json-object.ts';
import { monotonic } from '../monotonic.ts';
import { Pace } from '../pace.ts';
import { UserPaces } from './user-paces.ts';

/** The audience of tokens that are made for this endpoint alone: such a token is worth nothing at the API server. */
export const ADMIN_AUDIENCE = 'hawser.dev/admin';

/** Whether the bearer of a token may do what it asks for. Only `allowed` is a permission. */
export type Verdict =
  | { readonly type: 'allowed'; readonly user: string }
  | { readonly type: 'unauthenticated'; readonly message: string }
  | { readonly type: 'forbidden'; readonly user: string; readonly message: string }
  | { readonly type: 'unavailable'; readonly message: string };

export interface ReviewsOptions {
  /** With the relay's own rights, at its own cluster only. */
  readonly api: Pick<ApiClient, 'request'>;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly apiCall: (verb: string, status: number | 'none') => void;
}

/** For so long an answer is believed: whoever loses a right keeps it for no longer. In ms. */
const ALLOWED_MS = 10_000;
/** A right that was just given should not be long in coming. In ms. */
const DENIED_MS = 2_000;
/** Answers that are kept; at it the oldest goes. */
const MOST_ANSWERS = 1_024;
/** Calls of the API server in a second, over time: strangers can make us ask. Above it the answer is `unavailable`. */
const CALLS_PER_SECOND = 20;
const BURST = 40;
/** The same of one user, whatever tokens it has: a fifth, so that none who may ask uses up what others ask with. */
const USER_CALLS_PER_SECOND = 4;
const USER_BURST = 8;
/** A token that was good within so long has calls of its own, so that strangers do not use up those of administrators; in ms. */
const KNOWN_MS = 3_600_000;
/** Such tokens that are remembered, by their hash; at it the oldest goes. */
const MOST_KNOWN = 256;
/** A review takes milliseconds; a webhook behind it, some seconds. */
const CALL_TIMEOUT_MS = 10_000;
/** Tokens have 1 to 4 KB; those of some clouds some more. In characters. */
const MAX_TOKEN = 12 * 1024;

interface User {
  readonly username: string;
  readonly uid: string;
  readonly groups: JsonValue;
  readonly extra: JsonValue;
}

interface KnownToken {
  readonly username: string;
  readonly goodAtMs: number;
}

/** What each call is counted in; above one of them it is not made. */
interface Counted {
  readonly pace: Pace;
  readonly perSecond: number;
  readonly who: string;
}

type Authentication = { readonly type: 'user'; readonly user: User } | Exclude<Verdict, { readonly type: 'allowed' }>;

/**
 * Asks the cluster who the bearer of a token is (TokenReview) and whether that user may (SubjectAccessReview). Answers are kept for
 * moments by the hash of the token, and the same question that is under way is not asked twice.
 */
export class Reviews {
  readonly #options: ReviewsOptions;
  readonly #users: Kept<Authentication>;
  readonly #verdicts: Kept<Verdict>;
  readonly #strangers = new Pace(1000 / CALLS_PER_SECOND, BURST);
  readonly #familiars = new Pace(1000 / CALLS_PER_SECOND, BURST);
  readonly #byUser = new UserPaces(1000 / USER_CALLS_PER_SECOND, USER_BURST);
  /** By the hash of the token; the oldest first. */
  readonly #known = new Map<string, KnownToken>();
  readonly #nowMs: () => number;

  constructor(options: ReviewsOptions) {
    this.#options = options;
    this.#nowMs = monotonic(options.clock);
    this.#users = new Kept(this.#nowMs);
    this.#verdicts = new Kept(this.#nowMs);
  }

  /** @param authorization the header; never rejects */
  async judge(authorization: string | undefined, verb: string, path: string): Promise<Verdict> {
    const token = /^Bearer +(\S+) *$/i.exec(authorization ?? '')?.[1];
    if (token === undefined) return { type: 'unauthenticated', message: 'a bearer token is needed: authorization: Bearer TOKEN' };
    if (token.length > MAX_TOKEN) return { type: 'unauthenticated', message: 'the token is too long' };
    const hash = createHash('sha256').update(token).digest('base64url');
    const authentication = await this.#users.get(hash, () => this.#authenticate(token, hash));
    if (authentication.type !== 'user') return authentication;
    const { user } = authentication;
    return this.#verdicts.get(`${hash} ${verb} ${path}`, () => this.#authorize(user, verb, path));
  }

  async #authenticate(token: string, hash: string): Promise<Authentication> {
    // What a token claims selects the question; whether it is true is the API server's to say.
    const isOurs = audiencesClaimed(token).includes(ADMIN_AUDIENCE);
    const spec = { token, ...(isOurs ? { audiences: [ADMIN_AUDIENCE] } : {}) };
    const status = await this.#review('authentication.k8s.io', 'tokenreviews', 'TokenReview', spec, this.#bearer(hash));
    if (typeof status === 'string')
      return { type: 'unavailable', message: `who the token is from could not be asked: ${status}` };
    const user = isJsonObject(status.user) ? status.user : {};
    const isForUs = !isOurs || (Array.isArray(status.audiences) && status.audiences.includes(ADMIN_AUDIENCE));
    if (status.authenticated !== true || !isForUs || typeof user.username !== 'string' || user.username === '') {
      return { type: 'unauthenticated', message: 'the cluster does not know this token, or it has ended' };
    }
    const { username, uid, groups, extra } = user;
    // It is asked about as it was told, so what is none goes no further.
    const isUser = isTexts(groups ?? []) && isJsonObject(extra ?? {}) && Object.values(extra ?? {}).every(isTexts);
    if (!isUser) return { type: 'unavailable', message: 'the API server told of a user whose groups or extra are none' };
    this.#remember(hash, username);
    return {
      type: 'user',
      user: { username, uid: typeof uid === 'string' ? uid : '', groups: groups ?? [], extra: extra ?? {} },
    };
  }

  async #authorize({ username, uid, groups, extra }: User, verb: string, path: string): Promise<Verdict> {
    const spec = { user: username, uid, groups, extra, nonResourceAttributes: { path, verb } };
    const counted = this.#familiar(username);
    const status = await this.#review('authorization.k8s.io', 'subjectaccessreviews', 'SubjectAccessReview', spec, counted);
    if (typeof status === 'string') return { type: 'unavailable', message: `whether you may could not be asked: ${status}` };
    if (status.allowed === true && status.denied !== true) return { type: 'allowed', user: username };
    const giver = verb === 'get' ? 'as the ClusterRole hawser-viewer gives it' : 'which cluster-admin has';
    const message = `${JSON.stringify(username)} may not ${verb} the path ${path}: it takes that verb on this nonResourceURL, ${giver}`;
    return { type: 'forbidden', user: username, message };
  }

  #bearer(hash: string): Counted[] {
    const known = this.#known.get(hash);
    if (known !== undefined && this.#nowMs() - known.goodAtMs < KNOWN_MS) return this.#familiar(known.username);
    return [{ pace: this.#strangers, perSecond: CALLS_PER_SECOND, who: 'tokens that are new here' }];
  }

  #familiar(username: string): Counted[] {
    return [
      { pace: this.#byUser.of(username), perSecond: USER_CALLS_PER_SECOND, who: JSON.stringify(username) },
      { pace: this.#familiars, perSecond: CALLS_PER_SECOND, who: 'all users' },
    ];
  }

  #remember(hash: string, username: string): void {
    this.#known.delete(hash);
    this.#known.set(hash, { username, goodAtMs: this.#nowMs() });
    for (const oldest of this.#known.keys()) {
      if (this.#known.size <= MOST_KNOWN) break;
      this.#known.delete(oldest);
    }
  }

  /** @returns the status of the answer, or why there is none */
  async #review(
    group: string,
    resource: string,
    kind: string,
    spec: JsonObject,
    counted: readonly Counted[],
  ): Promise<JsonObject | string> {
    const { api, clock, logger, apiCall } = this.#options;
    const nowMs = this.#nowMs();
    const over = counted.find(({ pace }) => pace.nextAtMs() > nowMs);
    if (over !== undefined) return `more than ${over.perSecond} questions a second for ${over.who}`;
    for (const { pace } of counted) pace.done(nowMs);
    try {
      const body = JSON.stringify({ apiVersion: `${group}/v1`, kind, spec });
      const path = `/apis/${group}/v1/${resource}`;
      const { status, headers, text } = await api.request({ method: 'POST', path, body, timeoutMs: CALL_TIMEOUT_MS });
      apiCall('create', status);
      if (status === 200 || status === 201) {
        const answered = jsonObjectIn(text).status;
        return isJsonObject(answered) ? answered : `the API server answered a ${kind} without a status`;
      }
      const { message } = readFailure(status, headers, text, clock.now());
      logger.warn({ kind, status, message }, 'review not answered');
      return message;
    } catch (error) {
      if (!(error instanceof HawserError)) throw error;
      apiCall('create', 'none');
      logger.warn({ kind, err: error }, 'review not answered');
      return error.message;
    }
  }
}

function isTexts(value: unknown): boolean {
  return Array.isArray(value) && value.every((entry) => typeof entry === 'string');
}

/** `aud` of a JWT, unverified; empty for what is none. */
function audiencesClaimed(token: string): readonly JsonValue[] {
  const { aud } = jsonObjectIn(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString('utf8'));
  if (typeof aud === 'string') return [aud];
  return Array.isArray(aud) ? aud : [];
}

/** Answers for some moments, and those that are on their way. What is unavailable is not kept. */
class Kept<Answer extends { readonly type: string }> {
  readonly #nowMs: () => number;
  readonly #answers = new Map<string, { readonly answer: Promise<Answer>; untilMs: number }>();

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  get(question: string, ask: () => Promise<Answer>): Promise<Answer> {
    const nowMs = this.#nowMs();
    const known = this.#answers.get(question);
    if (known !== undefined && nowMs < known.untilMs) return known.answer;
    const entry = { answer: ask(), untilMs: nowMs + ALLOWED_MS };
    this.#answers.delete(question);
    this.#answers.set(question, entry);
    for (const oldest of this.#answers.keys()) {
      if (this.#answers.size <= MOST_ANSWERS) break;
      this.#answers.delete(oldest);
    }
    const forget = () => {
      if (this.#answers.get(question) === entry) this.#answers.delete(question);
    };
    entry.answer.then(({ type }) => {
      if (type === 'unavailable') forget();
      else if (type !== 'allowed' && type !== 'user') entry.untilMs = nowMs + DENIED_MS;
    }, forget);
    return entry.answer;
  }
}
