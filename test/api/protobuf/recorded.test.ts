import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { isJsonObject, type JsonObject, type JsonValue } from '@hawser/protocol';
import { decodeEnvelope, openEnvelope } from '../../../edge/src/api/protobuf/decode.ts';
import { encodeObject } from '../../../edge/src/api/protobuf/encode.ts';
import { watchFrame } from '../../../edge/src/api/protobuf/frame.ts';
import { UNKNOWN_FIELDS } from '../../../edge/src/api/protobuf/unknown.ts';
import { openFrame } from '../../replay/protobuf.ts';
import { exampleBodies, type KnownBody, recordedBodies } from './recorded-bodies.ts';

const examples = await exampleBodies();
const recorded = await recordedBodies();

const decode = (bytes: Buffer): JsonObject => {
  const object = decodeEnvelope(openEnvelope(bytes), { apiVersion: '', kind: '' });
  assert.ok(object, 'a kind that the table lacks');
  return object;
};

describe('Protocol Buffers of a real API server', { skip: recorded === undefined ? 'no recordings' : false }, () => {
  const bodies = recorded?.bodies ?? [];
  const frames = recorded?.frames ?? [];

  it('are decoded to the JSON that its own codec makes of them', (t) => {
    for (const { from, bytes, json } of bodies) assert.deepEqual(asRecorded(decode(bytes), json), json, from);
    for (const { from, bytes, json } of frames) {
      const { type, object } = openFrame(bytes);
      assert.deepEqual({ type, object: asRecorded(decode(object), json.object) }, json, from);
    }
    t.diagnostic(`${bodies.length} bodies and ${frames.length} frames of watches`);
    assert.ok(bodies.length > 150 && frames.length > 100);
  });

  it('are encoded again to the very bytes', () => {
    for (const { from, bytes } of bodies) assertSameBytes(encodeObject(decode(bytes)), bytes, from);
    for (const { from, bytes } of frames) {
      const { type, object } = openFrame(bytes);
      const encoded = encodeObject(decode(object));
      assertSameBytes(encoded, object, from);
      const length = Buffer.alloc(4);
      length.writeUInt32BE(bytes.length);
      assert.deepEqual(Buffer.concat(watchFrame(type, encoded?.bytes ?? Buffer.alloc(0))), Buffer.concat([length, bytes]), from);
    }
  });

  it('have no field that the table lacks', () => {
    for (const { from, bytes } of bodies) assert.ok(!JSON.stringify(decode(bytes)).includes(UNKNOWN_FIELDS), from);
  });
});

describe('Kubernetes own examples of objects', { skip: examples === undefined ? 'no examples' : false }, () => {
  const each = (name: string, check: (example: KnownBody) => void) =>
    it(name, () => {
      for (const example of examples ?? []) check(example);
      assert.ok((examples ?? []).length >= 8);
    });

  each('with every field filled in, are decoded to their JSON', ({ from, bytes, json }) => {
    assert.deepEqual(decode(bytes), json, from);
  });

  each('are encoded from their JSON to their very bytes', ({ from, bytes, json }) => {
    assertSameBytes(encodeObject(json), bytes, from);
  });
});

function assertSameBytes(encoded: ReturnType<typeof encodeObject>, bytes: Buffer, from: string): void {
  assert.ok(encoded?.complete, `${from}: not all of it could be said`);
  if (encoded.bytes.equals(bytes)) return;
  const at = encoded.bytes.findIndex((byte, index) => byte !== bytes[index]);
  const around = (all: Buffer) => all.subarray(Math.max(0, at - 20), at + 20).toString('hex');
  assert.fail(`${from}: other bytes from ${at} on: ${around(encoded.bytes)} for ${around(bytes)}`);
}

/** The recorder has left managedFields out of most of what it decoded. */
function asRecorded(decoded: JsonValue | undefined, recordedAs: JsonValue | undefined): JsonValue | undefined {
  if (Array.isArray(decoded) && Array.isArray(recordedAs))
    return decoded.map((item, index) => asRecorded(item, recordedAs[index]) ?? null);
  if (!isJsonObject(decoded) || !isJsonObject(recordedAs)) return decoded;
  return Object.fromEntries(
    Object.entries(decoded)
      .filter(([name]) => name !== 'managedFields' || recordedAs.managedFields !== undefined)
      .map(([name, value]) => [name, asRecorded(value, recordedAs[name]) ?? null]),
  );
}
