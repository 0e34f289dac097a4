/** Tar files (POSIX.1-1988, "ustar") whose bytes depend on nothing but what is in them: no times, no names of whoever made them. */

export type Entry =
  | { readonly type: 'folder'; readonly path: string; readonly mode: number }
  | { readonly type: 'file'; readonly path: string; readonly mode: number; readonly content: Buffer }
  | { readonly type: 'link'; readonly path: string; readonly target: string };

const BLOCK = 512;
/** Field of the name; one that is longer would need the prefix, and none of ours is. */
const MAX_NAME = 100;
/** Of the size, in bytes: eleven octal digits. */
const MAX_SIZE = 8 ** 11 - 1;
const TYPE_FLAGS = { file: '0', link: '2', folder: '5' } as const;

/**
 * All of them belong to root, and were changed at that time.
 * @param seconds since the epoch of Unix
 * @throws for a path, target or file that is too long for the format
 */
export function tar(entries: readonly Entry[], seconds: number): Buffer {
  const parts: Buffer[] = [];
  for (const entry of entries) {
    parts.push(headerOf(entry, seconds));
    if (entry.type !== 'file') continue;
    parts.push(entry.content, Buffer.alloc(-entry.content.length & (BLOCK - 1)));
  }
  return Buffer.concat([...parts, Buffer.alloc(2 * BLOCK)]);
}

function headerOf(entry: Entry, seconds: number): Buffer {
  const header = Buffer.alloc(BLOCK);
  const size = entry.type === 'file' ? entry.content.length : 0;
  const target = entry.type === 'link' ? entry.target : '';
  const name = entry.type === 'folder' ? `${entry.path}/` : entry.path;
  if (Buffer.byteLength(name) > MAX_NAME) throw new Error(`${name}: the path is too long for a tar file`);
  if (Buffer.byteLength(target) > MAX_NAME) throw new Error(`${target}: the target is too long for a tar file`);
  if (size > MAX_SIZE) throw new Error(`${name}: the file is too long for a tar file`);
  header.write(name, 0);
  header.write(octal(entry.type === 'link' ? 0o777 : entry.mode, 8), 100);
  header.write(octal(0, 8), 108);
  header.write(octal(0, 8), 116);
  header.write(octal(size, 12), 124);
  header.write(octal(seconds, 12), 136);
  header.write(' '.repeat(8), 148);
  header.write(TYPE_FLAGS[entry.type], 156);
  header.write(target, 157);
  header.write('ustar\0' + '00', 257);
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${octal(sum, 7)} `, 148);
  return header;
}

/** Digits and a NUL, together as many bytes. */
function octal(value: number, bytes: number): string {
  return `${value.toString(8).padStart(bytes - 1, '0')}\0`;
}
