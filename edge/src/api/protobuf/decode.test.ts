import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { JsonObject } from '@hawser/protocol';
import { decodeEnvelope, decodeMessage, MAGIC, MAX_VALUES, openEnvelope } from './decode.ts';
import { encodeMessage, encodeObject } from './encode.ts';
import { type Message, messageNamed } from './fields.ts';
import { UNKNOWN_FIELDS } from './unknown.ts';

const NOTHING = { apiVersion: '', kind: '' };
const MINUS_ONE = 'ff ff ff ff ff ff ff ff ff 01';
const hex = (text: string) => Buffer.from(text.replaceAll(' ', ''), 'hex');

function message(name: string): Message {
  const found = messageNamed(name);
  assert.ok(found);
  return found;
}

const decode = (name: string, bytes: string | Buffer): JsonObject =>
  decodeMessage(typeof bytes === 'string' ? hex(bytes) : bytes, message(name));

describe('an envelope', () => {
  const pod = { kind: 'Pod', apiVersion: 'v1', metadata: { name: 'p' } };

  it('says whose message it holds', () => {
    const { apiVersion, kind } = openEnvelope(encodeObject(pod)?.bytes ?? Buffer.alloc(0));
    assert.deepEqual({ apiVersion, kind }, { apiVersion: 'v1', kind: 'Pod' });
  });

  it('without a kind holds what is expected', () => {
    const raw = hex('12 05 0a 03 0a 01 61');
    const object = decodeEnvelope(openEnvelope(Buffer.concat([MAGIC, raw])), { apiVersion: 'v1', kind: 'ConfigMap' });
    assert.deepEqual(object, { kind: 'ConfigMap', apiVersion: 'v1', metadata: { name: 'a' } });
  });

  it('of a kind that the table lacks gives no object', () => {
    const bytes = Buffer.concat([MAGIC, hex('0a 07 0a 02 76 31 12 01 58')]);
    assert.equal(decodeEnvelope(openEnvelope(bytes), NOTHING), undefined);
  });

  it('is refused without its prefix, with an encoding, or cut off', () => {
    assert.throws(
      () => openEnvelope(Buffer.from('{}')),
      /does not appear to be a protobuf message, expected prefix \[107 56 115 0\]/,
    );
    assert.throws(() => openEnvelope(Buffer.alloc(0)), /empty data/);
    assert.throws(() => openEnvelope(Buffer.concat([MAGIC, hex('1a 04 67 7a 69 70')])), /contentEncoding "gzip" is not taken/);
    assert.throws(() => openEnvelope(Buffer.concat([MAGIC, hex('22 02 6a 73')])), /contentType "js" is not taken/);
    assert.throws(() => openEnvelope(Buffer.concat([MAGIC, hex('12 05 0a')])), /unexpected EOF/);
    assert.throws(() => openEnvelope(Buffer.concat([MAGIC, hex('10 05')])), /wrong wireType = 0 for field Unknown/);
  });
});

