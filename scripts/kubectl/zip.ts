import { createWriteStream } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import { createInflateRaw } from 'node:zlib';

/** Bytes at the end of an archive in which its directory is found: a comment has 65,535 at most. */
const END_BYTES = 65_535 + 22;
/** The largest directory that is read, in bytes. */
const MAX_DIRECTORY_BYTES = 4 * 1024 * 1024;

const END = 0x06054b50;
const ENTRY = 0x02014b50;
const LOCAL = 0x04034b50;
const DEFLATED = 8;

interface Entry {
  readonly method: number;
  readonly compressedBytes: number;
  readonly bytes: number;
  readonly headerAt: number;
}

/**
 * Writes one file of a ZIP archive to `target`, as it streams by (PKWARE APPNOTE 6.3, without encryption and ZIP64).
 * @throws when it is not in the archive, larger than `maxBytes`, or packed by something other than DEFLATE
 */
export async function extractFromZip(archive: string, name: string, target: string, maxBytes: number): Promise<void> {
  const file = await open(archive);
  try {
    const { method, compressedBytes, bytes, headerAt } = await entryOf(file, archive, name);
    if (bytes > maxBytes) throw new Error(`${name} in ${archive} has ${bytes} bytes, where ${maxBytes} are the most`);
    if (method !== DEFLATED) throw new Error(`${name} in ${archive} is packed by method ${method}, and not by DEFLATE`);
    const header = await read(file, headerAt, 30);
    if (header.readUInt32LE(0) !== LOCAL) throw new Error(`${archive} is damaged: ${name} is not where its directory says`);
    const start = headerAt + 30 + header.readUInt16LE(26) + header.readUInt16LE(28);
    const packed = file.createReadStream({ start, end: start + compressedBytes - 1, autoClose: false });
    let count = 0;
    const bounded = async function* (source: AsyncIterable<Buffer>) {
      for await (const chunk of source) {
        count += chunk.length;
        if (count > bytes) throw new Error(`${name} in ${archive} is larger than its directory says`);
        yield chunk;
      }
    };
    await pipeline(packed, createInflateRaw(), bounded, createWriteStream(target, { mode: 0o755 }));
    if (count !== bytes) throw new Error(`${name} in ${archive} ends too early`);
  } finally {
    await file.close();
  }
}

async function entryOf(file: FileHandle, archive: string, name: string): Promise<Entry> {
  const { size } = await file.stat();
  const from = Math.max(0, size - END_BYTES);
  const tail = await read(file, from, size - from);
  const end = tail.lastIndexOf(Buffer.from([0x50, 0x4b, 0x05, 0x06]));
  if (end < 0 || tail.readUInt32LE(end) !== END) throw new Error(`${archive} is no ZIP archive`);
  const length = tail.readUInt32LE(end + 12);
  if (length > MAX_DIRECTORY_BYTES) throw new Error(`${archive} has a directory of ${length} bytes`);
  const directory = await read(file, tail.readUInt32LE(end + 16), length);
  for (let at = 0; at + 46 <= directory.length; ) {
    if (directory.readUInt32LE(at) !== ENTRY) break;
    const nameEnd = at + 46 + directory.readUInt16LE(at + 28);
    if (directory.toString('utf8', at + 46, nameEnd) === name) {
      return {
        method: directory.readUInt16LE(at + 10),
        compressedBytes: directory.readUInt32LE(at + 20),
        bytes: directory.readUInt32LE(at + 24),
        headerAt: directory.readUInt32LE(at + 42),
      };
    }
    at = nameEnd + directory.readUInt16LE(at + 30) + directory.readUInt16LE(at + 32);
  }
  throw new Error(`${name} is not in ${archive}`);
}

async function read(file: FileHandle, position: number, length: number): Promise<Buffer> {
  const buffer = Buffer.alloc(length);
  const { bytesRead } = await file.read(buffer, 0, length, position);
  if (bytesRead < length) throw new Error('the ZIP archive ends too early');
  return buffer;
}
