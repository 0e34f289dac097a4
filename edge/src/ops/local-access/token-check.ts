import { createHash, timingSafeEqual } from 'node:crypto';
import { HOLDERS, type Holder } from '../../api/device/identities.ts';
import type { Tokens } from './token-files.ts';

/** How long tokens that were changed may go unnoticed while the old ones are shown, in milliseconds. */
const LOOK_EVERY_MS = 1_000;
/** A kubelet reads the file of its token once a minute: so long its former one goes on to be good, so that no Lease is missed. */
const KUBELET_GRACE_MS = 120_000;

export interface TokenCheckOptions {
  readonly tokens: Tokens;
  /** Where they may be changed: what is there now, or undefined where nothing has changed since the last call or nothing usable is there. */
  readonly changed?: () => Tokens | undefined;
  /** Milliseconds from any beginning, by a clock that nobody sets. */
  readonly now: () => number;
  /** Told after tokens were changed. */
  readonly onChange?: () => void;
}

/** Whose token that is; undefined: nobody's. */
export type TokenCheck = (token: string) => Holder | undefined;

interface Known {
  readonly hash: Buffer;
  readonly holder: Holder;
  /** By `now`; undefined: until it is changed. */
  readonly until?: number;
}

/**
 * Compares in constant time: hashes, and all of them whatever the first ones say. Changed tokens are taken up when one is shown, so
 * that nothing is done while nobody asks.
 */
export function createTokenCheck({ tokens, changed, now, onChange }: TokenCheckOptions): TokenCheck {
  let current = tokens;
  let known = knownOf(tokens);
  let lookedAt = now();

  function look(at: number): void {
    lookedAt = at;
    const next = changed?.();
    if (next === undefined || HOLDERS.every((holder) => next[holder] === current[holder])) return;
    const former: Known[] =
      next.kubelet === current.kubelet
        ? known.filter(({ until }) => until !== undefined)
        : [{ hash: sha256(current.kubelet), holder: 'kubelet', until: at + KUBELET_GRACE_MS }];
    current = next;
    known = [...knownOf(next), ...former];
    onChange?.();
  }

  function find(hash: Buffer, at: number): Holder | undefined {
    let holder: Holder | undefined;
    for (const one of known) {
      const isSame = timingSafeEqual(hash, one.hash);
      if (isSame && (one.until === undefined || at < one.until)) holder = one.holder;
    }
    return holder;
  }

  return (token) => {
    const at = now();
    const hash = sha256(token);
    if (at - lookedAt >= LOOK_EVERY_MS) look(at);
    const holder = find(hash, at);
    if (holder !== undefined) return holder;
    // It may be a new one. What strangers cause by that, three calls of stat, is little beside their request.
    look(at);
    return find(hash, at);
  };
}

function knownOf(tokens: Tokens): Known[] {
  return HOLDERS.map((holder) => ({ hash: sha256(tokens[holder]), holder }));
}

function sha256(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
