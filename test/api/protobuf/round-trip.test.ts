import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { JsonObject } from '@hawser/protocol';
import fc from 'fast-check';
import { decodeEnvelope, openEnvelope } from '../../../edge/src/api/protobuf/decode.ts';
import { encodeObject } from '../../../edge/src/api/protobuf/encode.ts';
import { objects } from './objects.ts';

const encode = (object: JsonObject): Buffer => {
  const encoded = encodeObject(object);
  assert.ok(encoded?.complete, 'not all of the object could be said');
  return encoded.bytes;
};

const decode = (bytes: Buffer): JsonObject => {
  const object = decodeEnvelope(openEnvelope(bytes), { apiVersion: '', kind: '' });
  assert.ok(object);
  return object;
};

describe('objects of any kind of the field table', () => {
  it('come back from Protocol Buffers as they were', () => {
    fc.assert(fc.property(objects, (object) => assert.deepEqual(decode(encode(object)), object)));
  });

  it('have one encoding, whatever the order of their members', () => {
    fc.assert(
      fc.property(objects, (object) => {
        const turned = Object.fromEntries(Object.entries(object).reverse());
        assert.deepEqual(encode(turned), encode(object));
        assert.deepEqual(encode(decode(encode(object))), encode(object));
      }),
    );
  });
});