describe('a message', () => {
  it('leaves out what Go cannot tell from absent, and shows what JSON always shows', () => {
    // name, image and workingDir, all empty.
    assert.deepEqual(decode('core.v1.Container', '0a 00 12 00 2a 00'), { name: '' });
    // A pointer says zero.
    assert.deepEqual(decode('core.v1.PodSpec', '20 00'), { terminationGracePeriodSeconds: 0, containers: null });
    // No time: null where JSON shows it.
    assert.deepEqual(decode('core.v1.ContainerStateRunning', '0a 00'), { startedAt: null });
    assert.deepEqual(decode('meta.v1.ObjectMeta', '42 00'), {});
  });

  it('keeps the last of a field that comes twice, and joins messages', () => {
    assert.deepEqual(decode('core.v1.Pod', '0a 03 0a 01 61 0a 06 0a 01 62 1a 01 6e'), {
      metadata: { name: 'b', namespace: 'n' },
    });
    assert.deepEqual(decode('meta.v1.ObjectMeta', '0a 01 61 0a 00'), {});
  });

  it('takes lists of numbers packed and not', () => {
    assert.deepEqual(decode('core.v1.PodSecurityContext', '22 02 01 02 20 03'), { supplementalGroups: [1, 2, 3] });
  });

  it('reads numbers below zero and beyond 32 bits', () => {
    assert.deepEqual(decode('core.v1.PodSecurityContext', `10 ${MINUS_ONE}`), { runAsUser: -1 });
    assert.deepEqual(decode('core.v1.KeyToPath', `18 ${MINUS_ONE}`), { mode: -1, key: '', path: '' });
    assert.deepEqual(decode('core.v1.PodSecurityContext', '10 80 80 80 80 10'), { runAsUser: 2 ** 32 });
    assert.deepEqual(decode('core.v1.PodSecurityContext', '10 ff ff ff ff ff ff ff 0f'), { runAsUser: 2 ** 53 - 1 });
  });

  it('has keys such as __proto__ as members', () => {
    const { data } = decode('core.v1.ConfigMap', Buffer.concat([hex('12 0e 0a 09'), Buffer.from('__proto__'), hex('12 01 61')]));
    assert.deepEqual(Object.entries(data ?? {}), [['__proto__', 'a']]);
    assert.equal(Object.getPrototypeOf(data), Object.prototype);
  });

  it('gives fields back that it has no name for, where they were', () => {
    const unknown = hex('f2 7f 02 08 01 f8 7f 05');
    const volume = Buffer.concat([hex('0a 01 76 12 08'), unknown]);
    const spec = Buffer.concat([hex('0a'), Buffer.of(volume.length), volume, unknown]);
    const decoded = decode('core.v1.PodSpec', spec);
    const kept = unknown.toString('base64');
    assert.deepEqual(decoded, {
      volumes: [{ name: 'v', [`${UNKNOWN_FIELDS}.volumeSource`]: kept }],
      [UNKNOWN_FIELDS]: kept,
      containers: null,
    });
    const stored: JsonObject = JSON.parse(JSON.stringify(decoded));
    const { bytes, complete } = encodeMessage(message('core.v1.PodSpec'), stored);
    assert.ok(complete);
    assert.ok(bytes.includes(volume), 'in the volume');
    assert.deepEqual(bytes.subarray(-unknown.length), unknown);
  });
});

describe('a hostile message', () => {
  it('is refused where a length or a number goes beyond it', () => {
    assert.throws(() => decode('core.v1.Pod', '0a 7f'), /unexpected EOF/);
    assert.throws(() => decode('core.v1.Pod', '0a ff ff ff ff 0f'), /integer overflow/);
    assert.throws(() => decode('core.v1.Pod', '0a ff ff ff ff ff ff ff ff ff ff 01'), /integer overflow/);
    assert.throws(() => decode('core.v1.Pod', 'ff'), /unexpected EOF/);
    assert.throws(() => decode('core.v1.Pod', '00 00'), /illegal tag 0/);
    assert.throws(() => decode('core.v1.Pod', '0b 0c'), /wrong wireType = 3 for field metadata/);
    assert.throws(() => decode('core.v1.Pod', 'f3 7f f4 7f'), /illegal wireType 3/);
    // The name reaches beyond the metadata that holds it.
    assert.throws(() => decode('core.v1.Pod', '0a 03 0a 05 61 62 63 64 65'), /unexpected EOF/);
  });

  it('is refused with times and JSON that are none', () => {
    assert.throws(() => decode('core.v1.ContainerStateRunning', '0a 09 08 ff ff ff ff ff ff ff 7f'), /time is out of range/);
    assert.throws(() => decode('core.v1.ContainerStateRunning', `0a 0d 08 00 10 ${MINUS_ONE}`), /time is out of range/);
    assert.throws(() => decode('meta.v1.ManagedFieldsEntry', '3a 03 0a 01 7b'), /meta.v1.FieldsV1: not JSON/);
    const deep = Buffer.from('['.repeat(100) + ']'.repeat(100));
    const nested = Buffer.concat([hex('3a cb 01 0a c8 01'), deep]);
    assert.ok(decode('meta.v1.ManagedFieldsEntry', nested).fieldsV1);
  });

  it('costs no more than the values that it may have', () => {
    // Two bytes for each container, whose name JSON shows; and unknown fields of one object.
    const containers = Buffer.alloc(MAX_VALUES, '1200', 'hex');
    assert.throws(() => decode('core.v1.PodSpec', containers), /more than 100000 values in one object/);
    assert.ok(decode('core.v1.PodSpec', containers.subarray(0, MAX_VALUES / 2)));
    const groups = Buffer.concat([hex('22 a1 8d 06'), Buffer.alloc(MAX_VALUES + 1)]);
    assert.throws(() => decode('core.v1.PodSecurityContext', groups), /more than 100000 values/);
    const unknown = Buffer.alloc(3 * (MAX_VALUES - 1), 'f87f05', 'hex');
    assert.equal(String(decode('core.v1.PodSpec', unknown)[UNKNOWN_FIELDS]).length, 4 * (MAX_VALUES - 1));
  });
});
