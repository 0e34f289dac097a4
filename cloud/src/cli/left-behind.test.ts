import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { DeviceReport } from '../enroll/index.ts';
import { leftBehind } from './left-behind.ts';

const MADE = new Date('2030-01-01T00:00:00Z');

function device(node: string, issuedAt: string | null, fields: Partial<DeviceReport> = {}): DeviceReport {
  return {
    node,
    record: `device-${node}`,
    state: 'enrolled',
    key: null,
    nextKey: null,
    enrolledAt: null,
    issuedAt,
    validTo: '2030-03-01T00:00:00Z',
    revokedAt: null,
    revokedReason: null,
    problem: null,
    ...fields,
  };
}

test('devices whose last certificate is older than the authority are named, revoked ones and names that never joined are not', () => {
  const [said] = leftBehind(
    [
      device('a', '2029-12-31T00:00:00Z'),
      device('b', '2030-01-02T00:00:00Z'),
      device('c', null),
      device('d', '2029-12-31T00:00:00Z', { state: 'revoked' }),
      device('e', null, { validTo: null }),
    ],
    MADE,
  );
  assert.equal(said, '2 of 3 devices have no certificate of since 2030-01-01T00:00:00.000Z: a, c');
});

test('one that was certified while replicas may not have followed yet counts as left behind', () => {
  assert.match(leftBehind([device('a', '2030-01-01T00:00:30Z')], MADE)[0] ?? '', /^1 of 1 devices/);
  assert.match(leftBehind([device('a', '2030-01-01T00:01:00Z')], MADE)[0] ?? '', /^All devices that have joined \(1\)/);
});

test('of two hundred devices twenty are named and the others counted', () => {
  const [said = ''] = leftBehind(
    Array.from({ length: 200 }, (_, index) => device(`truck-${index}`, null)),
    MADE,
  );
  assert.match(said, /^200 of 200 devices .*truck-0, .*truck-19 and 180 more$/);
});
