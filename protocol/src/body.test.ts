import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { zstdCompressSync } from 'node:zlib';
import fc from 'fast-check';
import { applyDelta, decodeBody, encodeBody, encodeDelta, MAX_BODY_BYTES } from './body.ts';
import { bodyHash } from './canonical.ts';
import { DICTIONARIES, dictionaryById } from './dictionary/index.ts';
import { HawserError } from './errors.ts';

const [DICTIONARY] = DICTIONARIES;

/** Text of keys, hosts and hexadecimal digits that compresses by about half, the same for the same seed. */
function configuration(bytes: number, seed = 1): string {
  let state = seed;
  const random = () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state;
  };
  let text = '{"apiVersion":"v1","data":{';
  for (let n = 0; text.length < bytes - 120; n += 1) {
    const [a, b, c] = [random(), random(), random()].map((part) => part.toString(16).padStart(8, '0'));
    text += `"service-${n}.host":"${a}${b}.example.com:${random() % 65_536}","key-${n}":"${c}",`;
  }
  return `${text}"last":""},"kind":"ConfigMap","metadata":{"name":"settings","namespace":"default","uid":"u"}}`;
}

function changed(text: string, share: number, by: string): string {
  const at = Math.floor((text.length - by.length) * share);
  return text.slice(0, at) + by + text.slice(at + by.length);
}

/** What a reader makes of it: the text, or that it is refused. Anything but a HawserError is a fault. */
function read(decode: () => string): string | undefined {
  try {
    return decode();
  } catch (error) {
    assert.ok(error instanceof HawserError, String(error));
    return undefined;
  }
}

/** Words of objects, and text of any kind. */
const text = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 400 }),
  fc
    .array(fc.constantFrom('{"apiVersion":"v1"', ',"kind":', '"Pod"', 'ä', '€', '😀', '\u0000', '10.0.0.1', ' '), {
      maxLength: 300,
    })
    .map((words) => words.join('')),
  fc.tuple(fc.integer({ min: 1, max: 20_000 }), fc.nat()).map(([bytes, seed]) => configuration(bytes, seed)),
);

describe('a body', () => {
  test('comes back from every encoding, and is never larger than it was', () => {
    fc.assert(
      fc.property(text, (body) => {
        for (const dictionary of [undefined, DICTIONARY]) {
          const encoded = encodeBody(body, dictionary);
          assert.equal(decodeBody(encoded), Buffer.from(body).toString());
          assert.ok(encoded.bytes.length <= Buffer.byteLength(body));
        }
      }),
      { numRuns: 200 },
    );
  });

  test('whose bytes were damaged is another text or is refused, and the hash tells', () => {
    fc.assert(
      fc.property(fc.nat(), fc.nat(), fc.integer({ min: 1, max: 255 }), fc.boolean(), (seed, position, flip, isStatic) => {
        const body = configuration(2_000, seed);
        const encoded = encodeBody(body, isStatic ? DICTIONARY : undefined);
        const bytes = Buffer.from(encoded.bytes);
        const at = position % bytes.length;
        bytes[at] = (bytes[at] ?? 0) ^ flip;
        const result = read(() => decodeBody({ ...encoded, bytes }));
        assert.ok(result === undefined || result === body || bodyHash(result) !== bodyHash(body));
      }),
      { numRuns: 300 },
    );
  });

  test('of a dictionary that this side does not have is unsupported', () => {
    const encoded = encodeBody(configuration(1_000), DICTIONARY);
    assert.equal(encoded.encoding, 'zstdStatic');
    assert.throws(() => decodeBody({ ...encoded, dictionary: '0'.repeat(16) }), { code: 'unsupported' });
    assert.equal(dictionaryById(encoded.dictionary), DICTIONARY);
  });

  test('that states a size over the bound is refused unread, and one that unpacks to more than it states is cut short', () => {
    const bomb = zstdCompressSync(Buffer.alloc(64 * 1024 * 1024));
    assert.ok(bomb.length < 10_000);
    assert.throws(() => decodeBody({ encoding: 'zstd', bytes: bomb, size: MAX_BODY_BYTES + 1 }), { code: 'too_large' });
    const before = process.memoryUsage().arrayBuffers;
    assert.throws(() => decodeBody({ encoding: 'zstd', bytes: bomb, size: 1_000 }), { code: 'malformed_object' });
    assert.ok(process.memoryUsage().arrayBuffers - before < 8 * 1024 * 1024);
    for (const size of [0, 1]) {
      assert.throws(() => decodeBody({ encoding: 'zstd', bytes: bomb, size }), { code: 'malformed_object' });
    }
    const identity = { encoding: 'identity', bytes: Buffer.from('abc'), size: 2 } as const;
    assert.throws(() => decodeBody(identity), { code: 'malformed_object' });
  });

  test('whose frame asks for a larger search window than any writer uses is refused', () => {
    const body = configuration(100_000);
    const encoded = encodeBody(body);
    const bytes = Buffer.from(encoded.bytes);
    // RFC 8878, section 3.1.1.1.2: the exponent over 2^10 in the upper five bits, after magic number and descriptor.
    for (const [windowLog, isTaken] of [
      [23, true],
      [24, false],
      [27, false],
      [31, false],
    ] as const) {
      bytes[5] = (windowLog - 10) << 3;
      assert.equal(
        read(() => decodeBody({ ...encoded, bytes })),
        isTaken ? body : undefined,
        `2^${windowLog}`,
      );
    }
  });

  test('that is not UTF-8 is refused', () => {
    const bytes = Buffer.from([0x7b, 0xff, 0x7d]);
    assert.throws(() => decodeBody({ encoding: 'identity', bytes, size: 3 }), { code: 'malformed_object' });
  });
});

