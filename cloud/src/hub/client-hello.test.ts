import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { before, test } from 'node:test';
import { connect } from 'node:tls';
import fc from 'fast-check';
import { MAX_HELLO_BYTES, readFirstBytes } from './client-hello.ts';

/** As a client of Node sends them: the default key exchange is the post-quantum hybrid. */
let hybrid: Buffer;
let small: Buffer;
const NAMES = ['\x0a\x0a', 'hawser-enrol/1', 'http/1.1'];

before(async () => {
  hybrid = await helloOf({ ALPNProtocols: NAMES });
  small = await helloOf({ ecdhCurve: 'X25519' });
});

test('the names of a real ClientHello are read, those of GREASE among them, and none where there are none', () => {
  assert.ok(hybrid.length > 1_400, `${hybrid.length}`);
  assert.deepEqual(readFirstBytes(hybrid), { type: 'hello', protocols: NAMES });
  assert.deepEqual(readFirstBytes(small), { type: 'hello', protocols: [] });
  assert.deepEqual(readFirstBytes(Buffer.concat([hybrid, Buffer.from('what comes after')])).type, 'hello');
});

test('each beginning of one asks for more than there is, and for no more than there will be', () => {
  for (let length = 0; length < small.length; length += 1) {
    const first = readFirstBytes(small.subarray(0, length));
    assert.ok(first.type === 'incomplete' && first.least > length && first.least <= small.length, `${length}: ${first.type}`);
  }
});

test('it may be cut into records anywhere', () => {
  const cuts = fc.array(fc.integer({ min: 1, max: hybrid.length - 6 }), { maxLength: 20 });
  fc.assert(
    fc.property(cuts, (at) => {
      assert.deepEqual(readFirstBytes(inRecords(hybrid.subarray(5), at)), { type: 'hello', protocols: NAMES });
    }),
  );
});

test('one in more records than any client makes is out of bounds, and so is one that is too large', () => {
  const every = Array.from({ length: 100 }, (_, index) => index + 1);
  assert.deepEqual(readFirstBytes(inRecords(hybrid.subarray(5), every)), { type: 'outOfBounds' });
  const large = Buffer.concat([Buffer.from('1603010100', 'hex'), Buffer.from('01ffffff', 'hex'), Buffer.alloc(0xfc)]);
  assert.deepEqual(readFirstBytes(large), { type: 'outOfBounds' });
  const records = Array.from({ length: 5 }, () => Buffer.concat([Buffer.from('1603010fff01003ffa', 'hex'), Buffer.alloc(0xffb)]));
  assert.deepEqual(readFirstBytes(Buffer.concat(records).subarray(0, MAX_HELLO_BYTES)), { type: 'outOfBounds' });
});

const wrong: [string, Buffer][] = [
  ['plain HTTP', Buffer.from('GET / HTTP/1.1\r\n\r\n')],
  ['an alert', Buffer.from('1503010002022a', 'hex')],
  ['an empty record', Buffer.from('1603010000', 'hex')],
  ['another handshake message', Buffer.from('160301000402000000', 'hex')],
  ['a record longer than TLS allows', Buffer.from('160301ffff', 'hex')],
  ['another version of records', Buffer.from('1604010100', 'hex')],
  ['a hello that ends in its first field', Buffer.from('16030100060100000203030000', 'hex')],
];
for (const [what, bytes] of wrong) {
  test(`${what} is malformed`, () => assert.deepEqual(readFirstBytes(bytes), { type: 'malformed' }));
}

test('two lists of names, an empty list and an empty name are malformed', () => {
  const empty = hello(extension(16, '0000'));
  const nameless = hello(extension(16, '000100'));
  const one = extension(16, '0003026832');
  assert.deepEqual(readFirstBytes(hello(one)), { type: 'hello', protocols: ['h2'] });
  for (const bytes of [empty, nameless, hello(one + one), hello(`${one}00`), hello(extension(16, '000302683200'))]) {
    assert.deepEqual(readFirstBytes(bytes), { type: 'malformed' });
  }
});

test('a record that states more than there is decides nothing before the message in it does', () => {
  const record = (...message: number[]) => Buffer.from([22, 3, 1, 0x40, 0, ...message]);
  assert.deepEqual(readFirstBytes(record(2, 0)), { type: 'incomplete', least: 9 });
  assert.deepEqual(readFirstBytes(record(2, 0, 0, 10)), { type: 'malformed' });
  assert.deepEqual(readFirstBytes(record(1, 0, 0, 10, 0)), { type: 'incomplete', least: 19 });
});

test('any bytes give a verdict, and more of them never change one', () => {
  const changed = fc
    .tuple(fc.constantFrom('hybrid', 'small'), fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 8 }))
    .map(([which, changes]) => {
      const bytes = Buffer.from(which === 'hybrid' ? hybrid : small);
      for (const [at, value] of changes) bytes[at % bytes.length] = value;
      return bytes;
    });
  const begun = fc.uint8Array({ maxLength: 400 }).map((rest) => Buffer.concat([Buffer.from([22, 3, 1]), rest]));
  fc.assert(
    fc.property(fc.oneof(fc.uint8Array({ maxLength: 400 }), begun, changed), fc.nat(), (bytes, cut) => {
      const whole = readFirstBytes(bytes);
      assert.ok(whole.type !== 'incomplete' || whole.least > bytes.length);
      const part = readFirstBytes(bytes.subarray(0, cut % (bytes.length + 1)));
      if (part.type !== 'incomplete') assert.deepEqual(whole, part);
    }),
    { numRuns: 2_000 },
  );
});

async function helloOf(options: { ALPNProtocols?: string[]; ecdhCurve?: string }): Promise<Buffer> {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const client = connect({ host: '127.0.0.1', port, ...options });
  client.on('error', () => undefined);
  const [socket]: Socket[] = await once(server, 'connection');
  assert.ok(socket !== undefined);
  let bytes = Buffer.alloc(0);
  while (readFirstBytes(bytes).type === 'incomplete') {
    const [chunk]: Buffer[] = await once(socket, 'data');
    assert.ok(chunk !== undefined);
    bytes = Buffer.concat([bytes, chunk]);
  }
  client.destroy();
  socket.destroy();
  server.close();
  return bytes;
}

/** The message in records that end at those places. */
function inRecords(message: Buffer, cuts: readonly number[]): Buffer {
  const ends = [...new Set([...cuts, message.length])].sort((one, other) => one - other);
  let from = 0;
  const records = ends.flatMap((end) => {
    const header = Buffer.from([22, 3, 1, 0, 0]);
    header.writeUInt16BE(end - from, 3);
    const fragment = message.subarray(from, end);
    from = end;
    return [header, fragment];
  });
  return Buffer.concat(records);
}

function extension(type: number, dataHex: string): string {
  return hex(2, type) + hex(2, dataHex.length / 2) + dataHex;
}

/** A hello with these extensions and as little else as there may be. */
function hello(extensionsHex: string): Buffer {
  const body = `0303${'00'.repeat(32)}00000213010100${hex(2, extensionsHex.length / 2)}${extensionsHex}`;
  return inRecords(Buffer.from(`01${hex(3, body.length / 2)}${body}`, 'hex'), []);
}

function hex(bytes: number, value: number): string {
  return value.toString(16).padStart(bytes * 2, '0');
}
