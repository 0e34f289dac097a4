import { zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import type { Random } from '../../model/random.ts';

const MAGIC = Buffer.from([0x28, 0xb5, 0x2f, 0xfd]);
/** An RLE block says its byte once and its length in 21 bits (RFC 8878, 3.1.1.2): four bytes for 128 KB. */
const MOST_BLOCK = 128 * 1024;
/** Unpacked only to be changed. */
const MOST_PLAIN = 1024 * 1024;

/** A Zstandard frame that states any window and any size, and holds few bytes or unpacks to very many. */
export function lyingFrame(random: Random): Buffer {
  if (random.oneIn(8)) return skippable(random);
  const sizeFlag = random.integer(4);
  const isSingle = random.oneIn(3);
  const checksum = random.oneIn(6) ? 4 : 0;
  const descriptor = (sizeFlag << 6) | (isSingle ? 0x20 : 0) | checksum;
  const parts: Uint8Array[] = [MAGIC, Buffer.from([descriptor])];
  // The exponent's five bits give windows of 1 KB to 3.75 TB.
  if (!isSingle) parts.push(Buffer.from([(random.integer(32) << 3) | random.integer(8)]));
  const sizeBytes = sizeFlag === 0 ? (isSingle ? 1 : 0) : 1 << sizeFlag;
  const size = Buffer.alloc(8);
  size.writeBigUInt64LE(random.oneIn(2) ? 2n ** BigInt(random.integer(64)) : BigInt(random.integer(1024)));
  parts.push(size.subarray(0, sizeBytes));
  for (let blocks = random.integer(random.oneIn(4) ? 200 : 4); blocks >= 0; blocks -= 1) parts.push(block(random, blocks === 0));
  return Buffer.concat(parts);
}

/** What a frame holds is changed, and packed again; where it does not unpack it is given to `otherwise`. */
export function changeInside(packed: Uint8Array, change: (plain: Uint8Array) => Uint8Array): Uint8Array | undefined {
  if (!MAGIC.equals(packed.subarray(0, MAGIC.length))) return undefined;
  try {
    return zstdCompressSync(change(zstdDecompressSync(packed, { maxOutputLength: MOST_PLAIN })));
  } catch {
    // It needs a dictionary, or was broken before: then it is changed as plain bytes.
    return undefined;
  }
}

function block(random: Random, isLast: boolean): Buffer {
  const type = random.pick([0, 1, 1, 2, 3]) ?? 1;
  const size = type === 1 ? (random.pick([MOST_BLOCK, MOST_BLOCK, 0x1f_ffff, random.integer(1024)]) ?? 0) : random.integer(64);
  const header = Buffer.alloc(3);
  header.writeUIntLE((size << 3) | (type << 1) | (isLast ? 1 : 0), 0, 3);
  const content = type === 1 ? Buffer.from([random.integer(256)]) : Buffer.alloc(random.oneIn(4) ? 0 : size, random.integer(256));
  return Buffer.concat([header, content]);
}

function skippable(random: Random): Buffer {
  const frame = Buffer.alloc(8 + random.integer(16));
  frame.writeUInt32LE(0x184d_2a50 + random.integer(16), 0);
  frame.writeUInt32LE(random.oneIn(2) ? frame.length - 8 : random.integer(0x1_0000_0000), 4);
  return frame;
}
