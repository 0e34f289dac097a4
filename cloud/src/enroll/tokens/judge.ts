import { randomBytes, timingSafeEqual } from 'node:crypto';
import type { BootstrapToken, KeyHash } from '@hawser/protocol';
import { hashOfSecret, type StoredToken } from './token-secret.ts';

export interface TokenUse {
  readonly token: BootstrapToken;
  readonly nodeName: string;
  /** Of the joining device. */
  readonly key: KeyHash;
  /** The device wants the name even if another one has it. */
  readonly replace: boolean;
}

/**
 * | type | meaning |
 * |---|---|
 * | good | the device may join with it; before it is given anything the token is to be marked, where `marks` says so |
 * | refused | `message` is for the device, `detail` for our own log alone |
 */
export type TokenVerdict =
  | { readonly type: 'good'; readonly marks: boolean }
  | {
      readonly type: 'refused';
      readonly reason: 'badToken' | 'otherNode' | 'tokenUsed' | 'mayNotReplace';
      readonly message: string;
      readonly detail: string;
      readonly isWrongSecret: boolean;
    };

/** What the secret of a token that does not exist is compared with, so that this takes the same time. */
const NOBODYS_HASH = hashOfSecret(randomBytes(16).toString('hex'));

const BAD_TOKEN =
  'the token is not valid here: it is wrong, has expired or was deleted; ask for a new one (hawser-relay token create)';

/**
 * Whether somebody may join with a token. Who does not have its secret hears one and the same of a token that is not there, has
 * expired, or is not for joining.
 * @param stored what is kept under the id; undefined where there is none
 */
export function judgeToken(
  stored: StoredToken | undefined,
  { token, nodeName, key, replace }: TokenUse,
  now: Date,
): TokenVerdict {
  const isRight = timingSafeEqual(hashOfSecret(token.secret), stored?.secretHash ?? NOBODYS_HASH);
  if (stored === undefined) return badToken('there is no such token', true);
  if (!isRight) return badToken('the secret is another', true);
  if (stored.unusable !== undefined) return badToken(stored.unusable);
  if (stored.expiration !== undefined && stored.expiration <= now) return badToken('it has expired');
  if (stored.nodeName !== undefined && stored.nodeName !== nodeName) {
    return refused('otherNode', `the token is for another node name than ${nodeName}`, `it is for ${stored.nodeName}`);
  }
  if (replace && !stored.mayReplace) {
    const message =
      'the token may not replace a device: an administrator makes one that may (hawser-relay token create --may-replace)';
    return refused('mayNotReplace', message, 'replacing was asked for');
  }
  if (!stored.isSingleUse) return { type: 'good', marks: false };
  if (stored.usedBy !== undefined && stored.usedBy !== key) {
    return refused('tokenUsed', 'the token was for one device, and another one has used it', `by ${stored.usedBy}`);
  }
  // One device is one name: with its key alone it could take as many as it likes.
  if (stored.usedFor !== undefined && stored.usedFor !== nodeName) {
    const message = `the token was for one device, and was used for another node name than ${nodeName}: ask for a new one (hawser-relay token create)`;
    return refused('tokenUsed', message, `for ${stored.usedFor}`);
  }
  return { type: 'good', marks: stored.usedBy === undefined };
}

function badToken(detail: string, isWrongSecret = false): TokenVerdict {
  return { ...refused('badToken', BAD_TOKEN, detail), isWrongSecret };
}

type Refused = Extract<TokenVerdict, { type: 'refused' }>;

function refused(reason: Refused['reason'], message: string, detail: string): Refused {
  return { type: 'refused', reason, message, detail, isWrongSecret: false };
}
