import { createReadStream, createWriteStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';

const BLOCK = 512;

/**
 * Writes one file of a gzipped tar archive (POSIX ustar) to `target`, as it streams by: nothing of it is held.
 * @throws when it is not in the archive, or larger than `maxBytes`
 */
export async function extractFromTarball(archive: string, name: string, target: string, maxBytes: number): Promise<void> {
  const entry = async function* (source: AsyncIterable<Buffer>) {
    const blocks = new Bytes(source[Symbol.asyncIterator]());
    for (;;) {
      const header = await blocks.read(BLOCK);
      // Two blocks of zeros end an archive.
      if (header === undefined || header[0] === 0) throw new Error(`${name} is not in ${archive}`);
      const { name: found, size } = parseHeader(header);
      if (found !== name) {
        await blocks.skip(Math.ceil(size / BLOCK) * BLOCK);
        continue;
      }
      if (size > maxBytes) throw new Error(`${name} in ${archive} has ${size} bytes, where ${maxBytes} are the most`);
      yield* blocks.parts(size);
      // Whatever stands behind it has to be read: a stream that nobody reads does not end.
      await blocks.skip(Number.POSITIVE_INFINITY);
      return;
    }
  };
  await pipeline(createReadStream(archive), createGunzip(), entry, createWriteStream(target));
}

/** @throws for a header that is none */
function parseHeader(header: Buffer): { readonly name: string; readonly size: number } {
  const text = (start: number, length: number) =>
    header
      .subarray(start, start + length)
      .toString('latin1')
      .replace(/\0.*$/s, '');
  const prefix = text(345, 155);
  const size = Number.parseInt(text(124, 12), 8);
  if (!Number.isSafeInteger(size) || size < 0) throw new Error('the archive is damaged: an entry has no size');
  return { name: prefix === '' ? text(0, 100) : `${prefix}/${text(0, 100)}`, size };
}

/** A stream in the pieces that one wants. */
class Bytes {
  readonly #source: AsyncIterator<Buffer>;
  #rest: Buffer = Buffer.alloc(0);

  constructor(source: AsyncIterator<Buffer>) {
    this.#source = source;
  }

  /** Undefined when the stream has ended before. */
  async read(length: number): Promise<Buffer | undefined> {
    const parts: Buffer[] = [];
    for await (const part of this.parts(length)) parts.push(part);
    const bytes = Buffer.concat(parts);
    return bytes.length < length ? undefined : bytes;
  }

  async skip(length: number): Promise<void> {
    for await (const part of this.parts(length)) void part;
  }

  async *parts(length: number): AsyncGenerator<Buffer> {
    for (let left = length; left > 0; ) {
      if (this.#rest.length === 0) {
        const { value, done } = await this.#source.next();
        if (done === true) return;
        this.#rest = value;
      }
      const part = this.#rest.subarray(0, left);
      this.#rest = this.#rest.subarray(part.length);
      left -= part.length;
      yield part;
    }
  }
}
