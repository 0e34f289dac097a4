import assert from 'node:assert/strict';
import { test } from 'node:test';
import { zstdCompressSync } from 'node:zlib';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { MAX_ENTRIES, READING, requireFewEntries } from './entries.ts';
import { FrameSchema, InventorySchema } from './gen/hawser/v1/link_pb.ts';
import {
  decodeAgentMessage,
  decodeRelayMessage,
  encodeAgentMessage,
  encodeRelayMessage,
  MAX_FRAME_BYTES,
  objectKey,
} from './index.ts';

const REFUSED = { code: 'malformed_frame' };

function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  for (; rest > 127; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 128);
  return Buffer.from([...bytes, rest]);
}

function field(number: number, wireType: number, ...parts: readonly Buffer[]): Buffer {
  return Buffer.concat([varint(number * 8 + wireType), ...parts]);
}

function inside(number: number, inner: Buffer): Buffer {
  return field(number, 2, varint(inner.length), inner);
}

/** As many empty entries of that field as a frame has room for. */
function empties(number: number, bytes = MAX_FRAME_BYTES - 64): Buffer {
  const one = inside(number, Buffer.alloc(0));
  return Buffer.alloc(Math.floor(bytes / one.length) * one.length, one);
}

/** Memory that the process has more after it than before, in bytes. */
function grown(work: () => void): number {
  const before = process.memoryUsage();
  work();
  const after = process.memoryUsage();
  return after.heapUsed + after.external - before.heapUsed - before.external;
}

for (const [what, number, inner] of [
  ['refusals in an ack', 7, empties(3)],
  ['entries of an inventory', 5, empties(1)],
  ['dictionaries in a hello', 1, empties(3)],
  ['protocol versions in a hello', 1, inside(1, Buffer.alloc(MAX_FRAME_BYTES - 64, 1))],
  ['protocol versions in a hello, one by one', 1, Buffer.alloc(MAX_FRAME_BYTES - 64, Buffer.from([8, 1]))],
] as const) {
  test(`millions of ${what} are refused before they are allocated`, () => {
    const frame = inside(number, inner);
    assert.ok(frame.length <= MAX_FRAME_BYTES);
    const bytes = grown(() => assert.throws(() => decodeAgentMessage(frame), { ...REFUSED, message: /more than 10000 entries/ }));
    assert.ok(bytes < 8 * 1024 * 1024, `${bytes} bytes`);
  });
}

test('millions of operations in a batch are refused before they are allocated', () => {
  assert.throws(() => decodeRelayMessage(inside(6, empties(2))), { ...REFUSED, message: /more than 10000 entries/ });
});

test('fields that nobody knows are bounded too, and are not kept', () => {
  const unknown = field(300, 0, Buffer.from([0]));
  const hello = (count: number) => inside(1, Buffer.alloc(count * unknown.length, unknown));
  assert.throws(() => decodeAgentMessage(hello(1_000_000)), { ...REFUSED, message: /more than 200000 fields/ });
  assert.throws(() => decodeAgentMessage(hello(100_000)), { ...REFUSED, message: /storeId/ });
  const { message } = fromBinary(FrameSchema, hello(100_000), READING);
  assert.ok(message.case === 'hello' && message.value.$unknown === undefined);
});

test('a field is not hidden by a tag of more than 32 bits, nor by a wire type that is not its own', () => {
  // A reader that keeps 32 bits of it takes this for field 7.
  const wide = Buffer.from([0xba, 0x80, 0x80, 0x80, 0x80, 0x01]);
  const inner = empties(3, 100_000);
  assert.throws(() => requireFewEntries(FrameSchema, Buffer.concat([wide, varint(inner.length), inner])), REFUSED);
  for (const wireType of [0, 1, 5, 3, 4, 6, 7]) {
    const disguised = field(7, wireType, varint(inner.length), inner);
    assert.throws(() => decodeAgentMessage(disguised), REFUSED);
    assert.throws(() => requireFewEntries(FrameSchema, disguised), REFUSED);
  }
});

test('a length that goes over the end, and a number without one, are refused', () => {
  for (const end of [Buffer.from([0xff]), field(7, 2, varint(1 << 20)), field(7, 2, Buffer.alloc(11, 0xff)), field(1, 2)]) {
    const frame = Buffer.concat([inside(8, Buffer.alloc(20_000)), end]);
    assert.throws(() => requireFewEntries(FrameSchema, frame), REFUSED);
    assert.throws(() => decodeAgentMessage(frame), REFUSED);
  }
});

