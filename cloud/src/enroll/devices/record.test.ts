import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { JsonObject } from '@hawser/protocol';
import fc from 'fast-check';
import { type KnownEntry, MAX_REASON, MAX_REVOKED_KEYS, readRecord, reasonText, recordData, recordName } from './record.ts';
import { hash } from './testing/entries.ts';

const time = fc
  .date({ min: new Date('1970-01-01T00:00:00Z'), max: new Date('9999-12-31T00:00:00Z'), noInvalidDate: true })
  .map((date) => {
    date.setUTCMilliseconds(0);
    return date;
  });
const key = fc.integer({ min: 0, max: 99 }).map(hash);
const label = fc.stringMatching(/^[a-z0-9]([-a-z0-9]{0,60}[a-z0-9])?$/);
const nodeName = fc
  .array(label, { minLength: 1, maxLength: 4 })
  .map((labels) => labels.join('.'))
  .filter((name) => name.length <= 253);
const revoked = fc.record({ at: time, reason: fc.string({ maxLength: 300 }).map(reasonText) });
const entry: fc.Arbitrary<KnownEntry> = fc.oneof(
  fc.record({ type: fc.constant('revocation' as const), nodeName, revoked }),
  fc.record({
    type: fc.constant('device' as const),
    record: fc.record({
      nodeName,
      key,
      nextKey: fc.option(key, { nil: undefined }),
      enrolledAt: time,
      validTo: time,
      revoked: fc.option(revoked, { nil: undefined }),
    }),
    issuedAt: fc.option(time, { nil: undefined }),
    revokedKeys: fc.array(key, { maxLength: MAX_REVOKED_KEYS }),
  }),
);

function configMap(name: string, data: JsonObject): JsonObject {
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, uid: 'u', resourceVersion: '7' }, data };
}

const nodeOf = (one: KnownEntry) => (one.type === 'device' ? one.record.nodeName : one.nodeName);

test('a record comes back from its ConfigMap as it was, for names of every length', () => {
  fc.assert(
    fc.property(entry, (odd) => {
      const one = structuredClone(odd);
      const name = recordName(nodeOf(one));
      assert.ok(name.length <= 253);
      assert.deepEqual(readRecord(configMap(name, recordData(one)))?.entry, one);
    }),
  );
});

test('two nodes never share a record', () => {
  const long = `${'a'.repeat(60)}.`.repeat(4);
  const names = ['a', 'a.b', 'a-b', `${long}1234`, `${long}1235`, `${long}12345`].map(recordName);
  assert.equal(new Set(names).size, names.length);
  assert.ok(names.every((name) => name.length <= 253));
});

describe('a record that somebody has edited', () => {
  const good = { node: 'truck-1', key: hash(1), enrolledAt: '2030-01-01T00:00:00Z', validTo: '2030-03-01T00:00:00Z' };
  const read = (data: JsonObject, name = 'device-truck-1') => readRecord(configMap(name, data))?.entry;

  test('is read where it is right', () => assert.equal(read(good)?.type, 'device'));

  for (const [what, data, name] of [
    ['without a node', { ...good, node: '' }],
    ['with another node than its name says', good, 'device-truck-2'],
    ['with a node that cannot be one', { ...good, node: '../a' }],
    ['with a key that is none', { ...good, key: 'sha256:12' }],
    ['with a key that is no text', { ...good, key: 7 }],
    ['without the key of its times', { node: 'truck-1', enrolledAt: good.enrolledAt, validTo: good.validTo }],
    ['with a next key that is none', { ...good, nextKey: 'x' }],
    ['without a time', { ...good, validTo: '' }],
    ['with a time in words', { ...good, validTo: 'tomorrow' }],
    ['with a day that there is not', { ...good, validTo: '2030-13-40T00:00:00Z' }],
    ['with half of a revocation', { ...good, revokedReason: 'stolen' }],
    ['with a revocation at no time', { ...good, revokedAt: 'yes' }],
    ['with a revoked key that is none', { ...good, revokedKeys: `${hash(1)}\nall` }],
    ['without anything', {}],
  ] as readonly [string, JsonObject, string?][]) {
    test(`${what} says nothing for sure`, () => assert.equal(read(data, name)?.type, 'unreadable'));
  }

  test('whatever stands in it, is read without an error, and never as a device that it is not', () => {
    const value = fc.oneof(fc.string(), fc.jsonValue() as fc.Arbitrary<never>);
    fc.assert(
      fc.property(fc.constantFrom(...Object.keys(good), 'nextKey', 'revokedAt', 'revokedKeys'), value, (name, odd) => {
        const found = read({ ...good, [name]: odd });
        if (found?.type !== 'device') return;
        assert.equal(found.record.nodeName, 'truck-1');
        assert.match(found.record.key, /^sha256:[0-9a-f]{64}$/);
      }),
    );
  });

  test('keeps what others have written beside our own, and loses what is no longer so', () => {
    const before = { ...good, nextKey: hash(2), revokedAt: 'yes', note: 'roof of hall 3' };
    const device = read(good);
    assert.ok(device?.type === 'device');
    assert.deepEqual(recordData(device, before), { note: 'roof of hall 3', ...good });
  });
});

test('a reason is one line of bounded length, without what a terminal would obey', () => {
  assert.equal(reasonText('stolen\r\nX-Evil: 1\u001b[2J'), 'stolen X-Evil: 1 [2J');
  assert.equal(reasonText('x'.repeat(1000)).length, MAX_REASON);
});
