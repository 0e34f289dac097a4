import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type Part, Receiving } from './receiving.ts';

/** What a piece costs beside its bytes. */
const PIECE = 512;
const nobody = () => assert.fail('the bound was reached');

function frame(payload: number): number {
  return payload + 6 + (payload < 126 ? 0 : payload < 65_536 ? 2 : 8);
}

test('messages that come whole leave nothing, however many are in one chunk', () => {
  const receiving = new Receiving(1_000_000);
  const part = receiving.open(nobody);
  for (const payloads of [[10], [0, 0, 125], [126, 65_535], [65_536]]) {
    for (const payload of payloads) part.handled(payload);
    part.read(payloads.reduce((sum, payload) => sum + frame(payload), 0));
    assert.equal(receiving.bytes, 0);
  }
});

test('the beginning of a message counts with what its pieces cost, until its end has come', () => {
  const receiving = new Receiving(1_000_000);
  const part = receiving.open(nobody);
  part.handled(20);
  part.read(frame(20) + 100);
  assert.equal(receiving.bytes, 100 + PIECE);
  part.read(1_000);
  part.read(1);
  assert.equal(receiving.bytes, 1_101 + 3 * PIECE);
  part.handled(5_000);
  part.read(frame(5_000) - 1_101);
  assert.equal(receiving.bytes, 0);
});

test('whatever the chunks, never less is counted than waits, and no more than the last chunk besides', () => {
  fc.assert(
    fc.property(
      fc.array(fc.nat({ max: 70_000 }), { maxLength: 20 }),
      fc.array(fc.integer({ min: 1, max: 20_000 }), { minLength: 1, maxLength: 20 }),
      (payloads, chunks) => {
        const receiving = new Receiving(Number.POSITIVE_INFINITY);
        const part = receiving.open(nobody);
        const ends: { at: number; payload: number }[] = [];
        for (const payload of payloads) ends.push({ at: (ends.at(-1)?.at ?? 0) + frame(payload), payload });
        const whole = ends.at(-1)?.at ?? 0;
        let at = 0;
        let done = 0;
        for (let n = 0; at < whole; n += 1) {
          const chunk = Math.min(chunks[n % chunks.length] ?? 1, whole - at);
          at += chunk;
          for (let next = ends[done]; next !== undefined && next.at <= at; next = ends[done]) {
            part.handled(next.payload);
            done += 1;
          }
          part.read(chunk);
          const waits = at - (ends[done - 1]?.at ?? 0);
          assert.ok(part.bytes >= waits && part.bytes <= waits + PIECE * (n + 1));
          if (waits === 0) assert.equal(part.bytes, 0);
        }
      },
    ),
  );
});

test('headers of fragments that were not counted are forgotten with the next message', () => {
  const receiving = new Receiving(1_000_000);
  const part = receiving.open(nobody);
  part.handled(1_000);
  part.read(1_000 + 10 * 8);
  assert.ok(receiving.bytes > 0);
  part.handled(4);
  part.read(frame(4));
  assert.ok(receiving.bytes <= frame(4) + PIECE);
});

test('at the bound the link with the most is told to end, also where another has brought it about', () => {
  const receiving = new Receiving(10_000);
  const told: string[] = [];
  const open = (name: string): Part => {
    const part: Part = receiving.open((bytes) => {
      told.push(`${name} ${bytes}`);
      part.close();
    });
    return part;
  };
  const [small, large] = [open('small'), open('large')];
  large.read(6_000);
  small.read(3_000);
  assert.deepEqual(told, [`large ${6_000 + PIECE}`]);
  assert.equal(receiving.bytes, 3_000 + PIECE);
  small.close();
  assert.equal(receiving.bytes, 0);
});
