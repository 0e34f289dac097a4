import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { keyId, keySeal } from './key-seal.ts';
import { NONCE_BYTES, Xaes } from './xaes.ts';

const NONCE = Buffer.from('ABCDEFGHIJKLMNOPQRSTUVWX');
const TEXT = Buffer.from('XAES-256-GCM');

/** C2SP, "XAES-256-GCM", "Test vectors": the subkey of CMAC without and with a carry. */
const VECTORS = [
  { key: 0x01, about: '', sealed: 'ce546ef63c9cc60765923609b33a9a1974e96e52daf2fcf7075e2271' },
  { key: 0x03, about: 'c2sp.org/XAES-256-GCM', sealed: '986ec1832593df5443a179437fd083bf3fdb41abd740a21f71eb769d' },
];

for (const { key, about, sealed } of VECTORS) {
  test(`seals as the published vector with the key ${key} says, and opens it`, () => {
    const cipher = new Xaes(Buffer.alloc(32, key));
    assert.equal(cipher.seal(NONCE, TEXT, Buffer.from(about)).toString('hex'), sealed);
    assert.deepEqual(cipher.open(NONCE, Buffer.from(sealed, 'hex'), Buffer.from(about)), TEXT);
  });
}

const ONE = keySeal(Buffer.alloc(32, 1));
const OTHER = keySeal(Buffer.alloc(32, 2));

test('what was sealed opens to the same text, and never lies in the same bytes twice', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), fc.string(), (text, about) => {
      const sealed = ONE.seal(text, about);
      assert.equal(ONE.open(sealed, about), text.toWellFormed());
      assert.notDeepEqual(ONE.seal(text, about), sealed);
    }),
  );
});

test('another key, another thing, any changed bit and any length open nothing', () => {
  const sealed = ONE.seal('{"kind":"Secret"}', 'object 1');
  assert.equal(OTHER.open(sealed, 'object 1'), undefined);
  assert.equal(ONE.open(sealed, 'object 2'), undefined);
  for (let bit = 0; bit < sealed.length * 8; bit++) {
    const changed = Buffer.from(sealed);
    changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7));
    assert.equal(ONE.open(changed, 'object 1'), undefined, `bit ${bit}`);
  }
  for (let length = 0; length < sealed.length; length++)
    assert.equal(ONE.open(sealed.subarray(0, length), 'object 1'), undefined);
  assert.equal(ONE.open(Buffer.concat([sealed, Buffer.alloc(1)]), 'object 1'), undefined);
});

test('the name tells keys apart and is no part of the key', () => {
  const key = Buffer.alloc(32, 7);
  assert.match(keySeal(key).name, /^xaes256gcm:[0-9a-f]{16}$/);
  assert.notEqual(ONE.name, OTHER.name);
  assert.ok(!key.toString('hex').includes(keyId(key)));
});

test('a key of another length is refused', () => {
  for (const length of [0, 16, 31, 33, NONCE_BYTES]) assert.throws(() => keySeal(Buffer.alloc(length)), RangeError);
});
