import { zstdDecompressSync } from 'node:zlib';
import { HawserError } from '@hawser/protocol';
import { MB, MS } from '../../targets/limits.ts';
import { attempt, type Opened, type Target } from '../target.ts';

/** Decoders with one fault each, which shows for inputs that contain a certain byte: what the fuzzer must find. */

const FATAL = 0xee;

const isFatal = (input: Uint8Array) => input.includes(FATAL);
const refuse = (): never => {
  throw new HawserError('malformed_frame', 'refused as it should be');
};

function planted(name: string, open: () => Opened): Target {
  const bounds = { ms: MS, bytes: 16 * MB, inputBytes: 4096 };
  return { name, what: 'a planted fault', corpus: ['selectors'], bounds, mutators: [], open };
}

function stateless(name: string, run: Opened['run']): Target {
  return planted(name, () => ({ run }));
}

/** Kept beyond the call, so that the heap's bound is met. */
const kept: unknown[] = [];

export const TARGETS: readonly Target[] = [
  stateless('sound', (input) => attempt(() => (isFatal(input) ? refuse() : input.length))),
  stateless('throws', (input) =>
    attempt(() => {
      if (isFatal(input)) throw new TypeError('a fault');
    }),
  ),
  stateless('slow', (input) => {
    // Of this thread, whatever else the machine does.
    const before = process.threadCpuUsage();
    while (isFatal(input) && process.threadCpuUsage(before).user < 150_000);
    return 'taken';
  }),
  stateless('endless', (input) => {
    while (isFatal(input));
    return 'taken';
  }),
  stateless('silent', (input) => (isFatal(input) ? new Promise(() => undefined) : 'taken')),
  stateless('reserves', (input) => {
    if (isFatal(input)) Buffer.allocUnsafe(64 * MB);
    return 'taken';
  }),
  stateless('fills', (input) => {
    // In few large pieces: it is to be found by its memory, and not by its time on a machine that is slow.
    if (isFatal(input)) Array.from({ length: 600 }, () => new Array(10_000).fill(0.5));
    return 'taken';
  }),
  // A few KB that say that they unpack to very much, and do.
  stateless('unpacks', (input) => {
    if (isFatal(input)) zstdDecompressSync(Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0x00, 15 << 3, ...rle(256)]));
    return 'taken';
  }),
  stateless('keeps', (input) => {
    while (isFatal(input)) kept.push(new Array(1000).fill(0.5));
    return 'taken';
  }),
  planted('has an effect', () => {
    let writes = 0;
    return {
      run: (input) =>
        attempt(() => {
          writes += 1;
          if (isFatal(input)) refuse();
          writes -= 1;
        }),
      state: () => `${writes} writes`,
    };
  }),
  planted('takes with an effect', () => {
    let writes = 0;
    return {
      run: () => {
        writes += 1;
        return 'taken';
      },
      state: () => `${writes} writes`,
    };
  }),
];

/** Blocks of 128 KB that say one byte; the last one says that it is. */
function rle(blocks: number): number[] {
  return Array.from({ length: blocks }, (_, index) => [0x02 | (index === blocks - 1 ? 1 : 0), 0x00, 0x10, 0x61]).flat();
}
