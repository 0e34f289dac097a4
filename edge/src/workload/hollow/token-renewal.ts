import type { JsonObject } from '@hawser/protocol';
import { fields, instant, number } from './fields.ts';

/** When a kubelet asks for a token anew: at 80 % of its life, and after a day whatever its life (token manager). */
const RENEW_AT = 0.8;
const DAY_MS = 24 * 3_600_000;
/** Renewals are spread over this share of the life, and at most over ten minutes: pods that started together do not ask together. */
const SPREAD = 0.05;
const MAX_SPREAD_MS = 600_000;
/** A token that is to be renewed and cannot be is asked for again when a kubelet next looks at the pod: 60 to 90 s. */
const LOOK_AGAIN_MS = 60_000;
const LOOK_AGAIN_SPREAD_MS = 30_000;

/**
 * The wait before the token of this TokenRequest is asked for again, in milliseconds. Never longer than it would be for a new one,
 * whatever the clock says.
 * @param now milliseconds since 1970
 * @param random at least 0, below 1
 */
export function renewalDelay(answer: JsonObject, now: number, random: () => number): number {
  const lifeMs = (number(fields(answer.spec).expirationSeconds) ?? 0) * 1000;
  const expiresAt = instant(fields(answer.status).expirationTimestamp) ?? now;
  const renewAfter = Math.min(lifeMs * RENEW_AT, DAY_MS);
  const left = Math.min(renewAfter, expiresAt - lifeMs + renewAfter - now);
  const spread = random() * Math.min(lifeMs * SPREAD, MAX_SPREAD_MS);
  return Math.max(left + spread, LOOK_AGAIN_MS + random() * LOOK_AGAIN_SPREAD_MS);
}

/** A kubelet's waits before it tries a volume again that it could not mount (500 ms, doubling to two minutes). */
const FIRST_RETRY_MS = 500;
const MAX_RETRY_MS = 122_000;

/** @param failures before this one, without a success in between */
export function retryDelay(failures: number, random: () => number): number {
  const delay = Math.min(MAX_RETRY_MS, FIRST_RETRY_MS * 2 ** Math.min(failures, 10));
  return delay * (0.75 + random() / 2);
}
