import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  compareResourceVersions,
  Digest,
  decodeBody,
  encodeBody,
  isResourceVersion,
  MAX_BODY_BYTES,
  objectKey,
  parseObjectKey,
} from './index.ts';

test('a digest does not depend on the order of changes, and removing undoes adding', () => {
  const entry = fc.tuple(
    fc.stringMatching(/^[a-z]{1,5}$/).map((name) => objectKey('pods', 'n', name)),
    fc.record({ uid: fc.uuid(), resourceVersion: fc.nat().map(String), hash: fc.constant('00000000000000ff') }),
  );
  fc.assert(
    fc.property(fc.array(entry), fc.array(entry), (kept, removed) => {
      const a = new Digest();
      for (const [key, version] of [...kept, ...removed]) a.add(key, version);
      for (const [key, version] of removed) a.remove(key, version);
      const b = new Digest();
      for (const [key, version] of kept.toReversed()) b.add(key, version);
      assert.equal(a.toString(), b.toString());
      assert.equal(a.count, kept.length);
    }),
  );
});

test('another resourceVersion, uid or hash is another digest', () => {
  const of = (uid: string, resourceVersion: string, hash: string) => {
    const digest = new Digest();
    digest.add(objectKey('pods', 'n', 'a'), { uid, resourceVersion, hash });
    return digest.toString();
  };
  assert.equal(new Set([of('u', '1', 'aa'), of('v', '1', 'aa'), of('u', '2', 'aa'), of('u', '1', 'bb')]).size, 4);
});

test('resourceVersions compare as the numbers they are, above 2^53 too', () => {
  fc.assert(
    fc.property(fc.bigInt({ min: 0n, max: 1n << 80n }), fc.bigInt({ min: 0n, max: 1n << 80n }), (a, b) => {
      assert.equal(Math.sign(compareResourceVersions(`${a}`, `${b}`)), a < b ? -1 : a > b ? 1 : 0);
    }),
  );
  for (const bad of ['', '01', '-1', '1.0', 'x', '9'.repeat(40), 7, undefined]) assert.equal(isResourceVersion(bad), false);
});

test('an object key names resource, namespace and name, cluster-scoped and grouped ones too', () => {
  assert.deepEqual(parseObjectKey('nodes//edge-1'), { resource: 'nodes', namespace: '', name: 'edge-1', key: 'nodes//edge-1' });
  assert.equal(parseObjectKey('apps/deployments/web/front').resource, 'apps/deployments');
  for (const bad of ['', 'pods', 'pods/a', 'pods/a/', '/a/b', 'a/b/c/d/e', 'pods/a b/c', 'pods/a/b\n', 'p'.repeat(5000)]) {
    assert.throws(() => parseObjectKey(bad), { code: 'malformed_object' }, bad.slice(0, 20));
  }
});

test('a part with a slash makes no key of another object', () => {
  assert.throws(() => objectKey('secrets', 'w', 'a/b'), { code: 'malformed_object' });
  assert.throws(() => objectKey('secrets', 'w/x', 'a'), { code: 'malformed_object' });
});

test('a body comes back as it was, and a long one is sent compressed', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme', maxLength: 2000 }), (text) => {
      assert.equal(decodeBody(encodeBody(text)), text.toWellFormed());
    }),
  );
  assert.equal(encodeBody('x'.repeat(5000)).encoding, 'zstd');
});

test('a body that unpacks to more than it states is refused before it takes the memory', () => {
  const bomb = encodeBody('x'.repeat(2_000_000));
  assert.throws(() => decodeBody({ ...bomb, size: 1000 }), { code: 'malformed_object' });
  assert.throws(() => decodeBody({ ...bomb, size: MAX_BODY_BYTES + 1 }), { code: 'too_large' });
  assert.throws(() => decodeBody({ encoding: 'zstd', bytes: Buffer.from('not zstd'), size: 8 }), { code: 'malformed_object' });
  assert.throws(() => decodeBody({ encoding: 'identity', bytes: Buffer.from([0xff, 0xfe]), size: 2 }), {
    code: 'malformed_object',
  });
});