test('the largest honest lists pass', () => {
  const ack = {
    type: 'ack' as const,
    number: 1,
    digest: '0'.repeat(32),
    nacks: Array.from({ length: MAX_ENTRIES }, (_, at) => ({
      object: at + 1,
      reason: 'store' as const,
      detail: 'the disk is full',
    })),
  };
  const decoded = decodeAgentMessage(encodeAgentMessage(ack));
  assert.ok(decoded.type === 'ack' && decoded.nacks.length === MAX_ENTRIES);
});

const entries = Array.from({ length: 500 }, (_, at) => ({
  number: at + 1,
  key: objectKey('configmaps', 'default', `settings-${at}`),
  version: { uid: '26f5db3b-e1a0-4071-8c4e-e39586f68335', resourceVersion: String(at + 1), hash: '0'.repeat(16) },
  refused: false,
}));

/** A frame of inventory that was packed by somebody else than us. */
function packed(bytes: Uint8Array, packedSize: number): Uint8Array {
  return toBinary(
    FrameSchema,
    create(FrameSchema, { message: { case: 'inventory', value: create(InventorySchema, { packed: bytes, packedSize }) } }),
  );
}

test('a packed inventory that would unpack to more than it states, or states more than the bound, is refused', () => {
  const plain = Buffer.alloc(64 * 1024 * 1024);
  const bomb = zstdCompressSync(plain);
  assert.ok(bomb.length < 16 * 1024, 'a thousandth of what it unpacks to');
  for (const stated of [1, 1024 * 1024]) {
    const bytes = grown(() => assert.throws(() => decodeAgentMessage(packed(bomb, stated)), { message: /of the stated size/ }));
    assert.ok(bytes < 8 * 1024 * 1024, `${bytes} bytes`);
  }
  assert.throws(() => decodeAgentMessage(packed(bomb, plain.length)), { ...REFUSED, message: /is over 1048576/ });
});

test('a packed inventory that asks for a window of 128 MiB is refused, and what level 3 makes passes', () => {
  const inventory = toBinary(InventorySchema, create(InventorySchema, { last: true }));
  // Magic number, a header with a window and no size, one last raw block (RFC 8878, section 3.1.1).
  const pack = (windowLog: number) =>
    Buffer.concat([
      Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0, (windowLog - 10) << 3, 1 | (inventory.length << 3), 0, 0]),
      inventory,
    ]);
  assert.equal(decodeAgentMessage(packed(pack(21), inventory.length)).type, 'inventory');
  assert.throws(() => decodeAgentMessage(packed(pack(27), inventory.length)), REFUSED);
  assert.equal(decodeAgentMessage(packed(zstdCompressSync(inventory), inventory.length)).type, 'inventory');
  const real = decodeAgentMessage(encodeAgentMessage({ type: 'inventory', entries, last: true }));
  assert.ok(real.type === 'inventory' && real.entries.length === entries.length);
});

test('half a million entries in a packed inventory are refused before they are allocated', () => {
  const plain = empties(1, 1024 * 1024);
  const bytes = grown(() => assert.throws(() => decodeAgentMessage(packed(zstdCompressSync(plain), plain.length)), REFUSED));
  assert.ok(bytes < 8 * 1024 * 1024, `${bytes} bytes`);
});

test('a batch whose bodies would unpack to gigabytes is refused before any of them is', () => {
  const size = 3 * 1024 * 1024;
  const body = { encoding: 'zstd' as const, bytes: zstdCompressSync(Buffer.alloc(size)), size };
  const version = { uid: 'u', resourceVersion: '1', hash: '0'.repeat(16) };
  const batch = (count: number) =>
    encodeRelayMessage({
      type: 'batch',
      number: 1,
      complete: false,
      operations: Array.from({ length: count }, (_, at) => ({
        object: at + 1,
        key: objectKey('configmaps', 'default', `c-${at}`),
        change: { type: 'upsert' as const, version, body },
      })),
    });
  assert.equal(decodeRelayMessage(batch(10)).type, 'batch');
  assert.throws(() => decodeRelayMessage(batch(1_000)), { ...REFUSED, message: /unpack to \d+ bytes/ });
});
