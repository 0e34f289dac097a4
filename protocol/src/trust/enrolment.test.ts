import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { test } from 'node:test';
import fc from 'fast-check';
import { HawserError } from '../errors.ts';
import {
  decodeEnrolled,
  decodeJoinRequest,
  decodeLateRenewalRequest,
  decodeNonce,
  decodeRefusal,
  encodeEnrolled,
  encodeJoinRequest,
  encodeLateRenewalRequest,
} from './enrolment.ts';
import { keyHash, parseKeyHash, readDeviceKey } from './key-hash.ts';
import { isSignedBy, joinProof, signProof } from './proofs.ts';

const bytes = (most: number) => fc.uint8Array({ minLength: 1, maxLength: most });
const nonce = fc.uint8Array({ minLength: 32, maxLength: 32 }).map((raw) => Buffer.from(raw).toString('base64url'));
const nodeName = fc.constantFrom('truck-1', 'a', 'mast.north.example');
const chain = fc.array(bytes(300), { minLength: 1, maxLength: 3 });

const join = fc.record({
  nonce,
  token: fc.record({ id: fc.stringMatching(/^[a-z0-9]{6}$/), secret: fc.stringMatching(/^[a-z0-9]{16}$/) }),
  nodeName,
  publicKey: bytes(200),
  proof: bytes(100),
  replace: fc.boolean(),
});
const lateRenewal = fc.record({ nonce, certificates: chain, publicKey: bytes(200), proof: bytes(100), signature: bytes(100) });
const enrolled = fc.record({ nodeName, certificates: chain, authorities: chain });

test('requests and answers come back from their text as they were', () => {
  fc.assert(
    fc.property(join, (request) => assert.deepEqual(plain(decodeJoinRequest(encodeJoinRequest(request))), plain(request))),
  );
  fc.assert(
    fc.property(lateRenewal, (request) =>
      assert.deepEqual(plain(decodeLateRenewalRequest(encodeLateRenewalRequest(request))), plain(request)),
    ),
  );
  fc.assert(fc.property(enrolled, (answer) => assert.deepEqual(plain(decodeEnrolled(encodeEnrolled(answer))), plain(answer))));
});

test('a text that is no request gives an error that says so, and never anything else', () => {
  const attempt = (text: string) => {
    for (const decode of [decodeJoinRequest, decodeLateRenewalRequest, decodeEnrolled, decodeNonce]) {
      try {
        decode(text);
      } catch (error) {
        assert.ok(error instanceof HawserError && error.code === 'malformed_request', `${error}`);
      }
    }
    decodeRefusal(text);
  };
  fc.assert(fc.property(fc.oneof(fc.string(), fc.json()), attempt));
  const changed = fc.tuple(
    fc.oneof(join.map(encodeJoinRequest), enrolled.map(encodeEnrolled)),
    fc.nat(),
    fc.string({ maxLength: 3 }),
  );
  fc.assert(
    fc.property(changed, ([text, at, piece]) => {
      const place = at % text.length;
      attempt(text.slice(0, place) + piece + text.slice(place + 1));
    }),
  );
});

test('a proof holds for its nonce, its name and its key alone', () => {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const signature = signProof(joinProof('nonce', 'truck-1'), privateKey);
  assert.equal(isSignedBy(joinProof('nonce', 'truck-1'), signature, publicKey), true);
  assert.equal(isSignedBy(joinProof('nonce', 'truck-2'), signature, publicKey), false);
  assert.equal(isSignedBy(joinProof('noncetruck', '-1'), signature, publicKey), false);
  assert.equal(isSignedBy(joinProof('nonce', 'truck-1'), Buffer.from('no signature'), publicKey), false);
  const other = generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey;
  assert.equal(isSignedBy(joinProof('nonce', 'truck-1'), signature, other), false);
});

test('only P-256 keys are taken from devices', () => {
  const spki = (curve: string) =>
    generateKeyPairSync('ec', { namedCurve: curve }).publicKey.export({ type: 'spki', format: 'der' });
  assert.match(keyHash(readDeviceKey(spki('P-256'))), /^sha256:[0-9a-f]{64}$/);
  assert.throws(() => readDeviceKey(spki('P-384')), { code: 'malformed_request', message: /P-256/ });
  assert.throws(() => readDeviceKey(Buffer.from('none')), { code: 'malformed_request' });
});

test('a hash of a key is read in both cases, and nothing else is', () => {
  const hash = `sha256:${'0a'.repeat(32)}`;
  assert.equal(parseKeyHash(hash.toUpperCase().replace('SHA256', 'sha256')), hash);
  for (const text of ['', hash.slice(0, -1), `${hash}0`, hash.replace('sha256', 'sha512')])
    assert.equal(parseKeyHash(text), undefined);
});

function plain(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value, (_key, field) => (field instanceof Uint8Array ? [...field] : (field?.data ?? field))));
}
