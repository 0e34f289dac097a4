import { constants, zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import { HawserError } from './errors.ts';

/** The API server takes requests of 3 MiB at most, so no object is larger; what claims to be is refused before it is unpacked. */
export const MAX_BODY_BYTES = 3 * 1024 * 1024;

/** Shorter bodies are not worth a Zstandard frame's header. */
const COMPRESS_FROM_BYTES = 256;

/** A canonical body on the wire: as it is, or as one Zstandard frame (RFC 8878). */
export interface EncodedBody {
  readonly encoding: 'identity' | 'zstd';
  readonly bytes: Uint8Array;
  /** Bytes of the body before compression. */
  readonly size: number;
}

export function encodeBody(body: string): EncodedBody {
  const plain = Buffer.from(body, 'utf8');
  if (plain.length < COMPRESS_FROM_BYTES) return { encoding: 'identity', bytes: plain, size: plain.length };
  const packed = zstdCompressSync(plain, { params: { [constants.ZSTD_c_compressionLevel]: 3 } });
  return packed.length < plain.length
    ? { encoding: 'zstd', bytes: packed, size: plain.length }
    : { encoding: 'identity', bytes: plain, size: plain.length };
}

/** @throws HawserError `too_large` over MAX_BODY_BYTES, `malformed_object` when it does not unpack to the size it states */
export function decodeBody({ encoding, bytes, size }: EncodedBody): string {
  if (size > MAX_BODY_BYTES) throw new HawserError('too_large', `object of ${size} bytes is over ${MAX_BODY_BYTES}`);
  const plain = encoding === 'identity' ? bytes : unpack(bytes, size);
  if (plain.length !== size)
    throw new HawserError('malformed_object', `object has ${plain.length} bytes and not ${size} as stated`);
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(plain);
  } catch (cause) {
    throw new HawserError('malformed_object', 'object is not UTF-8', { cause });
  }
}

function unpack(bytes: Uint8Array, size: number): Uint8Array {
  try {
    return zstdDecompressSync(bytes, { maxOutputLength: Math.max(size, 1) });
  } catch (cause) {
    throw new HawserError('malformed_object', 'object is no Zstandard frame of the stated size', { cause });
  }
}
