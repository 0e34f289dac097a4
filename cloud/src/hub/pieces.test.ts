import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import { test } from 'node:test';
import { MAX_FRAME_BYTES } from '@hawser/protocol';
import { type FragmentingSocket, LARGE_BYTES, LARGE_PIECE_BYTES, PIECE_BYTES, PiecewiseSocket } from './pieces.ts';

/** A WebSocket whose network takes a piece when the test says so. */
function socketByHand() {
  const events = new EventEmitter();
  const written: { size: number; fin: boolean }[] = [];
  const calls: string[] = [];
  const untaken: { size: number; taken: () => void }[] = [];
  const socket = Object.assign(events, {
    isPaused: false,
    send(piece: Uint8Array, { fin }: { fin: boolean }, taken: () => void) {
      written.push({ size: piece.length, fin });
      untaken.push({ size: piece.length, taken });
    },
    ping: () => calls.push('ping'),
    pause: () => calls.push('pause'),
    resume: () => calls.push('resume'),
    close: (code: number, reason: string) => calls.push(`close ${code} ${reason}`),
    terminate: () => calls.push('terminate'),
  });
  Object.defineProperty(socket, 'bufferedAmount', { get: () => untaken.reduce((sum, { size }) => sum + size, 0) });
  return { socket: socket as unknown as FragmentingSocket, written, calls, take: () => untaken.shift()?.taken() };
}

test('small messages go whole and at once, as long as they fit together', () => {
  const { socket, written, take } = socketByHand();
  const pieces = new PiecewiseSocket(socket);
  const taken: string[] = [];
  pieces.send(Buffer.alloc(900), () => taken.push('a'));
  pieces.send(Buffer.alloc(900), () => taken.push('b'));
  pieces.send(Buffer.alloc(900), () => taken.push('c'));
  assert.deepEqual(written, [
    { size: 900, fin: true },
    { size: 900, fin: true },
  ]);
  assert.equal(pieces.bufferedAmount, 2_700);
  take();
  assert.equal(written.length, 3);
  take();
  take();
  assert.deepEqual(taken, ['a', 'b', 'c']);
  assert.equal(pieces.bufferedAmount, 0);
});

test('a large message goes in fragments, each when the one before was taken, and nothing overtakes it', () => {
  const { socket, written, take } = socketByHand();
  const pieces = new PiecewiseSocket(socket);
  const taken: string[] = [];
  pieces.send(Buffer.alloc(2 * PIECE_BYTES + 10), () => taken.push('large'));
  pieces.send(Buffer.alloc(5), () => taken.push('small'));
  assert.equal(pieces.bufferedAmount, 2 * PIECE_BYTES + 15);
  const sizes = () => written.map(({ size }) => size);
  assert.deepEqual(sizes(), [PIECE_BYTES]);
  take();
  assert.deepEqual(sizes(), [PIECE_BYTES, PIECE_BYTES]);
  assert.deepEqual(taken, []);
  take();
  assert.deepEqual(sizes(), [PIECE_BYTES, PIECE_BYTES, 10, 5]);
  assert.deepEqual(
    written.map(({ fin }) => fin),
    [false, false, true, true],
  );
  take();
  take();
  assert.deepEqual(taken, ['large', 'small']);
});

test('what is under way together fits one write, with the headers of each', () => {
  const { socket, written } = socketByHand();
  const pieces = new PiecewiseSocket(socket);
  for (let n = 0; n < 100; n += 1) pieces.send(Buffer.alloc(40), () => undefined);
  assert.ok(written.length > 20 && written.length * (40 + 26) <= 2_048, `${written.length} at once`);
});

test('a message far larger than a batch goes in larger fragments: the largest is within what an agent takes', () => {
  const { socket, written, take } = socketByHand();
  const pieces = new PiecewiseSocket(socket);
  pieces.send(Buffer.alloc(MAX_FRAME_BYTES), () => undefined);
  while (written.at(-1)?.fin !== true) take();
  assert.equal(written[0]?.size, LARGE_PIECE_BYTES);
  assert.equal(written.length, MAX_FRAME_BYTES / LARGE_PIECE_BYTES);
  const most = new PiecewiseSocket(socket);
  while (written.length > 0) written.pop();
  most.send(Buffer.alloc(LARGE_BYTES), () => undefined);
  while (written.at(-1)?.fin !== true) take();
  assert.ok(written.length <= 64, `${written.length} fragments`);
});

test('a close frame follows what was sent before it', () => {
  const { socket, calls, take } = socketByHand();
  const pieces = new PiecewiseSocket(socket);
  pieces.send(Buffer.alloc(2 * PIECE_BYTES), () => undefined);
  pieces.close(1001, 'goingAway');
  assert.deepEqual(calls, []);
  take();
  assert.deepEqual(calls, ['close 1001 goingAway']);
});

test('a close with nothing before it goes at once', () => {
  const { socket, calls } = socketByHand();
  new PiecewiseSocket(socket).close(4001, 'replaced');
  assert.deepEqual(calls, ['close 4001 replaced']);
});
