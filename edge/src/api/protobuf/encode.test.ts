import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { decodeEnvelope, openEnvelope } from './decode.ts';
import { encodeMessage, encodeObject } from './encode.ts';
import { messageNamed } from './fields.ts';
import { watchFrame } from './frame.ts';
import { UNKNOWN_FIELDS } from './unknown.ts';

/** A bookmark of a real API server, without the length before it: all that Go keeps as values is there, though it is empty. */
const BOOKMARK =
  'CghCT09LTUFSSxJ7CnlrOHMACgoKAnYxEgROb2RlEmMKNwoAEgAaACIAKgAyBDE2NTE4AEIAYiEKGWs4cy5pby9pbml0aWFsLWV2ZW50cy1lbmQSBHRydWUSCAoA' +
  'EgAaACAAGh4aADIECgIIADoUCgASABoAIgAqADIAOgBCAEoAUgAaACIA';

function fieldsOf(name: string, object: object): { hex: string; complete: boolean } {
  const message = messageNamed(name);
  assert.ok(message);
  const { bytes, complete } = encodeMessage(message, object);
  return { hex: bytes.toString('hex'), complete };
}

const isComplete = (object: object) => encodeObject(object)?.complete;

describe('an object in Protocol Buffers', () => {
  it('has what Go writes of values that are empty', () => {
    const metadata = { resourceVersion: '1651', annotations: { 'k8s.io/initial-events-end': 'true' } };
    const encoded = encodeObject({ kind: 'Node', apiVersion: 'v1', metadata });
    assert.ok(encoded?.complete);
    const [head, object] = watchFrame('BOOKMARK', encoded.bytes);
    assert.equal(head.readUInt32BE(0), head.length + object.length - 4);
    assert.equal(Buffer.concat([head, object]).subarray(4).toString('base64'), BOOKMARK);
  });

  it('is the same whatever the order of its members, with the keys of maps in that of their bytes', () => {
    const data = { b: '2', a: '1', '\u{1f600}': '4', '\uffee': '3' };
    const turned = Object.fromEntries(Object.entries(data).reverse());
    const object = { kind: 'ConfigMap', apiVersion: 'v1', metadata: {} };
    const bytes = encodeObject({ ...object, data })?.bytes ?? Buffer.alloc(0);
    assert.deepEqual(encodeObject({ data: turned, ...object })?.bytes, bytes);
    const places = ['a', 'b', '\uffee', '\u{1f600}'].map((key) =>
      bytes.indexOf(Buffer.concat([Buffer.of(0x0a), lengthOf(key), Buffer.from(key)])),
    );
    assert.deepEqual(
      places,
      [...places].sort((a, b) => a - b),
    );
    assert.ok(places.every((place) => place > 0));
  });

  it('passes on what came without a name, and nothing else that a client of JSON writes in its place', () => {
    const event = { kind: 'Event', apiVersion: 'v1', metadata: { name: 'e' }, involvedObject: { name: 'web' } };
    const whole = encodeObject(event)?.bytes;
    const told = (hex: string, inside = false) => {
      const kept = { [UNKNOWN_FIELDS]: Buffer.from(hex, 'hex').toString('base64') };
      return encodeObject(inside ? { ...event, involvedObject: { name: 'web', ...kept } } : { ...event, ...kept });
    };
    for (const inside of [false, true]) {
      const encoded = told('f87f05', inside);
      assert.ok(encoded?.complete && encoded.bytes.includes(Buffer.from('f87f05', 'hex')));
    }
    // Cut off, no field at all, a group, and another object that the event would be about.
    for (const hex of ['00ff', 'f87f', 'fa7f7f', 'ff', 'fb7ffc7f', '12071a056f74686572', 'f87f0512071a056f74686572']) {
      const encoded = told(hex);
      assert.equal(encoded?.complete, false, hex);
      assert.deepEqual(encoded?.bytes, whole, hex);
    }
    assert.equal(told('1a056f74686572', true)?.complete, false);
    assert.equal(isComplete({ ...event, [UNKNOWN_FIELDS]: 5 }), false);
  });

  it('takes lists of which items have a type, as lists in JSON', () => {
    const item = { metadata: { name: 'a' }, data: { k: 'v' } };
    const typed = { kind: 'ConfigMap', apiVersion: 'v1', ...item };
    const list = { kind: 'ConfigMapList', apiVersion: 'v1', metadata: { continue: undefined } };
    assert.deepEqual(encodeObject({ ...list, items: [typed] }), encodeObject({ ...list, items: [item] }));
    assert.ok(isComplete({ ...list, items: [typed] }));
  });

  it('may be larger than what is kept for writing', () => {
    const items = Array.from({ length: 300 }, (_, index) => ({
      metadata: { name: `n${index}` },
      data: { text: 'ä'.repeat(1000) },
    }));
    const list = { kind: 'ConfigMapList', apiVersion: 'v1', metadata: {}, items };
    const encoded = encodeObject(list);
    assert.ok(encoded && encoded.bytes.length > 600_000);
    assert.deepEqual(decodeEnvelope(openEnvelope(encoded.bytes), { apiVersion: '', kind: '' }), list);
  });

  it('of a kind that the table lacks is none', () => {
    assert.equal(encodeObject({ kind: 'StatefulSet', apiVersion: 'apps/v1', metadata: {} }), undefined);
    assert.equal(encodeObject({}), undefined);
  });

  it('says when it does not say all', () => {
    const pod = (spec: object) => ({ kind: 'Pod', apiVersion: 'v1', metadata: {}, spec: { containers: [], ...spec } });
    assert.ok(isComplete(pod({ nodeName: 'a', hostname: null, priority: undefined })));
    for (const spec of [
      { fieldOfTheFuture: 1 },
      { volumes: [{ name: 'v', sourceOfTheFuture: {} }] },
      { nodeName: 1 },
      { priority: '1' },
      { priority: 2 ** 31 },
      { priority: 0.5 },
      { terminationGracePeriodSeconds: 2 ** 63 },
      { hostNetwork: 'true' },
      { containers: {} },
      { nodeSelector: ['a'] },
      { securityContext: 'none' },
    ]) {
      assert.equal(isComplete(pod(spec)), false, JSON.stringify(spec));
    }
    assert.equal(isComplete({ kind: 'Secret', apiVersion: 'v1', metadata: {}, data: { a: 'no base64!' } }), false);
    assert.equal(isComplete({ kind: 'Pod', apiVersion: 'v1', metadata: { creationTimestamp: 'yesterday' } }), false);
  });
});

