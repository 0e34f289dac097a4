import type { KeyHash } from '@hawser/protocol';
import type { DeviceRecord } from '../../types.ts';
import type { DeviceEntry, KnownEntry } from '../record.ts';

export const NODE = 'truck-1';
export const NOW = new Date('2030-01-01T00:00:00Z');
const DAY_MS = 24 * 3_600_000;

export const days = (count: number) => new Date(NOW.getTime() + count * DAY_MS);

/** The hash of one of a hundred keys. */
export function hash(key: number): KeyHash {
  return `sha256:${String(key).padStart(2, '0').repeat(32)}`;
}

export function device(
  fields: Partial<DeviceRecord> = {},
  revokedKeys: readonly KeyHash[] = [],
): Extract<KnownEntry, { type: 'device' }> {
  const record = {
    nodeName: NODE,
    key: hash(1),
    nextKey: undefined,
    enrolledAt: days(-30),
    validTo: days(60),
    revoked: undefined,
  };
  return { type: 'device', record: { ...record, ...fields }, issuedAt: NOW, revokedKeys };
}

export const STOLEN = { at: days(-1), reason: 'stolen' };
export const REVOCATION: KnownEntry = { type: 'revocation', nodeName: NODE, revoked: STOLEN };
export const UNREADABLE: DeviceEntry = { type: 'unreadable', name: 'device-truck-1', why: 'key is no sha256:HEX of a key' };
