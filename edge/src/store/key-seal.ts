import { createHmac, randomBytes } from 'node:crypto';
import type { Seal } from './seal.ts';
import { NONCE_BYTES, Xaes } from './xaes.ts';

/** Begins the names of all seals with a key; behind it the key's id. */
const ALGORITHM = 'xaes256gcm';

/**
 * What is told of a key: 16 hex digits that follow from it and lead nowhere back. They stand beside each sealed text and in messages, so
 * that a store says which key it needs.
 */
export function keyId(key: Uint8Array): string {
  return createHmac('sha256', key).update('hawser store key id').digest('hex').slice(0, 16);
}

/**
 * A seal with a key of 32 bytes. Sealed: nonce (24 bytes), ciphertext, tag (16 bytes); `about` is the associated data.
 *
 * Nonces are random. AES-GCM's own of 96 bits are safe for 2^32 texts under one key (NIST SP 800-38D, section 8.3): a controller that
 * rewrites a Secret ten times a second, each time with two or three texts, gets there within the life of a device. So this is
 * XAES-256-GCM, which derives a key of its own for each text from the first half of a nonce of 192 bits: 2^80 texts, and no count
 * that would have to survive a restart.
 */
export function keySeal(key: Uint8Array): Seal {
  const cipher = new Xaes(key);
  return {
    name: `${ALGORITHM}:${keyId(key)}`,
    seal(text, about) {
      const nonce = randomBytes(NONCE_BYTES);
      return Buffer.concat([nonce, cipher.seal(nonce, Buffer.from(text, 'utf8'), Buffer.from(about, 'utf8'))]);
    },
    open(sealed, about) {
      if (sealed.length < NONCE_BYTES) return undefined;
      const nonce = sealed.subarray(0, NONCE_BYTES);
      return cipher.open(nonce, sealed.subarray(NONCE_BYTES), Buffer.from(about, 'utf8'))?.toString('utf8');
    },
  };
}

/** Whether that is what a seal with a key is called, whichever key that is. */
export function isKeySealName(name: string): boolean {
  return /^[a-z0-9]{1,32}:[0-9a-f]{16}$/.test(name);
}