describe('values of their own form', () => {
  it('are times in UTC, as fine as their type shows', () => {
    assert.equal(fieldsOf('core.v1.ContainerStateRunning', { startedAt: '1970-01-01T01:00:01.9+01:00' }).hex, '0a0408011000');
    assert.equal(
      fieldsOf('coordination.v1.LeaseSpec', { renewTime: '1969-12-31T23:59:59.5Z' }).hex,
      '221108ffffffffffffffffff011080cab5ee01',
    );
    assert.equal(fieldsOf('core.v1.ContainerStateRunning', { startedAt: null }).hex, '0a00');
    assert.equal(fieldsOf('core.v1.ContainerStateRunning', { startedAt: '2026-02-30T00:00:00Z' }).complete, false);
  });

  it('are numbers or texts', () => {
    assert.equal(fieldsOf('core.v1.TCPSocketAction', { port: 80 }).hex, '0a06080010501a001200');
    assert.equal(fieldsOf('core.v1.TCPSocketAction', { port: 'http' }).hex, '0a0a080110001a04687474701200');
    assert.equal(fieldsOf('core.v1.ResourceRequirements', { limits: { cpu: 2 } }).hex, '0a0a0a0363707512030a0132');
  });

  it('are ten bytes where they are below zero', () => {
    assert.equal(fieldsOf('core.v1.PodSecurityContext', { runAsUser: -1 }).hex, '10ffffffffffffffffff01');
    assert.equal(fieldsOf('core.v1.PodSecurityContext', { supplementalGroups: [1, 2 ** 40] }).hex, '200120808080808020');
  });
});

function lengthOf(text: string): Buffer {
  return Buffer.of(Buffer.byteLength(text));
}
