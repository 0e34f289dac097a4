import { type Cipheriv, createCipheriv, createDecipheriv } from 'node:crypto';

export const KEY_BYTES = 32;
export const NONCE_BYTES = 24;
const TAG_BYTES = 16;
const BLOCK_BYTES = 16;
/** The half of the nonce that the derived key comes from; the other half is AES-GCM's own. */
const SALT_BYTES = 12;

/**
 * XAES-256-GCM (C2SP, "XAES-256-GCM"): AES-256-GCM with a nonce of 192 bits. Its first half derives a key from the main one, by
 * counter mode with CMAC (NIST SP 800-108r1) written out for two blocks; the second half is the nonce under that key.
 */
export class Xaes {
  readonly #blocks: Cipheriv;
  /** The subkey of CMAC for whole blocks (NIST SP 800-38B, section 6.1). */
  readonly #subkey: Buffer;

  /** @param key 32 bytes, kept inside OpenSSL's cipher alone: the caller may overwrite its own */
  constructor(key: Uint8Array) {
    if (key.length !== KEY_BYTES) throw new RangeError(`a key has ${KEY_BYTES} bytes, not ${key.length}`);
    // Block by block and without a state: one cipher serves for all.
    this.#blocks = createCipheriv('aes-256-ecb', key, null).setAutoPadding(false);
    this.#subkey = doubled(this.#blocks.update(Buffer.alloc(BLOCK_BYTES)));
  }

  /** @returns ciphertext and tag */
  seal(nonce: Uint8Array, text: Uint8Array, about: Uint8Array): Buffer {
    const cipher = createCipheriv('aes-256-gcm', this.#derive(nonce), nonce.subarray(SALT_BYTES));
    cipher.setAAD(about);
    return Buffer.concat([cipher.update(text), cipher.final(), cipher.getAuthTag()]);
  }

  /** Undefined for what was not sealed with this key, nonce and associated data. */
  open(nonce: Uint8Array, sealed: Uint8Array, about: Uint8Array): Buffer | undefined {
    const end = sealed.length - TAG_BYTES;
    if (end < 0) return undefined;
    const options = { authTagLength: TAG_BYTES };
    const cipher = createDecipheriv('aes-256-gcm', this.#derive(nonce), nonce.subarray(SALT_BYTES), options);
    cipher.setAAD(about);
    cipher.setAuthTag(sealed.subarray(end));
    const text = cipher.update(sealed.subarray(0, end));
    try {
      cipher.final();
    } catch {
      // The one thing that it says: the tag is another.
      return undefined;
    }
    return text;
  }

  #derive(nonce: Uint8Array): Buffer {
    const messages = Buffer.alloc(2 * BLOCK_BYTES);
    for (const block of [0, 1]) {
      const message = messages.subarray(block * BLOCK_BYTES);
      message.set([0, block + 1, 0x58, 0]);
      message.set(nonce.subarray(0, SALT_BYTES), BLOCK_BYTES - SALT_BYTES);
      for (let index = 0; index < BLOCK_BYTES; index++) message[index] = (message[index] ?? 0) ^ (this.#subkey[index] ?? 0);
    }
    return this.#blocks.update(messages);
  }
}

/** Times x in the field of 2^128 elements that CMAC reckons in. */
function doubled(block: Buffer): Buffer {
  const value = BigInt(`0x${block.toString('hex')}`);
  const carry = value >> 127n === 1n ? 0x87n : 0n;
  const result = ((value << 1n) & ((1n << 128n) - 1n)) ^ carry;
  return Buffer.from(result.toString(16).padStart(2 * BLOCK_BYTES, '0'), 'hex');
}
