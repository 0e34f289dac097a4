import { isUtf8 } from 'node:buffer';
import { constants, zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import { dictionaryById, type StaticDictionary } from './dictionary/index.ts';
import { HawserError } from './errors.ts';

/** The API server takes requests of 3 MiB at most, so no object is larger; what claims to be is refused before it is unpacked. */
export const MAX_BODY_BYTES = 3 * 1024 * 1024;

/** Shorter bodies are not worth a Zstandard frame's header, unless a dictionary says most of them. */
const COMPRESS_FROM_BYTES = 256;

/** A larger body brings its own repetitions: there a static dictionary saves less than one byte in fifty and doubles the time. */
const STATIC_UP_TO_BYTES = 32 * 1024;

/**
 * Body and dictionary together, in bytes. Up to it small tables (8,192 entries, a window of 64 KB) find as much as the default ones
 * and take a fraction of the time, most of which goes into setting tables up.
 */
const SMALL_BYTES = 64 * 1024;
const SMALL_WINDOW_LOG = 16;
const SMALL_TABLE_LOG = 13;
/** Spans any two bodies. */
const LARGE_WINDOW_LOG = 23;
/**
 * Of a dictionary Zstandard knows the last 8 bytes for each entry of its tables, however far the window goes: 1 MiB with those of
 * level 3, and 4 MiB, more than any body, with these. Long-distance matching changes nothing about that.
 */
const LARGE_DICTIONARY_BYTES = 1024 * 1024;
const LARGE_TABLE_LOG = 19;

/** What a frame may make its reader allocate for the search window, as a power of two: no writer asks for more. */
const MAX_WINDOW_LOG = LARGE_WINDOW_LOG;

/**
 * Zstandard gives what it has packed or unpacked in pieces of this size, in bytes: of all but large bodies, one that is made to
 * measure. Its own choice is 64 KB: garbage that costs a relay with thousands of agents 30 KB for each of them.
 */
const MIN_CHUNK_BYTES = 64;
const MAX_CHUNK_BYTES = 256 * 1024;

const LEVEL = {
  [constants.ZSTD_c_compressionLevel]: 3,
  // The size travels beside the frame.
  [constants.ZSTD_c_contentSizeFlag]: 0,
};

function tables(windowLog: number, tableLog?: number) {
  const window = { ...LEVEL, [constants.ZSTD_c_windowLog]: windowLog };
  return tableLog === undefined
    ? window
    : { ...window, [constants.ZSTD_c_hashLog]: tableLog, [constants.ZSTD_c_chainLog]: tableLog };
}

const SMALL = tables(SMALL_WINDOW_LOG, SMALL_TABLE_LOG);
const LARGE = tables(LARGE_WINDOW_LOG);
const LARGE_DICTIONARY = tables(LARGE_WINDOW_LOG, LARGE_TABLE_LOG);

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

/** @param common a dictionary that the reader has; undefined where there is none in common */
export function encodeBody(body: string, common?: StaticDictionary): EncodedBody {
  const plain = Buffer.from(body, 'utf8');
  const size = plain.length;
  const dictionary = size <= STATIC_UP_TO_BYTES ? common : undefined;
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
  const known = dictionary?.length ?? 0;
  const params = plain.length + known <= SMALL_BYTES ? SMALL : known <= LARGE_DICTIONARY_BYTES ? LARGE : LARGE_DICTIONARY;
  const chunkSize = Math.min(Math.max(plain.length, MIN_CHUNK_BYTES), MAX_CHUNK_BYTES);
  // A copy to measure: what Zstandard gives is the beginning of a larger buffer, and bodies are kept.
  return new Uint8Array(zstdCompressSync(plain, { ...(dictionary === undefined ? {} : { dictionary }), chunkSize, params }));
}

function unpack(bytes: Uint8Array, size: number, dictionary: Uint8Array | undefined): Uint8Array {
  try {
    return zstdDecompressSync(bytes, {
      ...(dictionary === undefined ? {} : { dictionary }),
      maxOutputLength: Math.max(size, 1),
      chunkSize: Math.min(Math.max(size, MIN_CHUNK_BYTES), MAX_CHUNK_BYTES),
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
  if (!isUtf8(plain)) throw new HawserError('malformed_object', 'object is not UTF-8');
  return Buffer.from(plain.buffer, plain.byteOffset, plain.length).toString('utf8');
}
