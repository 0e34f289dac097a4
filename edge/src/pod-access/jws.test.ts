import assert from 'node:assert/strict';
import { createHmac, createPublicKey, generateKeyPairSync } from 'node:crypto';
import { test } from 'node:test';
import { verifiedPayload } from './jws.ts';
import { readKeySet } from './key-set.ts';
import { clusterOf, newSigner, part, type Signer, signed } from './testing.ts';

const CLAIMS = { sub: 'somebody' };
const keysOf = (...signers: readonly Signer[]) => readKeySet(clusterOf(...signers).keySet);

for (const algorithm of ['RS256', 'ES256', 'ES384', 'ES512'] as const) {
  test(`a token that was signed by ${algorithm} is read with that key, and not with another of the same id`, () => {
    const signer = newSigner(algorithm);
    assert.deepEqual(verifiedPayload(signed(signer, CLAIMS), keysOf(signer)), CLAIMS);
    assert.equal(verifiedPayload(signed(newSigner(algorithm), CLAIMS), keysOf(signer)), undefined);
  });
}

test("of several keys the one that the header names decides, and a token that names none is nobody's", () => {
  const [older, newer] = [newSigner('RS256', 'older'), newSigner('ES256', 'newer')];
  const keys = keysOf(older, newer);
  for (const signer of [older, newer]) assert.deepEqual(verifiedPayload(signed(signer, CLAIMS), keys), CLAIMS);
  for (const kid of ['', 'other', null, 7]) assert.equal(verifiedPayload(signed(newer, CLAIMS, { kid }), keys), undefined);
  assert.equal(verifiedPayload(signed(newer, CLAIMS, { kid: 'older' }), keys), undefined);
});

test("the algorithm is the key's: none, keyed hashes and another than the key's are refused", () => {
  const signer = newSigner('RS256');
  const keys = keysOf(signer);
  const payload = part(CLAIMS);
  for (const alg of ['none', 'None', 'HS256', 'ES256', 'RS512', 'PS256', '', null, 7]) {
    assert.equal(verifiedPayload(signed(signer, CLAIMS, { alg }), keys), undefined, String(alg));
  }
  assert.equal(verifiedPayload(`${part({ alg: 'none', kid: signer.kid })}.${payload}.`, keys), undefined);
  // What everybody knows, the public key, as the secret of a keyed hash.
  const publicPem = createPublicKey(signer.privateKey).export({ type: 'spki', format: 'pem' });
  const text = `${part({ alg: 'HS256', kid: signer.kid })}.${payload}`;
  const forged = createHmac('sha256', publicPem).update(text).digest('base64url');
  assert.equal(verifiedPayload(`${text}.${forged}`, keys), undefined);
});

test('whatever letter is changed, it is not the token any more', () => {
  const signer = newSigner('ES256');
  const keys = keysOf(signer);
  const token = signed(signer, CLAIMS);
  for (let at = 0; at < token.length; at++) {
    // The last letter of the signature holds two bits that no byte has.
    if (at === token.length - 1) continue;
    const other = token[at] === 'A' ? 'B' : 'A';
    assert.equal(verifiedPayload(token.slice(0, at) + other + token.slice(at + 1), keys), undefined, String(at));
  }
});

test('what is no token in compact form is refused before anything is verified', () => {
  const signer = newSigner('ES256');
  const keys = keysOf(signer);
  const token = signed(signer, CLAIMS);
  const [header = '', payload = '', signature = ''] = token.split('.');
  for (const wrong of [
    '',
    '.',
    '..',
    '...',
    `${token}.`,
    `${token}.${signature}`,
    `${header}.${payload}`,
    `${header}.${payload}.`,
    `${header}.${payload}.${signature}=`,
    `${header}.${payload}.${signature}AAAA`,
    `${header}.${payload}.${signature.slice(4)}`,
    ` ${token}`,
    `${part('no JSON')}.${payload}.${signature}`,
    `${part('[]')}.${payload}.${signature}`,
    signed(signer, CLAIMS, { crit: ['exp'] }),
    signed(signer, CLAIMS, { crit: [] }),
    signed(signer, CLAIMS, { b64: false }),
    signed(signer, 'no JSON'),
    signed(signer, []),
    signed(signer, { padding: 'x'.repeat(16_384) }),
  ]) {
    assert.equal(verifiedPayload(wrong, keys), undefined, wrong.slice(0, 100));
  }
});

test('of a key set only keys that can verify are taken', () => {
  const good = newSigner('ES256', 'good');
  const short = generateKeyPairSync('rsa', { modulusLength: 1024 }).publicKey.export({ format: 'jwk' });
  const read = (...keys: readonly object[]) => [...readKeySet(JSON.stringify({ keys: [good.jwk, ...keys] })).keys()];
  for (const other of [
    { ...good.jwk, kid: 'encrypts', use: 'enc' },
    { ...good.jwk, kid: 'other', alg: 'ES384' },
    { ...good.jwk, kid: '' },
    { ...good.jwk, kid: 7 },
    { ...good.jwk, kid: 'k'.repeat(257) },
    { ...good.jwk, kid: 'off the curve', x: good.jwk.y },
    { ...good.jwk, kid: 'cut', x: 'AAAA' },
    { ...short, kid: 'short', alg: 'RS256' },
    { kty: 'oct', kid: 'secret', k: 'AAAA', alg: 'HS256' },
    { kty: 'OKP', kid: 'edwards', crv: 'Ed25519', x: 'AAAA' },
    { kty: 'EC', kid: 'bitcoin', crv: 'secp256k1', x: good.jwk.x, y: good.jwk.y },
    { kty: 'RSA', kid: 'none' },
    {},
  ]) {
    assert.deepEqual(read(other), ['good'], JSON.stringify(other));
  }
  for (const wrong of ['', '[]', '{}', '{"keys":{}}', 'null', '{"keys":[', JSON.stringify({ keys: [good.jwk, good.jwk] })]) {
    assert.throws(() => readKeySet(wrong), /^HawserError|cluster's keys/, wrong);
  }
  assert.throws(() => readKeySet(JSON.stringify({ keys: new Array(33).fill({}) })), /33 keys, and at most 32/);
});

test('a private key in a set makes nothing that could sign', () => {
  const { privateKey } = newSigner('ES256');
  const set = readKeySet(JSON.stringify({ keys: [{ ...privateKey.export({ format: 'jwk' }), kid: 'told too much' }] }));
  assert.equal(set.get('told too much')?.key.type, 'public');
});
