import { constants, zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import { dictionaryById, type StaticDictionary } from './dictionary/index.ts';
import { HawserError } from './errors.ts';

/** The API server takes requests of 3 MiB at most, so no object is larger; what claims to be is refused before it is unpacked. */
export const MAX_BODY_BYTES = 3 * 1024 * 1024;

/** Shorter bodies are not worth a Zstandard frame's header, unless a dictionary says most of them. */
const COMPRESS_FROM_BYTES = 256;

/** Above it the default search window no longer spans base and body, and matches lie farther apart than level 3 looks. */
const LARGE_BYTES = 64 * 1024;
const LARGE_WINDOW_LOG = 23;

/** What a frame may make its reader allocate for the search window, as a power of two: no writer asks for more. */
const MAX_WINDOW_LOG = LARGE_WINDOW_LOG;

/** A canonical body on the wire: as it is, or as one Zstandard frame (RFC 8878), without or with a static dictionary. */
export type EncodedBody = PlainBody | StaticBody;

interface PlainBody {
  readonly encoding: 'identity' | 'zstd';
  readonly bytes: Uint8Array;
  /** Bytes of the body before compression. */
  readonly size: number;
}

interface StaticBody extends Omit<PlainBody, 'encoding'> {
  readonly encoding: 'zstdStatic';
  /** The id of the dictionary. */
  readonly dictionary: string;
}

/** @param dictionary one that the reader has; undefined where there is none in common */
export function encodeBody(body: string, dictionary?: StaticDictionary): EncodedBody {
  const plain = Buffer.from(body, 'utf8');
  const size = plain.length;
  const packed =
    dictionary !== undefined ? pack(plain, dictionary.bytes) : size >= COMPRESS_FROM_BYTES ? pack(plain, undefined) : plain;
  if (packed.length >= size) return { encoding: 'identity', bytes: plain, size };
  return dictionary === undefined
    ? { encoding: 'zstd', bytes: packed, size }
    : { encoding: 'zstdStatic', dictionary: dictionary.id, bytes: packed, size };
}

/**
 * A body is checked against its hash by the caller: a Zstandard frame decodes with a wrong dictionary without an error.
 * @throws HawserError `too_large` over MAX_BODY_BYTES, `malformed_object` when it does not unpack to the size it states,
 * `unsupported` for a dictionary that this side does not have
 */
export function decodeBody(encoded: EncodedBody): string {
  const { bytes, size } = encoded;
  requireSize(size);
  if (encoded.encoding !== 'zstdStatic') {
    return textOf(encoded.encoding === 'identity' ? bytes : unpack(bytes, size, undefined), size);
  }
  const dictionary = dictionaryById(encoded.dictionary);
  if (dictionary === undefined) throw new HawserError('unsupported', `no static dictionary ${encoded.dictionary}`);
  return textOf(unpack(bytes, size, dictionary.bytes), size);
}

/** A body as a Zstandard frame whose dictionary is the body that the reader holds. */
export interface EncodedDelta {
  readonly bytes: Uint8Array;
  /** Bytes of the body that it leads to. */
  readonly size: number;
}

export function encodeDelta(base: string, body: string): EncodedDelta {
  const plain = Buffer.from(body, 'utf8');
  return { bytes: pack(plain, Buffer.from(base, 'utf8')), size: plain.length };
}

/** The result is checked against its hash by the caller: another base leads to another text without an error. @throws as `decodeBody` */
export function applyDelta(base: string, { bytes, size }: EncodedDelta): string {
  requireSize(size);
  return textOf(unpack(bytes, size, Buffer.from(base, 'utf8')), size);
}

function pack(plain: Uint8Array, dictionary: Uint8Array | undefined): Uint8Array {
  const isLarge = plain.length + (dictionary?.length ?? 0) > LARGE_BYTES;
  return zstdCompressSync(plain, {
    ...(dictionary === undefined ? {} : { dictionary }),
    params: {
      [constants.ZSTD_c_compressionLevel]: 3,
      ...(isLarge ? { [constants.ZSTD_c_enableLongDistanceMatching]: 1, [constants.ZSTD_c_windowLog]: LARGE_WINDOW_LOG } : {}),
    },
  });
}

function unpack(bytes: Uint8Array, size: number, dictionary: Uint8Array | undefined): Uint8Array {
  try {
    return zstdDecompressSync(bytes, {
      ...(dictionary === undefined ? {} : { dictionary }),
      maxOutputLength: Math.max(size, 1),
      params: { [constants.ZSTD_d_windowLogMax]: MAX_WINDOW_LOG },
    });
  } catch (cause) {
    throw new HawserError('malformed_object', 'object is no Zstandard frame of the stated size', { cause });
  }
}

function requireSize(size: number): void {
  if (size > MAX_BODY_BYTES) throw new HawserError('too_large', `object of ${size} bytes is over ${MAX_BODY_BYTES}`);
}

function textOf(plain: Uint8Array, size: number): string {
  if (plain.length !== size)
    throw new HawserError('malformed_object', `object has ${plain.length} bytes and not ${size} as stated`);
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(plain);
  } catch (cause) {
    throw new HawserError('malformed_object', 'object is not UTF-8', { cause });
  }
}
