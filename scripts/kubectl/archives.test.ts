import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { crc32, deflateRawSync, gzipSync } from 'node:zlib';
import { extractFromTarball } from './tarball.ts';
import { extractFromZip } from './zip.ts';

const CONTENT = Buffer.from('the program, several times over; '.repeat(5_000));
const MOST = 1024 * 1024;

describe('a file of a tarball', () => {
  it('is written as it is, whatever stands before and after it', async (t) => {
    const long = randomBytes(2 * MOST);
    const { archive, target } = files(t, tarball({ 'package/README': long, 'package/a': CONTENT, 'package/b': long }));
    await extractFromTarball(archive, 'package/a', target, MOST);
    assert.deepEqual(readFileSync(target), CONTENT);
  });

  it('is refused when it is not there, too large, or cut off', async (t) => {
    const bytes = tarball({ 'package/a': CONTENT });
    const { archive, target } = files(t, bytes);
    await assert.rejects(extractFromTarball(archive, 'package/b', target, MOST), /is not in/);
    await assert.rejects(extractFromTarball(archive, 'package/a', target, 100), /where 100 are the most/);
    writeFileSync(archive, bytes.subarray(0, bytes.length / 2));
    await assert.rejects(extractFromTarball(archive, 'package/a', target, MOST));
  });
});

describe('a file of a ZIP archive', () => {
  it('is written as it is, and may be run', async (t) => {
    const { archive, target } = files(
      t,
      zip({ 'kubectl/': Buffer.alloc(0), 'kubectl/kubectl': CONTENT, other: Buffer.from('y') }),
    );
    await extractFromZip(archive, 'kubectl/kubectl', target, MOST);
    assert.deepEqual(readFileSync(target), CONTENT);
    assert.equal(statSync(target).mode & 0o700, 0o700);
  });

  it('is refused when it is not there, too large, or no archive', async (t) => {
    const bytes = zip({ a: CONTENT });
    const { archive, target } = files(t, bytes);
    await assert.rejects(extractFromZip(archive, 'b', target, MOST), /is not in/);
    await assert.rejects(extractFromZip(archive, 'a', target, 100), /where 100 are the most/);
    writeFileSync(archive, bytes.subarray(0, bytes.length - 30));
    await assert.rejects(extractFromZip(archive, 'a', target, MOST), /no ZIP archive/);
  });

  it('is refused when it holds more than the directory says', async (t) => {
    const { archive, target } = files(t, zip({ a: CONTENT }, CONTENT.length - 1));
    await assert.rejects(extractFromZip(archive, 'a', target, MOST), /larger than its directory says/);
  });
});

function files(t: TestContext, bytes: Buffer): { archive: string; target: string } {
  const folder = mkdtempSync(join(tmpdir(), 'hawser-archives-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const archive = join(folder, 'archive');
  writeFileSync(archive, bytes);
  return { archive, target: join(folder, 'target') };
}

function tarball(entries: Readonly<Record<string, string | Buffer>>): Buffer {
  const blocks = Object.entries(entries).flatMap(([name, content]) => {
    const header = Buffer.alloc(512);
    header.write(name, 0);
    header.write(Buffer.byteLength(content).toString(8).padStart(11, '0'), 124);
    const padding = Buffer.alloc((512 - (Buffer.byteLength(content) % 512)) % 512);
    return [header, Buffer.from(content), padding];
  });
  return gzipSync(Buffer.concat([...blocks, Buffer.alloc(1024)]));
}

/** @param size what the directory says, where it is to be another than that of the content */
function zip(entries: Readonly<Record<string, Buffer>>, size?: number): Buffer {
  const parts: Buffer[] = [];
  const directory: Buffer[] = [];
  let at = 0;
  for (const [name, content] of Object.entries(entries)) {
    const packed = deflateRawSync(content);
    const header = Buffer.alloc(30);
    header.writeUInt32LE(0x04034b50, 0);
    header.writeUInt16LE(name.length, 26);
    const entry = Buffer.alloc(46);
    entry.writeUInt32LE(0x02014b50, 0);
    entry.writeUInt16LE(8, 10);
    entry.writeUInt32LE(crc32(content), 16);
    entry.writeUInt32LE(packed.length, 20);
    entry.writeUInt32LE(size ?? content.length, 24);
    entry.writeUInt16LE(name.length, 28);
    entry.writeUInt32LE(at, 42);
    directory.push(entry, Buffer.from(name));
    parts.push(header, Buffer.from(name), packed);
    at += header.length + name.length + packed.length;
  }
  const bytes = Buffer.concat(directory);
  const end = Buffer.alloc(22);
  end.writeUInt32LE(0x06054b50, 0);
  end.writeUInt32LE(bytes.length, 12);
  end.writeUInt32LE(at, 16);
  return Buffer.concat([...parts, bytes, end]);
}
