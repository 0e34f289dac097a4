import { hash } from 'node:crypto';
import type { ObjectKey } from './objectkey.ts';
import type { Version } from './version.ts';

const MODULUS = 1n << 128n;

/**
 * A commutative 128-bit sum over (key, version) of a set of objects: equal sets have equal digests whatever the order of
 * the changes that led there, and each change costs one hash. Not secret and not a defence against a forger: both sides
 * are authenticated, it finds drift.
 */
export class Digest {
  #sum = 0n;
  #count = 0;

  add(key: ObjectKey, version: Version): void {
    this.addEntry(digestEntry(key, version));
  }

  /** The entry must have been added before. */
  remove(key: ObjectKey, version: Version): void {
    this.removeEntry(digestEntry(key, version));
  }

  /** @param entry of {@link digestEntry} */
  addEntry(entry: bigint): void {
    this.#sum = (this.#sum + entry) % MODULUS;
    this.#count += 1;
  }

  /** The entry must have been added before. */
  removeEntry(entry: bigint): void {
    this.#sum = (this.#sum - entry + MODULUS) % MODULUS;
    this.#count -= 1;
  }

  /** How many entries the sum counts. */
  get count(): number {
    return this.#count;
  }

  /** 32 hex digits. */
  toString(): string {
    return this.#sum.toString(16).padStart(32, '0');
  }

  clone(): Digest {
    const copy = new Digest();
    copy.#sum = this.#sum;
    copy.#count = this.#count;
    return copy;
  }
}

/** What one object adds to the sum: the first 128 bits of a SHA-256 over key and version. */
export function digestEntry(key: ObjectKey, version: Version): bigint {
  const text = `${key}\0${version.uid}\0${version.resourceVersion}\0${version.hash}`;
  return BigInt(`0x${hash('sha256', text, 'hex').slice(0, 32)}`);
}