describe('a delta', () => {
  test('leads from any base to any body', () => {
    fc.assert(
      fc.property(text, text, (base, body) => {
        assert.equal(applyDelta(base, encodeDelta(base, body)), Buffer.from(body).toString());
      }),
      { numRuns: 200 },
    );
  });

  test('of an edited body leads to it, whatever the edits', () => {
    const edit = fc.record({
      at: fc.double({ min: 0, max: 1, noNaN: true }),
      cut: fc.nat(200),
      put: fc.string({ maxLength: 200 }),
    });
    fc.assert(
      fc.property(fc.integer({ min: 300, max: 30_000 }), fc.nat(), fc.array(edit, { maxLength: 5 }), (bytes, seed, edits) => {
        const base = configuration(bytes, seed);
        const body = edits.reduce((before, { at, cut, put }) => {
          const start = Math.floor(before.length * at);
          return before.slice(0, start) + put + before.slice(start + cut);
        }, base);
        assert.equal(applyDelta(base, encodeDelta(base, body)), Buffer.from(body).toString());
      }),
      { numRuns: 200 },
    );
  });

  test('on another base is another text or is refused, and the hash tells', () => {
    let silent = 0;
    fc.assert(
      fc.property(
        fc.nat(),
        fc.double({ min: 0, max: 1, noNaN: true }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (seed, at, other) => {
          const base = configuration(3_000, seed);
          const body = changed(base, at, 'something else');
          const wrong = changed(base, other, 'a wrong base..');
          const result = read(() => applyDelta(wrong, encodeDelta(base, body)));
          if (result !== undefined && result !== body) silent += 1;
          assert.ok(result === undefined || result === body || bodyHash(result) !== bodyHash(body));
        },
      ),
      { numRuns: 200 },
    );
    assert.ok(silent > 0, 'a wrong base goes unnoticed by Zstandard: that is why hashes travel');
  });

  test('whose bytes were damaged is another text or is refused, and the hash tells', () => {
    fc.assert(
      fc.property(fc.nat(), fc.nat(), fc.integer({ min: 1, max: 255 }), (seed, position, flip) => {
        const base = configuration(3_000, seed);
        const body = changed(base, 0.5, 'something else');
        const delta = encodeDelta(base, body);
        const bytes = Buffer.from(delta.bytes);
        const at = position % bytes.length;
        bytes[at] = (bytes[at] ?? 0) ^ flip;
        const result = read(() => applyDelta(base, { ...delta, bytes }));
        assert.ok(result === undefined || result === body || bodyHash(result) !== bodyHash(body));
      }),
      { numRuns: 500 },
    );
  });

  test('of 40 characters costs as few bytes in 1 KB as in 3 MB', (t) => {
    for (const [bytes, most] of [
      [1_000, 90],
      [60_000, 90],
      [216_000, 120],
      [1_000_000, 250],
      [MAX_BODY_BYTES, 500],
    ] as const) {
      const base = configuration(bytes);
      assert.ok(Math.abs(base.length - bytes) < 200);
      for (const share of [0.01, 0.5, 0.99]) {
        const body = changed(base, share, '3f9a07c4e1b85d26'.repeat(3).slice(0, 40));
        const delta = encodeDelta(base, body);
        assert.equal(applyDelta(base, delta), body);
        if (share === 0.5)
          t.diagnostic(`${bytes} bytes: ${delta.bytes.length}, whole ${encodeBody(body, DICTIONARY).bytes.length}`);
        assert.ok(delta.bytes.length <= most, `${delta.bytes.length} bytes for ${bytes} at ${share}`);
      }
    }
  });

  test('that states a size over the bound is refused unread', () => {
    const delta = encodeDelta('a', 'b');
    assert.throws(() => applyDelta('a', { ...delta, size: MAX_BODY_BYTES + 1 }), { code: 'too_large' });
  });
});
