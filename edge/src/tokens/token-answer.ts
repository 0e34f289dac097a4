import { HawserError, type KubeObject, parseJson } from '@hawser/protocol';
import * as v from 'valibot';
import type { KeptToken } from '../store/index.ts';
import { expiryOf } from './jwt.ts';

/** On a TokenRequest whose token the API server no longer accepts: since when, RFC 3339. */
export const EXPIRED_ANNOTATION = 'hawser.dev/token-expired';

const Time = v.pipe(
  v.string(),
  v.transform((text) => Date.parse(text)),
  v.number(),
  v.finite(),
);
const Answer = v.object({
  kind: v.literal('TokenRequest'),
  spec: v.optional(v.object({ expirationSeconds: v.optional(v.nullable(v.pipe(v.number(), v.minValue(1)))) }), {}),
  status: v.object({ token: v.pipe(v.string(), v.nonEmpty()), expirationTimestamp: Time }),
});

/**
 * The cloud's answer as it is kept. The lifetime is the one that was granted: an API server may grant less than was asked for.
 * @param expirationSeconds that was asked for
 * @param now by the device's clock, milliseconds since 1970
 * @throws HawserError `protocol` for what is no TokenRequest with a token; its text never stands in the message
 */
export function readAnswer(body: string, expirationSeconds: number, now: number): KeptToken {
  const parsed = v.safeParse(Answer, parseJson(body));
  if (!parsed.success) {
    throw new HawserError(
      'protocol',
      `the answer is no TokenRequest: ${v.getDotPath(parsed.issues[0]) ?? 'it'} is not as it must be`,
    );
  }
  const { spec, status } = parsed.output;
  const { expirationTimestamp: expiresAt, token } = status;
  const lifeMs = (spec.expirationSeconds ?? expirationSeconds) * 1000;
  return { body, issuedAt: expiresAt - lifeMs, keptAt: now, expiresAt, validUntil: expiryOf(token) ?? expiresAt };
}

/** What the local API answers. Of one that is past its time the object says so, and everything else is as it was. */
export function presented({ body, validUntil }: KeptToken, isExpired: boolean): KubeObject {
  const object: KubeObject = parseJson(body);
  if (!isExpired) return object;
  const { metadata } = object;
  const annotations = { ...metadata?.annotations, [EXPIRED_ANNOTATION]: new Date(validUntil).toISOString() };
  return { ...object, metadata: { ...metadata, annotations } };
}
