import { applyDelta, DICTIONARIES, decodeBody, type EncodedBody } from '@hawser/protocol';
import fc from 'fast-check';
import { attempt, type Target } from '../engine/target.ts';
import { lyingFrame } from '../mutate/zstd.ts';
import { MB, MS } from './limits.ts';
import { encodedBody } from './shapes/messages.ts';

/** The body as bytes, as text and the window of Zstandard (8 MB), and what the decoder keeps around it. */
const BYTES = 40 * MB;

/** First byte the encoding, then four of the stated size, then the body. */
const HEADER = 5;
const ENCODINGS = ['identity', 'zstd', 'zstdStatic', 'delta'] as const;
const BASE = JSON.stringify({ apiVersion: 'v1', kind: 'ConfigMap', data: { text: 'what the reader holds '.repeat(100) } });

export const bodies: Target = {
  name: 'bodies',
  what: 'decodeBody and applyDelta: bodies of objects, compressed or as differences',
  corpus: ['bodies'],
  bounds: { ms: MS, bytes: BYTES, inputBytes: 4 * MB },
  mutators: [(random, input) => Buffer.concat([input.subarray(0, HEADER), lyingFrame(random)])],
  shape: fc.oneof(
    encodedBody.map((body) => bodyInput(body.encoding, body.size, body.bytes)),
    fc.tuple(fc.nat({ max: 3 * MB }), fc.uint8Array({ maxLength: 200 })).map(([size, bytes]) => bodyInput('delta', size, bytes)),
  ),
  open: () => ({
    run(input) {
      if (input.length < HEADER) return 'refused';
      const encoding = ENCODINGS[(input[0] ?? 0) % ENCODINGS.length] ?? 'identity';
      const size = Buffer.from(input).readUInt32LE(1);
      const bytes = input.subarray(HEADER);
      return attempt(() => {
        if (encoding === 'delta') return applyDelta(BASE, { bytes, size });
        if (encoding !== 'zstdStatic') return decodeBody({ encoding, bytes, size });
        return decodeBody({ encoding, bytes, size, dictionary: DICTIONARIES[0]?.id ?? '' });
      });
    },
  }),
};

/** An input of this target. */
export function bodyInput(encoding: EncodedBody['encoding'] | 'delta', size: number, bytes: Uint8Array): Uint8Array {
  const header = Buffer.alloc(HEADER);
  header[0] = ENCODINGS.indexOf(encoding);
  header.writeUInt32LE(size >>> 0, 1);
  return Buffer.concat([header, bytes]);
}
