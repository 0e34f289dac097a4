import { isSignedBy, type JoinRequest, joinProof, keyHash, readDeviceKey } from '@hawser/protocol';
import type { Clock } from '../../clock.ts';
import { judgeToken, type TokenStore } from '../tokens/index.ts';
import type { Devices, Issuer } from '../types.ts';
import type { Attempts } from './attempts.ts';
import { enrolled, notNow, type Outcome, refused, refusedBy, tooMany } from './outcome.ts';

/** Others may write to a token while it is judged; after so many times the device comes again later. */
const MAX_TRIES = 5;

export interface JoinContext {
  readonly tokens: TokenStore;
  readonly devices: Pick<Devices, 'enrol'>;
  readonly issuer: Pick<Issuer, 'trusted' | 'issue'>;
  /** Wrong secrets, by the id of a token. Those that are being looked at when it is reached are still answered. */
  readonly wrongSecrets: Attempts;
  readonly clock: Pick<Clock, 'now'>;
}

/**
 * A device asks for its first certificate, with a nonce that is its connection's. The order matters: the key is shown first, a token
 * for one device is marked before a record is written, and only what the record allows is given out. Never rejects.
 */
export async function join(context: JoinContext, request: JoinRequest, remote: string): Promise<Outcome> {
  const about = { node: request.nodeName, tokenId: request.token.id };
  try {
    const publicKey = readDeviceKey(request.publicKey);
    if (!isSignedBy(joinProof(request.nonce, request.nodeName), request.proof, publicKey)) {
      return refused('badProof', 'the request is not signed with its key', about);
    }
    const waitMs = context.wrongSecrets.waitMs(request.token.id);
    if (waitMs > 0) return tooMany('limits.enrolWrongSecrets', 'too many wrong secrets came with this token', waitMs, about);
    for (let tries = 0; tries < MAX_TRIES; tries += 1) {
      const outcome = await attempt(context, request, publicKey, remote);
      if (outcome !== 'again') return outcome;
    }
    return notNow('the token is being changed: come again', about);
  } catch (error) {
    return refusedBy(error, about);
  }
}

async function attempt(
  { tokens, devices, issuer, wrongSecrets, clock }: JoinContext,
  { token, nodeName, replace }: JoinRequest,
  publicKey: ReturnType<typeof readDeviceKey>,
  remote: string,
): Promise<Outcome | 'again'> {
  const about = { node: nodeName, tokenId: token.id };
  const key = keyHash(publicKey);
  const stored = await tokens.read(token.id);
  const verdict = judgeToken(stored, { token, nodeName, key, replace }, clock.now());
  if (verdict.type === 'refused') {
    if (verdict.isWrongSecret) wrongSecrets.add(token.id);
    return refused(verdict.reason, verdict.message, { ...about, detail: verdict.detail });
  }
  const chain = await issuer.issue(nodeName, publicKey);
  if (stored !== undefined && verdict.marks && (await tokens.markUsed(stored, key, nodeName)) === 'changed') return 'again';
  const outcome = await devices.enrol({ nodeName, key, validTo: chain[0].validToDate, mayReplace: replace, remote });
  if (outcome.type === 'refused') return refused(outcome.reason, outcome.message, about);
  return enrolled('joined', nodeName, chain, issuer.trusted(), about);
}
