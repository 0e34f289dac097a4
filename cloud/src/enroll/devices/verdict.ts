import type { KeyHash } from '@hawser/protocol';
import type { DeviceVerdict, Revocation } from '../types.ts';
import { type DeviceEntry, timestamp } from './record.ts';

/**
 * How much later than all that a record knows of a certificate must begin to be of another history: that a certificate is signed
 * some time after its record was written must not make it so. In milliseconds.
 */
const NEWER_MS = 3_600_000;

/**
 * Whether a certificate that begins then was issued after all that the record knows of. Each one is written to the record when it is
 * issued, so that the record has been lost since, and what there is comes from a backup.
 */
export function isNewer(
  { issuedAt: known }: Pick<Extract<DeviceEntry, { type: 'device' }>, 'issuedAt'>,
  issuedAt: Date | undefined,
): boolean {
  return known !== undefined && issuedAt !== undefined && issuedAt.getTime() > known.getTime() + NEWER_MS;
}

/** Whether the device with this key may have a link, by its record and when its certificate begins. */
export function judge(
  nodeName: string,
  entry: DeviceEntry | undefined,
  key: KeyHash,
  issuedAt?: Date | undefined,
): DeviceVerdict {
  if (entry === undefined) return { type: 'admitted', as: 'unknown' };
  switch (entry.type) {
    case 'unreadable':
      return refused(
        'unreadable',
        `the record of ${nodeName} cannot be read: an administrator has to look at ConfigMap ${entry.name}`,
      );
    case 'revocation':
      return refused('revoked', revocationText(nodeName, entry.revoked));
    case 'device': {
      const { record, revokedKeys } = entry;
      if (record.revoked !== undefined) return refused('revoked', revocationText(nodeName, record.revoked));
      if (revokedKeys.includes(key))
        return refused('revoked', `this key of ${nodeName} was revoked, and another device has its name`);
      if (key === record.key) return { type: 'admitted', as: 'key' };
      if (key === record.nextKey) return { type: 'admitted', as: 'nextKey' };
      if (isNewer(entry, issuedAt)) return { type: 'admitted', as: 'newer' };
      return refused('otherKey', `another key holds the name ${nodeName}: the device has been replaced, or joined anew`);
    }
  }
}

export function revocationText(nodeName: string, { at, reason }: Revocation): string {
  return `${nodeName} was revoked on ${timestamp(at)}${reason === '' ? '' : `: ${reason}`}`;
}

function refused(why: Extract<DeviceVerdict, { type: 'refused' }>['why'], text: string): DeviceVerdict {
  return { type: 'refused', why, text };
}
