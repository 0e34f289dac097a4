import type { KeyHash } from '@hawser/protocol';
import type { DeviceVerdict, Revocation } from '../types.ts';
import { type DeviceEntry, timestamp } from './record.ts';

/** Whether the device with this key may have a link, by its record. The record's keys are held against; nothing else is. */
export function judge(nodeName: string, entry: DeviceEntry | undefined, key: KeyHash): DeviceVerdict {
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
